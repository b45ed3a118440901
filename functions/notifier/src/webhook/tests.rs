use domain::event::EventType;
use domain::policy::ApprovalTier;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::fixtures::{detail, now};
use crate::settings::Settings;

/// HMAC-SHA256 from its definition (RFC 2104), not from the library that the code uses.
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> String {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::digest([&block.map(|byte| byte ^ 0x36)[..], message].concat());
    let outer = Sha256::digest([&block.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat());
    outer
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn settings(key: &str) -> WebhookSettings {
    let text = serde_json::json!({"webhook": {"url": "https://hook.acme.example/x", "signingKey": key}}).to_string();
    Settings::from_json(&text).unwrap().webhook.unwrap()
}

fn header<'a>(posting: &'a Posting, name: &str) -> &'a str {
    &posting.headers.iter().find(|(header, _)| *header == name).unwrap().1
}

#[test]
fn the_check_itself_knows_a_published_value() {
    // RFC 4231, test case 2.
    assert_eq!(
        hmac_sha256(b"Jefe", b"what do ya want for nothing?"),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn a_receiver_can_verify_the_signature() {
    for key in ["0123456789abcdef", &"k".repeat(64), &"long key ".repeat(20)] {
        let posting = posting(&settings(key), &detail(EventType::Approved, ApprovalTier::SecurityReview), now());
        let timestamp = header(&posting, TIMESTAMP_HEADER);
        assert_eq!(timestamp, "1795459905");
        let signed = format!("{timestamp}.{}", posting.body);
        assert_eq!(
            header(&posting, SIGNATURE_HEADER),
            format!("v1={}", hmac_sha256(key.as_bytes(), signed.as_bytes()))
        );
        let tampered = signed.replace("jane@", "john@");
        assert_ne!(
            header(&posting, SIGNATURE_HEADER),
            format!("v1={}", hmac_sha256(key.as_bytes(), tampered.as_bytes()))
        );
    }
}

#[test]
fn the_body_is_the_event_as_it_stands_on_the_bus() {
    for event in EventType::ALL {
        let detail = detail(event, ApprovalTier::ManagerApproval);
        let posting = posting(&settings("0123456789abcdef"), &detail, now());
        assert_eq!(serde_json::from_str::<Detail>(&posting.body).unwrap(), detail);
        assert_eq!(header(&posting, EVENT_ID_HEADER), "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f.1");
    }
}
