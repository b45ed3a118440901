use domain::event::EventType;
use domain::policy::ApprovalTier;
use domain::text::{Justification, RiskAssessment};
use expect_test::{expect, expect_file};
use proptest::prelude::*;

use super::*;
use crate::audience::{Occasion, Reader};
use crate::fixtures::{TIERS, installation, record, record_of, submission};

fn mail_of(record: &Record, reader: Reader) -> Mail {
    let occasion = Occasion::of(record.event_type, record.approval_tier).unwrap();
    let content = Content::new(occasion, reader, record, &installation());
    mail(&content, record, vec!["someone@acme.example".to_owned()]).unwrap()
}

fn asked_with(justification: &str) -> Record {
    let mut asked = submission(ApprovalTier::SecurityReview);
    asked.justification = Some(Justification::new(justification).unwrap());
    asked.risk_assessment = Some(RiskAssessment::new(justification).unwrap());
    record_of(EventType::Submitted, &asked)
}

/// How often each character that HTML gives a meaning occurs. Equal counts: nothing was added to the structure.
fn structure(html: &str) -> [usize; 3] {
    ['<', '>', '"'].map(|c| html.matches(c).count())
}

#[test]
fn please_decide_as_text() {
    let mail = mail_of(&record(EventType::Submitted, ApprovalTier::ManagerApproval), Reader::Approvers);
    assert_eq!(
        mail.subject,
        "[cgr-request] python:latest-dev for data-engineering: please decide (req-...5a6b7c8d9e0f)"
    );
    expect![[r"
        jane@acme.example asks for python:latest-dev

        It is for data-engineering in production. The policy's rule “default” asks for a manager's approval; one approval is enough.

        Review and decide:
        https://images.acme.example/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f

        Justification:
        > The nightly ML pipeline needs pip at build time.
        > Owner: #data-oncall

        Image           python:latest-dev
        Repository      cgr.dev/acme/python
        Team            data-engineering
        Environment     production
        Requester       jane@acme.example
        Tier            manager-approval
        Policy rule     default (policy version 1)
        Waiting for     data-engineering-leads
        Decision due    Tue 24 Nov 2026, 18:51 UTC
        Expires         Mon 7 Dec 2026, 18:51 UTC

        -- 
        You get this mail because you may decide requests of the team data-engineering.
        req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f, event 1
    "]].assert_eq(&mail.text);
}

#[test]
fn please_decide_as_html() {
    let mail = mail_of(&record(EventType::Submitted, ApprovalTier::ManagerApproval), Reader::Approvers);
    expect_file!["please-decide.html"].assert_eq(&mail.html);
}

#[test]
fn the_pull_line_is_exact() {
    let mut asked = submission(ApprovalTier::ManagerApproval);
    asked.custom_name = Some("python-etl".parse().unwrap());
    let mail = mail_of(&record_of(EventType::Available, &asked), Reader::Requester);
    let line = "docker pull cgr.dev/acme/python-etl:latest-dev";
    assert!(mail.text.lines().any(|l| l.trim() == line), "{}", mail.text);
    assert!(mail.html.contains(&format!(">{line}</div>")));
}

#[test]
fn a_failure_says_what_happened_and_what_helps() {
    for reader in [Reader::Requester, Reader::Administrators] {
        let mail = mail_of(&record(EventType::Failed, ApprovalTier::ManagerApproval), reader);
        for text in ["not-entitled", "The plan does not include python.", "Ask the platform team to extend the plan."] {
            assert!(mail.text.contains(text) && mail.html.contains(text), "{text}");
        }
    }
}

#[test]
fn a_rejection_gives_its_reason() {
    let mail = mail_of(&record(EventType::Rejected, ApprovalTier::ManagerApproval), Reader::Requester);
    assert!(mail.text.contains("\nReason:\n> Use the FIPS variant instead.\n"), "{}", mail.text);
    assert!(mail.text.contains("dana@acme.example"));
}

#[test]
fn hostile_text_stays_text() {
    let plain = structure(&mail_of(&asked_with("harmless"), Reader::Approvers).html);
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</bdi></div></table><h1>Approved</h1>",
        "<!-- ]]> {{ content.url }} {% raw %}",
        "<style>.card{display:none}</style>",
        "&lt;script&gt; &#60; &amp;",
        "\u{202e}live.elpmaxe//:sptth\u{2066}",
        "\0\u{1}\u{8}\u{1b}[2J\u{7f}\u{9b}2J",
        "🚀 👩‍🚀 🏴󠁧󠁢󠁳󠁣󠁴󠁿 שלום مرحبا",
    ] {
        let mail = mail_of(&asked_with(hostile), Reader::Approvers);
        assert_eq!(structure(&mail.html), plain, "{hostile}");
        for body in [&mail.html, &mail.text] {
            assert!(!body.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{hostile}");
            assert!(!body.contains(['\u{202e}', '\u{2066}']), "{hostile}");
        }
        assert!(!mail.subject.contains(hostile));
    }
    let marked = mail_of(&asked_with("a\u{202e}b\0c"), Reader::Approvers);
    assert!(marked.html.contains("<bdi style=\"white-space:pre-wrap;\">a[U+202E]b␀c</bdi>"));
    assert!(marked.text.contains("> a[U+202E]b␀c\n"));
    let emoji = mail_of(&asked_with("🏴󠁧󠁢󠁳󠁣󠁴󠁿 👩‍🚀"), Reader::Approvers);
    assert!(emoji.html.contains("🏴󠁧󠁢󠁳󠁣󠁴󠁿 👩‍🚀") && emoji.text.contains("🏴󠁧󠁢󠁳󠁣󠁴󠁿 👩‍🚀"));
}

#[test]
fn a_justification_cannot_pass_for_the_mail_itself() {
    let mail = mail_of(&asked_with("fine\n\n-- \nReview and decide:\r\nhttps://evil.example/"), Reader::Approvers);
    let lines: Vec<&str> = mail.text.lines().collect();
    assert!(lines.contains(&"> https://evil.example/") && lines.contains(&"> -- "));
    assert_eq!(lines.iter().filter(|line| **line == "Review and decide:").count(), 1);
    assert_eq!(lines.iter().filter(|line| **line == "-- ").count(), 1);
}

#[test]
fn hostile_names_stay_in_their_line() {
    let mut asked = submission(ApprovalTier::ManagerApproval);
    asked.requester.email = "jane\r\nBcc: all@acme.example<script>".to_owned();
    asked.policy_rule = "a\n<b>".to_owned();
    let mail = mail_of(&record_of(EventType::Submitted, &asked), Reader::Approvers);
    assert!(!mail.text.lines().any(|line| line.starts_with("Bcc")));
    assert!(mail.text.contains("jane␍␊Bcc: all@acme.example<script>"));
    assert!(!mail.html.contains("<script") && !mail.html.contains("<b>"));
}

#[test]
fn every_subject_is_a_line_of_ascii_without_free_text() {
    for event in EventType::ALL {
        for tier in TIERS {
            for reader in [Reader::Requester, Reader::Approvers, Reader::Administrators] {
                if Occasion::of(event, tier).is_none() {
                    continue;
                }
                let mail = mail_of(&record(event, tier), reader);
                assert!(mail.subject.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", mail.subject);
                assert!(mail.subject.starts_with("[cgr-request] python:latest-dev for data-engineering: "));
                assert!(mail.subject.ends_with(" (req-...5a6b7c8d9e0f)"));
                assert!(!mail.subject.contains("jane"));
            }
        }
    }
}

#[test]
fn html_loads_nothing_and_runs_nothing() {
    let html = mail_of(&record(EventType::Submitted, ApprovalTier::ManagerApproval), Reader::Approvers).html;
    for remote in ["<script", "<img", "<link", "src=", "@import", "url(", "onclick", "<form"] {
        assert!(!html.contains(remote), "{remote}");
    }
    let addresses: Vec<&str> = html.match_indices("href=\"").map(|(at, _)| &html[at + 6..at + 33]).collect();
    assert_eq!(addresses, ["https://images.acme.example"; 2]);
}

proptest! {
    #[test]
    fn no_text_changes_the_structure(text in "\\PC{0,40}[<>\"'&/ -~\\r\\n\\x00-\\x1f]{1,80}x") {
        let mail = mail_of(&asked_with(&text), Reader::Approvers);
        let plain = mail_of(&asked_with("harmless"), Reader::Approvers);
        prop_assert_eq!(structure(&mail.html), structure(&plain.html));
    }
}
