use domain::event::EventType;
use domain::policy::ApprovalTier;
use domain::text::{Comment, Justification, RiskAssessment};

use super::*;
use crate::audience::Reader;
use crate::fixtures::{Case, TIERS, submission};

fn message_of(case: &Case) -> Value {
    message(&case.content(Reader::Everybody))
}

/// All texts in a message with their type, wherever they stand.
fn texts(value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Object(members) => {
            let own = match (members.get("type"), members.get("text")) {
                (Some(kind), Some(Value::String(text))) => vec![(kind.as_str().unwrap().to_owned(), text.clone())],
                (None, Some(Value::String(text))) => vec![("fallback".to_owned(), text.clone())],
                _ => vec![],
            };
            own.into_iter().chain(members.values().flat_map(texts)).collect()
        }
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        _ => vec![],
    }
}

#[test]
fn nothing_that_people_write_mentions_anybody_or_links_anywhere() {
    let hostile = "<!channel> <@U123> <https://evil.example|Approve> & <b>\n>quote\u{202e}gnp\u{7}";
    let mut asked = submission(ApprovalTier::SecurityReview);
    asked.justification = Some(Justification::new(hostile).unwrap());
    asked.risk_assessment = Some(RiskAssessment::new(hostile).unwrap());
    asked.requester.email = "<!here>@acme.example".to_owned();
    asked.policy_rule = "<!everyone>".to_owned();
    let mut rejected = Case::of(EventType::Rejected, &asked);
    rejected.record.comment = Some(Comment::new(hostile).unwrap());
    rejected.record.approver = Some("<@U9>".to_owned());
    let mut approved = Case::of(EventType::Approved, &asked);
    approved.request.as_mut().unwrap().approvals[0].approver.email = "<@U9>".to_owned();
    let others = [EventType::Submitted, EventType::Failed].map(|event| Case::of(event, &asked));
    for case in others.into_iter().chain([rejected, approved]) {
        let message = message_of(&case);
        for (kind, text) in texts(&message) {
            // The one link is ours.
            let foreign = text.replace("<https://images.acme.example/request/", "");
            assert!(!foreign.contains('<'), "{kind}: {text}");
            assert!(!text.contains('\u{202e}') && !text.contains('\u{7}'), "{kind}: {text}");
        }
        let all = message.to_string();
        assert_eq!(all.matches("\"type\":\"mrkdwn\"").count(), all.matches("\"verbatim\":true").count());
        assert!(all.contains("&lt;!channel&gt; &lt;@U123&gt; &lt;https://evil.example|Approve&gt; &amp; &lt;b&gt;"));
        assert!(all.contains("\\n>&gt;quote[U+202E]gnp␇"));
    }
}

#[test]
fn slack_s_limits_hold_for_the_longest_texts() {
    let mut asked = submission(ApprovalTier::SecurityReview);
    asked.image = format!("{}:{}", "i".repeat(128), "t".repeat(128)).parse().unwrap();
    asked.policy_rule = "<".repeat(5_000);
    for unit in ["&", "\n", "🚀", "\u{202e}", "a"] {
        asked.justification = Some(Justification::new(format!("a{}", unit.repeat(1_999))).unwrap());
        asked.risk_assessment = Some(RiskAssessment::new(format!("a{}", unit.repeat(3_999))).unwrap());
        for event in EventType::ALL.into_iter().filter(|event| Case::of(*event, &asked).occasion().is_some()) {
            let message = message_of(&Case::of(event, &asked));
            assert!(message["blocks"].as_array().unwrap().len() <= 50);
            for block in message["blocks"].as_array().unwrap() {
                let units = |text: &Value| text["text"].as_str().unwrap().encode_utf16().count();
                match block["type"].as_str().unwrap() {
                    "header" => assert!((1..=150).contains(&units(&block["text"]))),
                    "section" => {
                        assert!(block.get("text").is_none_or(|text| (1..=3_000).contains(&units(text))));
                        let fields = block.get("fields").and_then(Value::as_array).map(Vec::as_slice);
                        assert!(fields.unwrap_or_default().len() <= 10);
                        assert!(fields.unwrap_or_default().iter().all(|field| (1..=2_000).contains(&units(field))));
                    }
                    "context" => {}
                    other => panic!("{other}"),
                }
            }
        }
    }
}

#[test]
fn what_is_cut_is_cut_between_characters_and_said() {
    let limit = |kept: usize| kept + units(CUT);
    let long = "b".repeat(40);
    assert_eq!(escaped("a&b", 7), "a&amp;b");
    assert_eq!(escaped(&format!("a&{long}"), limit(5)), format!("a{CUT}"));
    assert_eq!(escaped(&format!("a&{long}"), limit(6)), format!("a&amp;{CUT}"));
    assert_eq!(escaped(&format!("a🚀{long}"), limit(2)), format!("a{CUT}"));
    assert_eq!(escaped(&format!("a🚀{long}"), limit(3)), format!("a🚀{CUT}"));
    assert_eq!(escaped(&format!("a\n{long}"), limit(2)), format!("a{CUT}"));
}

#[test]
fn every_occasion_has_a_message_with_the_request_s_address() {
    for event in EventType::ALL {
        for tier in TIERS {
            let case = Case::new(event, tier);
            if case.occasion().is_some() {
                let link = "<https://images.acme.example/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f|";
                let message = message_of(&case).to_string();
                assert!(message.contains(link));
                assert!(!message.contains("signature=") && !message.contains("/approval/"), "{message}");
            }
        }
    }
}

#[test]
fn a_message_reads_like_this() {
    let message = message_of(&Case::new(EventType::Submitted, ApprovalTier::ManagerApproval));
    expect_test::expect_file!["please-decide.json"]
        .assert_eq(&(serde_json::to_string_pretty(&message).unwrap() + "\n"));
}
