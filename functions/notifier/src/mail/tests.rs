use std::collections::BTreeSet;

use domain::policy::ApprovalTier;
use domain::text::{Justification, RiskAssessment};
use expect_test::{expect, expect_file};
use proptest::prelude::*;

use super::*;
use crate::audience::Reader;
use crate::fixtures::{Case, TIERS, decision, hours, keys, now, policy_of_two, request_after, submission};

const READERS: [Reader; 4] = [Reader::Requester, Reader::Approver, Reader::Mailbox, Reader::Administrators];

fn mail_of(case: &Case, reader: Reader) -> Mail {
    mail(&case.content(reader), &case.record, vec!["someone@acme.example".to_owned()]).unwrap()
}

fn please_decide() -> Case {
    Case::new(EventType::Submitted, ApprovalTier::ManagerApproval)
}

fn asked_with(justification: &str) -> Case {
    let mut asked = submission(ApprovalTier::SecurityReview);
    asked.justification = Some(Justification::new(justification).unwrap());
    asked.risk_assessment = Some(RiskAssessment::new(justification).unwrap());
    Case::of(EventType::Submitted, &asked)
}

/// Every mail that there is.
fn all_mails() -> Vec<(Case, Reader, Mail)> {
    let mut mails = Vec::new();
    for event in EventType::ALL {
        for tier in TIERS {
            let case = Case::new(event, tier);
            if case.occasion().is_some() {
                mails.extend(READERS.map(|reader| (case.clone(), reader, mail_of(&case, reader))));
            }
        }
    }
    mails
}

/// How often each character that HTML gives a meaning occurs. Equal counts: nothing was added to the structure.
fn structure(html: &str) -> [usize; 3] {
    ['<', '>', '"'].map(|c| html.matches(c).count())
}

#[test]
fn please_decide_as_text() {
    let mail = mail_of(&please_decide(), Reader::Approver);
    assert_eq!(mail.subject, "[cgr-request] python:latest-dev for data-engineering (req-...7c8d9e0f): please decide");
    expect![[r"
        jane@acme.example asks for python:latest-dev

        It is for data-engineering in production. The policy's rule “default” asks for a manager's approval; one approval is enough.

        Review and decide:
        https://images.acme.example/approval/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f?approver=ZGFuYUBhY21lLmV4YW1wbGU&digest=258f2283f4543412c971d06ce458eedf62b4a34169310543e5ca2ae19daf6eb0&expires=1796669505&key=k1&signature=1bba2d64d86c47a2c2034b7b5dc24cb10e7d09be20e5d545f80803b51fcba65a

        This link is yours alone: do not pass it on. It shows the request, and you decide on the page, once. It works until Mon 7 Dec 2026, 18:51 UTC (14 days).

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
        Approvals       0 of 1 given
        Decision due    Tue 24 Nov 2026, 18:51 UTC
        Expires         Mon 7 Dec 2026, 18:51 UTC
        Digest          258f2283f4543412c971d06ce458eedf62b4a34169310543e5ca2ae19daf6eb0

        -- 
        You get this mail because you may decide requests of the team data-engineering.
        req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f, event 1
    "]].assert_eq(&mail.text);
}

#[test]
fn please_decide_as_html() {
    expect_file!["please-decide.html"].assert_eq(&mail_of(&please_decide(), Reader::Approver).html);
}

#[test]
fn a_mailbox_is_told_how_to_decide_and_who_has_a_link() {
    expect![[r#"
        jane@acme.example asks for python:latest-dev

        It is for data-engineering in production. The policy's rule “default” asks for a manager's approval; one approval is enough.

        Several people read this mail, so it has no link. With a link of their own by mail: dana@acme.example, dmitri@acme.example. Whoever may decide can also do so with a token, by one of these lines:

            curl -X PATCH https://images.acme.example/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f/approve -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{"digest":"258f2283f4543412c971d06ce458eedf62b4a34169310543e5ca2ae19daf6eb0"}'

            curl -X PATCH https://images.acme.example/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f/reject -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d '{"comment":"why not","digest":"258f2283f4543412c971d06ce458eedf62b4a34169310543e5ca2ae19daf6eb0"}'

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
        Approvals       0 of 1 given
        Decision due    Tue 24 Nov 2026, 18:51 UTC
        Expires         Mon 7 Dec 2026, 18:51 UTC
        Digest          258f2283f4543412c971d06ce458eedf62b4a34169310543e5ca2ae19daf6eb0

        -- 
        You get this mail because readers of this address may decide requests of the team data-engineering.
        req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f, event 1
    "#]].assert_eq(&mail_of(&please_decide(), Reader::Mailbox).text);
}

#[test]
fn where_a_link_does_not_decide_the_mail_says_what_does() {
    let case = Case::new(EventType::Submitted, ApprovalTier::SecurityReview);
    let mail = mail_of(&case, Reader::Approver);
    let digest = case.request.as_ref().unwrap().digest();
    for line in [
        "Look at the request:".to_owned(),
        "https://images.acme.example/approval/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f?approver=".to_owned(),
        format!(
            "curl -X PATCH https://images.acme.example/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f/approve \
             -H \"Authorization: Bearer $TOKEN\" -H \"Content-Type: application/json\" -d '{{\"digest\":\"{digest}\"}}'"
        ),
    ] {
        assert!(mail.text.contains(&line), "{line}\n{}", mail.text);
    }
    assert!(!mail.text.contains("Review and decide"));
}

#[test]
fn a_reminder_says_by_when_and_how_long_it_has_waited() {
    let mail = mail_of(&Case::new(EventType::Reminded, ApprovalTier::ManagerApproval), Reader::Approver);
    let lead = "It has waited for 8 hours, and the decision is due on Tue 24 Nov 2026, 18:51 UTC.";
    assert!(mail.text.contains(lead), "{}", mail.text);
}

#[test]
fn an_escalation_says_who_was_asked_first() {
    let mail = mail_of(&Case::new(EventType::Escalated, ApprovalTier::ManagerApproval), Reader::Approver);
    for text in [
        "data-engineering-leads were asked first and did not decide by Tue 24 Nov 2026, 18:51 UTC, \
         so platform-engineering-leads may decide, too.",
        "Asked first     data-engineering-leads (dana@acme.example, dmitri@acme.example)",
    ] {
        assert!(mail.text.contains(text), "{}", mail.text);
    }
}

#[test]
fn a_partial_approval_says_how_many_are_missing_and_from_whom() {
    let case = Case::new(EventType::ApprovalRecorded, ApprovalTier::ManagerApproval).under(&policy_of_two());
    let mail = mail_of(&case, Reader::Requester);
    for text in [
        "dana@acme.example approved your request for python:latest-dev",
        "1 of 2 approvals is given; still missing: 1 from security-reviewers.",
        "Approved by     dana@acme.example, by signed link, Mon 23 Nov 2026, 19:51 UTC",
        "Waiting for     security-reviewers",
        "Approvals       1 of 2 given",
    ] {
        assert!(mail.text.contains(text), "{text}\n{}", mail.text);
    }
}

#[test]
fn a_decision_names_who_decided_for_whom_and_their_words() {
    let mut case = Case::new(EventType::Approved, ApprovalTier::ManagerApproval);
    let given = &mut case.request.as_mut().unwrap().approvals[0];
    given.on_behalf_of = Some("dmitri@acme.example".to_owned());
    case.record.on_behalf_of = Some("dmitri@acme.example".to_owned());
    for reader in [Reader::Requester, Reader::Approver, Reader::Mailbox] {
        let mail = mail_of(&case, reader);
        for text in [
            "dana@acme.example (on behalf of dmitri@acme.example) approved",
            "Approved by     dana@acme.example, on behalf of dmitri@acme.example, by signed link",
            "Comment of dana@acme.example:\n> Use the FIPS variant instead.",
        ] {
            assert!(mail.text.contains(text), "{text}\n{}", mail.text);
        }
    }
}

#[test]
fn approvers_are_told_that_there_is_nothing_to_do_any_more() {
    for event in [EventType::Approved, EventType::Rejected, EventType::Cancelled, EventType::Expired] {
        let mail = mail_of(&Case::new(event, ApprovalTier::ManagerApproval), Reader::Approver);
        assert!(mail.subject.ends_with(", nothing to do"), "{}", mail.subject);
        assert!(mail.text.contains("nothing to do any more"), "{}", mail.text);
    }
}

#[test]
fn a_broken_glass_says_who_why_and_who_was_passed_over() {
    let mut case = Case::new(EventType::BreakGlassUsed, ApprovalTier::ManagerApproval).under(&policy_of_two());
    let earlier = decision("dana@acme.example", "data-engineering-leads", now().plus(hours(1)));
    case.request.as_mut().unwrap().approvals.insert(0, earlier);
    for reader in READERS {
        let mail = mail_of(&case, reader);
        assert_eq!(
            mail.subject,
            "BREAK GLASS: [cgr-request] python:latest-dev for data-engineering (req-...7c8d9e0f): approved alone"
        );
        for text in [
            "BREAK GLASS: ian@acme.example alone approved ",
            "Break glass     ian@acme.example, with a token, Mon 23 Nov 2026, 20:51 UTC",
            "Passed over     1 from security-reviewers\n",
            "Approved by     dana@acme.example, by signed link",
            "Reason of ian@acme.example for breaking the glass:\n> Incident 4711: the registry is down.",
        ] {
            assert!(mail.text.contains(text), "{text}\n{}", mail.text);
        }
    }
}

#[test]
fn outcomes_after_a_broken_glass_name_it() {
    for event in [EventType::Failed, EventType::Available] {
        let mut case = Case::new(event, ApprovalTier::ManagerApproval);
        let broken = request_after(EventType::BreakGlassUsed, &submission(ApprovalTier::ManagerApproval));
        let request = case.request.as_mut().unwrap();
        (request.approvals, request.break_glass) = (broken.approvals, broken.break_glass);
        let text = mail_of(&case, Reader::Requester).text;
        assert!(text.contains("\nBreak glass     ian@acme.example, with a token"), "{text}");
        assert!(!text.contains("Approved by"), "{text}");
        assert!(text.contains("approved by breaking the glass, by ian@acme.example alone"), "{text}");
    }
}

#[test]
fn what_is_sent_round_again_is_asked_for_again() {
    let case = Case::new(EventType::Retried, ApprovalTier::ManagerApproval);
    let to_requester = mail_of(&case, Reader::Requester);
    assert!(to_requester.text.contains("is being asked for again") && to_requester.text.contains("alex@acme.example"));
    let to_approver = mail_of(&case, Reader::Approver);
    assert!(to_approver.text.contains("Review and decide:\nhttps://images.acme.example/approval/req-"));
    assert!(to_approver.text.contains("Earlier approvals and links do not count any more."));
}

#[test]
fn the_pull_line_is_exact() {
    let mut asked = submission(ApprovalTier::ManagerApproval);
    asked.custom_name = Some("python-etl".parse().unwrap());
    let mail = mail_of(&Case::of(EventType::Available, &asked), Reader::Requester);
    let line = "docker pull cgr.dev/acme/python-etl:latest-dev";
    assert!(mail.text.lines().any(|l| l.trim() == line), "{}", mail.text);
    assert!(mail.html.contains(&format!(">{line}</div>")));
}

#[test]
fn a_failure_says_what_happened_and_what_helps() {
    let case = Case::new(EventType::Failed, ApprovalTier::ManagerApproval);
    for reader in [Reader::Requester, Reader::Administrators] {
        let mail = mail_of(&case, reader);
        for text in ["not-entitled", "The plan does not include python.", "Ask the platform team to extend the plan."] {
            assert!(mail.text.contains(text) && mail.html.contains(text), "{text}");
        }
        let retry = "/request/req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f/retry -H";
        assert_eq!(mail.text.contains(retry), reader == Reader::Administrators);
    }
}

#[test]
fn a_rejection_gives_its_reason() {
    for reader in [Reader::Requester, Reader::Approver] {
        let mail = mail_of(&Case::new(EventType::Rejected, ApprovalTier::ManagerApproval), reader);
        assert!(mail.text.contains("\nReason:\n> Use the FIPS variant instead.\n"), "{}", mail.text);
        assert!(mail.text.contains("Rejected by     dana@acme.example"));
    }
}

#[test]
fn a_mail_has_at_most_one_link_and_only_an_asked_approvers_is_signed() {
    for (case, reader, mail) in all_mails() {
        let links = mail.html.matches("href=").count();
        let asks = case.occasion().unwrap().asks_for_decision() && case.request.is_some();
        assert_eq!(links, usize::from(!(asks && reader == Reader::Mailbox)), "{reader:?} {}", mail.subject);
        let signed = usize::from(asks && reader == Reader::Approver);
        assert_eq!(mail.text.matches("signature=").count(), signed, "{reader:?} {}", mail.subject);
        // The button, and the address below it to be copied.
        assert_eq!(mail.html.matches("signature=").count(), 2 * signed);
    }
}

#[test]
fn the_link_is_in_text_and_html_as_it_is_verified() {
    let case = please_decide();
    let mail = mail_of(&case, Reader::Approver);
    let link = mail.text.lines().find(|line| line.starts_with("https://")).unwrap();
    assert!(mail.html.contains(&format!("href=\"{}\"", link.replace('&', "&#38;"))), "{}", mail.html);
    let (_, query) = link.split_once('?').unwrap();
    let read = keys().verify(case.record.request_id, query, now()).unwrap();
    assert_eq!(read.approver, "dana@acme.example");
    // The tier's, in words as well.
    assert_eq!(read.expires.as_second(), now().plus(hours(14 * 24)).as_second());
    assert!(mail.text.contains("It works until Mon 7 Dec 2026, 18:51 UTC (14 days)."), "{}", mail.text);
}

/// Everything in a message, whatever it is written in.
fn pieces(case: &Case, reader: Reader) -> Vec<String> {
    let content = case.content(reader);
    let mut pieces = vec![content.title, content.lead, content.reason, content.reference];
    pieces.extend(content.command.into_iter().chain(content.note));
    pieces.extend(content.by_token.into_iter().flat_map(|by_token| [vec![by_token.lead], by_token.commands].concat()));
    pieces.extend(content.facts.into_iter().map(|fact| fact.value));
    let mut pieces: Vec<String> = pieces.iter().map(ToString::to_string).collect();
    pieces.extend(content.action.map(|action| action.target.url().to_owned()));
    for passage in content.passages {
        pieces.push(passage.label.to_string());
        pieces.extend(passage.text.as_str().lines().map(ToOwned::to_owned));
    }
    pieces
}

#[test]
fn text_and_html_say_the_same() {
    for (case, reader, mail) in all_mails() {
        for piece in pieces(&case, reader) {
            assert!(mail.text.contains(&piece), "{piece}\n{}", mail.text);
            let escaped = piece
                .replace('&', "&#38;")
                .replace('"', "&#34;")
                .replace('\'', "&#39;")
                .replace('<', "&#60;")
                .replace('>', "&#62;");
            assert!(mail.html.contains(&escaped), "{escaped}\n{}", mail.html);
        }
    }
}

#[test]
fn hostile_text_stays_text() {
    let plain = structure(&mail_of(&asked_with("harmless"), Reader::Approver).html);
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
        let mail = mail_of(&asked_with(hostile), Reader::Approver);
        assert_eq!(structure(&mail.html), plain, "{hostile}");
        for body in [&mail.html, &mail.text] {
            assert!(!body.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{hostile}");
            assert!(!body.contains(['\u{202e}', '\u{2066}']), "{hostile}");
        }
        assert!(!mail.subject.contains(hostile));
    }
    let marked = mail_of(&asked_with("a\u{202e}b\0c"), Reader::Approver);
    assert!(marked.html.contains("<bdi style=\"white-space:pre-wrap;\">a[U+202E]b␀c</bdi>"));
    assert!(marked.text.contains("> a[U+202E]b␀c\n"));
    let emoji = mail_of(&asked_with("🏴󠁧󠁢󠁳󠁣󠁴󠁿 👩‍🚀"), Reader::Approver);
    assert!(emoji.html.contains("🏴󠁧󠁢󠁳󠁣󠁴󠁿 👩‍🚀") && emoji.text.contains("🏴󠁧󠁢󠁳󠁣󠁴󠁿 👩‍🚀"));
}

#[test]
fn a_justification_cannot_pass_for_the_mail_itself() {
    let mail = mail_of(&asked_with("fine\n\n-- \nLook at the request:\r\nhttps://evil.example/"), Reader::Approver);
    let lines: Vec<&str> = mail.text.lines().collect();
    assert!(lines.contains(&"> https://evil.example/") && lines.contains(&"> -- "));
    assert_eq!(lines.iter().filter(|line| **line == "Look at the request:").count(), 1);
    assert_eq!(lines.iter().filter(|line| **line == "-- ").count(), 1);
}

#[test]
fn hostile_names_stay_in_their_line() {
    let mut asked = submission(ApprovalTier::ManagerApproval);
    asked.requester.email = "jane\r\nBcc: all@acme.example<script>".to_owned();
    asked.policy_rule = "a\n<b>".to_owned();
    let mut approved = Case::of(EventType::Approved, &asked);
    approved.request.as_mut().unwrap().approvals[0].approver.email = "dana\r\nBcc: all@acme.example<script>".to_owned();
    for case in [Case::of(EventType::Submitted, &asked), approved] {
        let mail = mail_of(&case, Reader::Approver);
        assert!(!mail.text.lines().any(|line| line.starts_with("Bcc")));
        assert!(mail.text.contains("␍␊Bcc: all@acme.example<script>"));
        assert!(!mail.html.contains("<script") && !mail.html.contains("<b>"));
    }
}

#[test]
fn every_subject_is_a_short_line_of_ascii_without_free_text() {
    let mut long = submission(ApprovalTier::ManagerApproval);
    long.image = format!("{}:{}", "i".repeat(128), "t".repeat(128)).parse().unwrap();
    long.team = domain::text::TeamName::new("t".repeat(64)).unwrap();
    let long = EventType::ALL.map(|event| Case::of(event, &long));
    let long = long.iter().filter(|case| case.occasion().is_some());
    let long = long.flat_map(|case| READERS.map(|reader| mail_of(case, reader)));
    for mail in long.chain(all_mails().into_iter().map(|(_, _, mail)| mail)) {
        assert!(mail.subject.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", mail.subject);
        assert!(mail.subject.len() <= 120, "{}: {}", mail.subject.len(), mail.subject);
        assert!(!mail.subject.contains("jane"));
    }
}

#[test]
fn the_mails_about_a_request_lie_beside_each_other_when_sorted() {
    let prefix = "[cgr-request] python:latest-dev for data-engineering (req-...7c8d9e0f): ";
    let subjects: BTreeSet<String> = all_mails().into_iter().map(|(_, _, mail)| mail.subject).collect();
    let (beside, apart): (Vec<_>, Vec<_>) = subjects.iter().partition(|subject| subject.starts_with(prefix));
    assert!(beside.len() > 10);
    assert_eq!(apart, [&format!("BREAK GLASS: {prefix}approved alone")]);
}

#[test]
fn html_loads_nothing_and_runs_nothing() {
    for (_, _, mail) in all_mails() {
        for remote in ["<script", "<img", "<link", "src=", "@import", "url(", "onclick", "<form"] {
            assert!(!mail.html.contains(remote), "{remote}");
        }
        let leads_to_us = |at: usize| mail.html[at..].starts_with("href=\"https://images.acme.example/");
        assert!(mail.html.match_indices("href=").all(|(at, _)| leads_to_us(at)));
    }
}

#[test]
fn the_longest_texts_make_a_mail_that_no_client_cuts() {
    let mut asked = submission(ApprovalTier::SecurityReview);
    asked.justification = Some(Justification::new("&".repeat(2_000)).unwrap());
    asked.risk_assessment = Some(RiskAssessment::new("\u{202e}".repeat(4_000)).unwrap());
    let html = mail_of(&Case::of(EventType::Submitted, &asked), Reader::Approver).html;
    // Gmail shows the first 102 KiB.
    assert!(html.len() < 102 * 1024, "{}", html.len());
}

proptest! {
    #[test]
    fn no_text_changes_the_structure(text in "\\PC{0,40}[<>\"'&/ -~\\r\\n\\x00-\\x1f]{1,80}x") {
        let mail = mail_of(&asked_with(&text), Reader::Approver);
        let plain = mail_of(&asked_with("harmless"), Reader::Approver);
        prop_assert_eq!(structure(&mail.html), structure(&plain.html));
    }
}
