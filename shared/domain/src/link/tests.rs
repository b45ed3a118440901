use proptest::prelude::*;

use super::*;
use crate::fixtures::at;

const ID: &str = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f";
const OTHER_ID: &str = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e1f";

fn ring(current: &str, previous: Option<&str>) -> KeyRing {
    let secret = |id: &str| format!("{id}-{}", "s".repeat(40));
    let previous =
        previous.map_or_else(String::new, |id| format!(r#","previousId":"{id}","previous":"{}""#, secret(id)));
    KeyRing::from_json(&format!(r#"{{"currentId":"{current}","current":"{}"{previous}}}"#, secret(current))).unwrap()
}

fn link_for(approver: &str) -> Link {
    Link {
        request: ID.parse().unwrap(),
        approver: approver.to_owned(),
        digest: Digest::of(b"what is asked"),
        expires: at(3600),
    }
}

fn query(link: &str) -> &str {
    link.split_once('?').unwrap().1
}

fn read(ring: &KeyRing, link: &str) -> Result<Link, LinkError> {
    let (path, query) = link.split_once('?').unwrap();
    let id = path.strip_prefix("/approval/").ok_or(LinkError::Malformed)?;
    ring.verify(id.parse().map_err(|_| LinkError::Malformed)?, query, at(0))
}

#[test]
fn a_link_says_what_it_was_made_of_until_it_expires() {
    let ring = ring("k1", None);
    for approver in ["dana@acme.example", "o'hara+x&y=z@acme.example", "jürgen@bücher.example"] {
        let link = link_for(approver);
        let text = ring.link(&link);
        assert_eq!(read(&ring, &text).unwrap(), link, "{text}");
        let id = ID.parse().unwrap();
        assert_eq!(ring.verify(id, query(&text), at(3599)), Ok(link.clone()));
        assert_eq!(ring.verify(id, query(&text), at(3600)), Err(LinkError::Expired(link)));
    }
}

#[test]
fn a_link_has_the_parameters_of_a_presigned_url_in_order_and_needs_no_escaping() {
    let text = ring("k1", None).link(&link_for("dana@acme.example"));
    let names: Vec<&str> = query(&text).split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
    assert_eq!(names, ["approver", "digest", "expires", "key", "signature"]);
    assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/?&=-_".contains(&b)), "{text}");
}

#[test]
fn the_signature_is_hmac_sha256_of_path_and_parameters() {
    let ring = ring("k1", None);
    let text = ring.link(&link_for("dana@acme.example"));
    let (signed, signature) = text.rsplit_once("&signature=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(format!("k1-{}", "s".repeat(40)).as_bytes()).unwrap();
    mac.update(format!("cgr-request-link-1\n{signed}").as_bytes());
    assert_eq!(signature, Digest::from(<[u8; 32]>::from(mac.finalize().into_bytes())).to_string());
}

#[test]
fn keys_stay_good_for_one_rotation_and_no_longer() {
    let first = ring("k1", None);
    let text = first.link(&link_for("dana@acme.example"));
    assert!(read(&ring("k2", Some("k1")), &text).is_ok());
    assert_eq!(read(&ring("k3", Some("k2")), &text), Err(LinkError::UnknownKey));
    // The same name with another secret is another key.
    let renamed = KeyRing::from_json(&format!(r#"{{"currentId":"k1","current":"{}"}}"#, "t".repeat(40))).unwrap();
    assert_eq!(read(&renamed, &text), Err(LinkError::Forged));
}

#[test]
fn links_outlive_one_rotation_of_the_ring_and_not_two() {
    let secret = |letter: &str| letter.repeat(40);
    let first = ring("k1", None);
    let text = first.link(&link_for("dana@acme.example"));
    let second = first.rotated("k2".to_owned(), secret("b")).unwrap();
    let third = second.rotated("k3".to_owned(), secret("c")).unwrap();
    assert!(read(&second, &text).is_ok());
    assert_eq!(read(&third, &text), Err(LinkError::UnknownKey));
    assert!(second.honours(&first) && third.honours(&second) && first.honours(&first));
    assert!(!third.honours(&first) && !first.honours(&second));
    // Under the same names, other keys.
    let other = KeyRing::from_json(&format!(r#"{{"currentId":"k1","current":"{}"}}"#, secret("x"))).unwrap();
    assert!(!second.honours(&other));
}

#[test]
fn a_ring_reads_back_as_it_was_written() {
    let first = ring("k1", None);
    let second = first.rotated("k2".to_owned(), "b".repeat(40)).unwrap();
    for ring in [first, second] {
        let back = KeyRing::from_json(&ring.to_json()).unwrap();
        let parts = |key: &Key| (key.id.clone(), key.secret.clone());
        assert_eq!(parts(&back.current), parts(&ring.current));
        assert_eq!(back.previous.as_ref().map(parts), ring.previous.as_ref().map(parts));
    }
}

#[test]
fn a_new_key_needs_a_name_of_its_own_and_strength() {
    let ring = ring("k2", Some("k1"));
    for id in ["k1", "k2", "", "a b"] {
        assert_eq!(ring.rotated(id.to_owned(), "b".repeat(40)).unwrap_err(), KeyRingError::KeyId, "{id}");
    }
    assert_eq!(ring.rotated("k3".to_owned(), "b".repeat(31)).unwrap_err(), KeyRingError::TooShort);
}

#[test]
fn parameters_that_are_dropped_doubled_or_reordered_are_refused() {
    let ring = ring("k1", None);
    let text = ring.link(&link_for("dana@acme.example"));
    let id = ID.parse().unwrap();
    let pairs: Vec<&str> = query(&text).split('&').collect();
    for index in 0..pairs.len() {
        let mut dropped = pairs.clone();
        dropped.remove(index);
        let mut doubled = pairs.clone();
        doubled.push(pairs[index]);
        let mut doubled_in_place = pairs.clone();
        doubled_in_place.insert(index, pairs[index]);
        let mut first = pairs.clone();
        first.swap(0, index);
        let mut last = pairs.clone();
        last.swap(index, pairs.len() - 1);
        let mut emptied = pairs.clone();
        emptied[index] = pairs[index].split_once('=').unwrap().0;
        for changed in [dropped, doubled, doubled_in_place, first, last, emptied] {
            if changed != pairs {
                let query = changed.join("&");
                assert!(ring.verify(id, &query, at(0)).is_err(), "{query}");
            }
        }
    }
    for extra in ["&", "&x=1", "&decision=approve", "#", "?"] {
        assert!(ring.verify(id, &format!("{}{extra}", query(&text)), at(0)).is_err(), "{extra}");
        assert!(ring.verify(id, &format!("{extra}{}", query(&text)), at(0)).is_err(), "{extra}");
    }
    assert!(ring.verify(id, "", at(0)).is_err());
}

#[test]
fn a_link_is_good_for_its_own_request_only() {
    let ring = ring("k1", None);
    let text = ring.link(&link_for("dana@acme.example"));
    assert_eq!(ring.verify(OTHER_ID.parse().unwrap(), query(&text), at(0)), Err(LinkError::Forged));
}

#[test]
fn a_link_with_another_spelling_of_the_same_values_is_refused() {
    let ring = ring("k1", None);
    let text = ring.link(&link_for("dana@acme.example"));
    let id: RequestId = ID.parse().unwrap();
    let query = query(&text);
    let approver = URL_SAFE_NO_PAD.encode("dana@acme.example");
    let respelt = [
        query.replace("expires=", "expires=0"),
        query.replace("expires=", "expires=+"),
        query.replace("expires=", "expires=%31").replacen("%311", "%31", 1),
        query.replace(&approver, &format!("{approver}=")),
        query.replace(&approver, "dana%40acme.example"),
        query.replace(&approver, "dana@acme.example"),
        query.replace("approver=", "%61pprover="),
        query.replace("approver=", "Approver="),
        query.to_uppercase(),
        query.replace('&', "&amp;"),
        query.replace('&', ";"),
    ];
    for changed in respelt {
        assert_ne!(changed, query);
        assert!(ring.verify(id, &changed, at(0)).is_err(), "{changed}");
    }
}

#[test]
fn every_single_character_counts() {
    let ring = ring("k1", Some("k0"));
    let text = ring.link(&link_for("dana@acme.example"));
    for index in 0..text.len() {
        for replacement in ['0', '1', 'a', 'A', 'f', 'F', '-', '_', '%', '&', '=', ' ', '+', '\0'] {
            let mut changed: Vec<char> = text.chars().collect();
            if changed[index] == replacement {
                continue;
            }
            changed[index] = replacement;
            let changed: String = changed.into_iter().collect();
            if changed.contains('?') {
                assert!(read(&ring, &changed).is_err(), "{changed}");
            }
        }
        let mut shorter = text.clone();
        shorter.remove(index);
        if shorter.contains('?') {
            assert!(read(&ring, &shorter).is_err(), "{shorter}");
        }
    }
}

#[test]
fn a_ring_that_is_not_safe_is_refused_without_showing_it() {
    let long = "s".repeat(40);
    for (text, expected) in [
        ("secret".to_owned(), KeyRingError::Form),
        ("{}".to_owned(), KeyRingError::Form),
        (format!(r#"{{"currentId":"k1","current":"{long}","previousId":"k0"}}"#), KeyRingError::Form),
        (format!(r#"{{"currentId":"k1","current":"{long}","extra":"x"}}"#), KeyRingError::Form),
        (format!(r#"{{"currentId":"","current":"{long}"}}"#), KeyRingError::KeyId),
        (format!(r#"{{"currentId":"a&b","current":"{long}"}}"#), KeyRingError::KeyId),
        (
            format!(r#"{{"currentId":"k1","current":"{long}","previousId":"k1","previous":"{long}"}}"#),
            KeyRingError::KeyId,
        ),
        (r#"{"currentId":"k1","current":"short-secret"}"#.to_owned(), KeyRingError::TooShort),
    ] {
        let error = KeyRing::from_json(&text).unwrap_err();
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("secret") && !error.to_string().contains(&long));
    }
    assert_eq!(format!("{:?}", ring("k1", None)), "KeyRing");
}

proptest! {
    /// Whatever is done to a link: it is refused, or it is the very link.
    #[test]
    fn no_mutation_of_a_link_is_accepted(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0..4_u8), 1..4),
    ) {
        let ring = ring("k1", Some("k0"));
        let link = link_for("dana@acme.example");
        let text = ring.link(&link);
        let mut changed: Vec<char> = query(&text).chars().collect();
        for (place, character, kind) in edits {
            if changed.is_empty() {
                break;
            }
            let index = place.index(changed.len());
            match kind {
                0 => changed[index] = character,
                1 => changed.insert(index, character),
                2 => drop(changed.remove(index)),
                _ => {
                    let other = changed.len() - 1 - index;
                    changed.swap(index, other);
                }
            }
        }
        let changed: String = changed.into_iter().collect();
        let verified = ring.verify(ID.parse().unwrap(), &changed, at(0)).ok();
        let expected = (changed == query(&text)).then_some(link);
        prop_assert_eq!(verified, expected);
    }

    /// Nothing but a link is one, however it looks.
    #[test]
    fn no_text_is_a_link(text in ".{0,300}") {
        prop_assert!(ring("k1", None).verify(ID.parse().unwrap(), &text, at(0)).is_err());
    }
}
