use domain::event::EventType;
use domain::policy::ApprovalTier;
use domain::text::{Comment, Justification, RiskAssessment};

use super::*;
use crate::audience::{Occasion, Reader};
use crate::fixtures::{TIERS, installation, record, record_of, submission};

fn message_of(record: &domain::journal::Record) -> Value {
    let occasion = Occasion::of(record.event_type, record.approval_tier).unwrap();
    message(&Content::new(occasion, Reader::Everybody, record, &installation()))
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
    let mut rejected = record_of(EventType::Rejected, &asked);
    rejected.comment = Some(Comment::new(hostile).unwrap());
    rejected.approver = Some("<@U9>".to_owned());
    for record in [record_of(EventType::Submitted, &asked), rejected, record_of(EventType::Failed, &asked)] {
        let message = message_of(&record);
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
        for event in [EventType::Submitted, EventType::Failed, EventType::Available] {
            let message = message_of(&record_of(event, &asked));
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
            let record = record(event, tier);
            if Occasion::of(event, tier).is_some() {
                let link = "<https://images.acme.example/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f|";
                assert!(message_of(&record).to_string().contains(link));
            }
        }
    }
}

#[test]
fn a_message_reads_like_this() {
    let message = message_of(&record(EventType::Available, ApprovalTier::ManagerApproval));
    expect_test::expect![[r#"
        {
          "blocks": [
            {
              "text": {
                "emoji": false,
                "text": "python:latest-dev for data-engineering is ready to pull",
                "type": "plain_text"
              },
              "type": "header"
            },
            {
              "text": {
                "text": "*ready to pull*\njane@acme.example asked for it, and it is in the organisation's registry.",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "text": {
                "text": "```docker pull cgr.dev/acme/python:latest-dev```",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "text": {
                "text": "*Justification*\n>The nightly ML pipeline needs pip at build time.\n>Owner: #data-oncall",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "fields": [
                {
                  "text": "*Image*\npython:latest-dev",
                  "type": "mrkdwn",
                  "verbatim": true
                },
                {
                  "text": "*Repository*\ncgr.dev/acme/python",
                  "type": "mrkdwn",
                  "verbatim": true
                },
                {
                  "text": "*Team*\ndata-engineering",
                  "type": "mrkdwn",
                  "verbatim": true
                },
                {
                  "text": "*Environment*\nproduction",
                  "type": "mrkdwn",
                  "verbatim": true
                },
                {
                  "text": "*Requester*\njane@acme.example",
                  "type": "mrkdwn",
                  "verbatim": true
                },
                {
                  "text": "*Tier*\nmanager-approval",
                  "type": "mrkdwn",
                  "verbatim": true
                },
                {
                  "text": "*Policy rule*\ndefault (policy version 1)",
                  "type": "mrkdwn",
                  "verbatim": true
                }
              ],
              "type": "section"
            },
            {
              "text": {
                "text": "<https://images.acme.example/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f|Open the request>",
                "type": "mrkdwn",
                "verbatim": true
              },
              "type": "section"
            },
            {
              "elements": [
                {
                  "text": "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f, event 1",
                  "type": "mrkdwn",
                  "verbatim": true
                }
              ],
              "type": "context"
            }
          ],
          "text": "python:latest-dev for data-engineering is ready to pull",
          "unfurl_links": false,
          "unfurl_media": false
        }"#]].assert_eq(&serde_json::to_string_pretty(&message).unwrap());
}
