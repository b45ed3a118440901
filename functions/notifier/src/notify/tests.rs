use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use domain::event::EventType;
use domain::id::RequestId;
use domain::journal::Head;
use domain::link::Link;
use domain::ports::{Mail, StoredRequest};
use domain::time::Timestamp;
use reqwest::StatusCode;

use super::*;
use crate::fixtures::{
    Case, LINK_KEYS_JSON, TIERS, break_glass, event, hours, installation_of, keys, now, policy_of_two, policy_with,
    request_after, request_of, submission,
};

const SETTINGS_JSON: &str = r#"{"slack":{"webhookUrl":"https://slack.example/x"},
    "webhook":{"url":"https://hook.example/x","signingKey":"0123456789abcdef"}}"#;

const JANE: &str = "jane@acme.example";
const DANA: &str = "dana@acme.example";
const DMITRI: &str = "dmitri@acme.example";
const SASHA: &str = "sasha@acme.example";
const PLATFORM: &str = "platform-engineering@acme.example";

/// The outside: remembers what went out, and fails where it is told to.
#[derive(Default)]
struct World {
    claims: Mutex<BTreeMap<(EventId, String), Option<Timestamp>>>,
    forgets: bool,
    seconds: Mutex<u64>,
    request: Mutex<Option<Request>>,
    loads: Mutex<usize>,
    settings: Mutex<Option<String>>,
    keys: Mutex<Option<String>>,
    mails: Mutex<Vec<Mail>>,
    refused_mail: Mutex<BTreeSet<&'static str>>,
    posts: Mutex<Vec<Posting>>,
    answers: Mutex<BTreeMap<&'static str, u16>>,
}

fn refusal(operation: &'static str, retryable: bool) -> PortError {
    PortError { operation, retryable, source: "as told".into() }
}

impl ClaimNotification for World {
    async fn claim_notification(
        &self,
        event: EventId,
        channel: &str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<NotificationClaim, PortError> {
        let mut claims = self.claims.lock().unwrap();
        let key = (event, channel.to_owned());
        match claims.get(&key) {
            Some(None) => Ok(NotificationClaim::Sent),
            Some(Some(until)) if *until > now => Ok(NotificationClaim::Busy),
            _ => {
                claims.insert(key, Some(lease_until));
                Ok(NotificationClaim::Send)
            }
        }
    }

    async fn release_notification(&self, event: EventId, channel: &str, now: Timestamp) -> Result<(), PortError> {
        self.claims.lock().unwrap().insert((event, channel.to_owned()), Some(now));
        Ok(())
    }

    async fn finish_notification(&self, event: EventId, channel: &str, _: Timestamp) -> Result<(), PortError> {
        if self.forgets {
            return Err(refusal("remember", true));
        }
        self.claims.lock().unwrap().insert((event, channel.to_owned()), None);
        Ok(())
    }
}

impl LoadRequest for World {
    async fn load_request(&self, id: RequestId) -> Result<Option<StoredRequest>, PortError> {
        *self.loads.lock().unwrap() += 1;
        let request = self.request.lock().unwrap().clone();
        assert!(request.as_ref().is_none_or(|request| request.submission.id == id));
        Ok(request.map(|request| StoredRequest { request, head: Head::START }))
    }
}

impl SendMail for World {
    async fn send_mail(&self, mail: &Mail) -> Result<(), PortError> {
        if mail.to.iter().any(|to| self.refused_mail.lock().unwrap().contains(to.as_str())) {
            return Err(refusal("send a mail", true));
        }
        self.mails.lock().unwrap().push(mail.clone());
        Ok(())
    }
}

impl ReadSecret for World {
    async fn read_secret(&self, id: &str) -> Result<String, PortError> {
        let secret = match id {
            "notifications" => &self.settings,
            "link-keys" => &self.keys,
            other => panic!("{other}"),
        };
        secret.lock().unwrap().clone().ok_or_else(|| refusal("read a secret", true))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        now().plus(Duration::from_secs(*self.seconds.lock().unwrap()))
    }
}

impl Post for World {
    async fn post(&self, posting: &Posting) -> Result<StatusCode, PostError> {
        let host = posting.to.url().host_str().unwrap();
        let status = self.answers.lock().unwrap().get(host).copied().unwrap_or(200);
        if status == 200 {
            self.posts.lock().unwrap().push(posting.clone());
        }
        Ok(StatusCode::from_u16(status).unwrap())
    }
}

impl World {
    fn new() -> Self {
        Self::with(SETTINGS_JSON)
    }

    fn with(settings: &str) -> Self {
        Self {
            settings: Mutex::new(Some(settings.to_owned())),
            keys: Mutex::new(Some(LINK_KEYS_JSON.to_owned())),
            ..Self::default()
        }
    }

    async fn tell(&self, event: EventType, tier: ApprovalTier) -> Result<(), NotifyError> {
        self.tell_of(&Case::new(event, tier)).await
    }

    /// The event comes while the request is as the case has it.
    async fn tell_of(&self, case: &Case) -> Result<(), NotifyError> {
        self.request.lock().unwrap().clone_from(&case.request);
        let ports = Ports { claims: self, requests: self, mailer: self, secrets: self, clock: self, http: self };
        notify(ports, &case.installation, &Detail::announcing(case.record.clone())).await
    }

    /// As when the queue brings an event back after its visibility timeout.
    fn later(&self) {
        self.pass(Duration::from_mins(3));
    }

    fn pass(&self, duration: Duration) {
        *self.seconds.lock().unwrap() += duration.as_secs();
    }

    /// Mails by their first addressee, and postings by host, in order of sending.
    fn sent(&self) -> Vec<String> {
        let mut sent = self.mailed();
        let posts = self.posts.lock().unwrap();
        let mut posts: Vec<String> = posts.iter().map(|post| post.to.url().host_str().unwrap().to_owned()).collect();
        posts.sort();
        sent.append(&mut posts);
        sent
    }

    /// Mails by their first addressee.
    fn mailed(&self) -> Vec<String> {
        self.mails.lock().unwrap().iter().map(|mail| mail.to[0].clone()).collect()
    }

    /// The signed links that went out, with whom they were sent to, as [`KeyRing::verify`] reads them.
    fn links(&self, at: Timestamp) -> Vec<(String, Link)> {
        let mails = self.mails.lock().unwrap();
        let links = mails.iter().flat_map(|mail| {
            let lines = mail.text.lines().filter(|line| line.contains("signature="));
            lines.map(|line| (mail.to.clone(), line.to_owned()))
        });
        links
            .map(|(to, line)| {
                let (path, query) = line.split_once('?').unwrap();
                let id = path.strip_prefix("https://images.acme.example/approval/").unwrap().parse().unwrap();
                assert_eq!(to.len(), 1, "a link is in a mail to one");
                (to[0].clone(), keys().verify(id, query, at).unwrap())
            })
            .collect()
    }
}

const ALL_OF_A_SUBMISSION: [&str; 5] = [JANE, DANA, DMITRI, "hook.example", "slack.example"];

const ASKING: [EventType; 4] = [EventType::Submitted, EventType::Reminded, EventType::Escalated, EventType::Retried];

#[tokio::test]
async fn a_submission_goes_out_through_every_channel_once_however_often_it_comes() {
    let world = World::new();
    for _ in 0..3 {
        world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
        assert_eq!(world.sent(), ALL_OF_A_SUBMISSION);
        world.later();
    }
}

#[tokio::test]
async fn programs_get_every_event_and_people_those_that_concern_them() {
    for event in EventType::ALL {
        for tier in TIERS {
            let world = World::new();
            world.tell(event, tier).await.unwrap();
            let concerns_people = Occasion::of(event, tier).is_some();
            let sent = world.sent();
            assert_eq!(sent.iter().filter(|to| *to == "hook.example").count(), 1);
            assert_eq!(sent.iter().filter(|to| *to == "slack.example").count(), usize::from(concerns_people));
            assert!(concerns_people || sent.len() == 1, "{event:?} {tier:?}");
            assert!(world.mails.lock().unwrap().iter().all(|mail| !mail.to.is_empty()));
        }
    }
}

#[tokio::test]
async fn a_request_is_read_once_and_only_where_people_decide() {
    for event in EventType::ALL {
        for tier in TIERS {
            let world = World::new();
            world.tell(event, tier).await.unwrap();
            let needed = tier != ApprovalTier::AutoApprove && Occasion::of(event, tier).is_some();
            assert_eq!(*world.loads.lock().unwrap(), usize::from(needed), "{event:?} {tier:?}");
        }
    }
}

#[tokio::test]
async fn each_approver_gets_a_link_that_is_good_for_them_alone() {
    for event in ASKING {
        let case = Case::new(event, ApprovalTier::ManagerApproval);
        let world = World::new();
        world.tell_of(&case).await.unwrap();
        let links = world.links(case.record.timestamp);
        let holders: Vec<&str> = links.iter().map(|(to, _)| to.as_str()).collect();
        assert_eq!(holders, [DANA, DMITRI], "{event:?}");
        for (to, link) in links {
            assert_eq!(link.approver, to);
            assert_eq!(link.request, case.record.request_id);
            assert_eq!(link.digest, case.request.as_ref().unwrap().digest());
        }
    }
}

#[tokio::test]
async fn a_link_expires_when_the_tier_says_and_with_the_request_at_the_latest() {
    for (event, policy, expected) in [
        (EventType::Submitted, policy_with(&[]), now().plus(hours(14 * 24))),
        (EventType::Reminded, policy_with(&[]), now().plus(hours(14 * 24))),
        (EventType::Submitted, policy_with(&[("linksValidFor: 14d", "linksValidFor: 36h")]), now().plus(hours(36))),
        (
            EventType::Escalated,
            policy_with(&[("linksValidFor: 14d", "linksValidFor: 7d")]),
            now().plus(hours(24 + 7 * 24)),
        ),
    ] {
        let mut asked = submission(ApprovalTier::ManagerApproval);
        let installation = installation_of(&policy);
        asked.terms = installation.policy.review(asked.tier).map(domain::request::Terms::from);
        let case = Case { installation, ..Case::of(event, &asked) };
        let world = World::new();
        world.tell_of(&case).await.unwrap();
        let links = world.links(case.record.timestamp);
        assert!(!links.is_empty());
        for (_, link) in links {
            assert_eq!(link.expires.as_second(), expected.as_second(), "{event:?}");
        }
    }
}

#[tokio::test]
async fn an_event_that_comes_again_gives_the_same_link() {
    let world = World { forgets: true, ..World::new() };
    world.tell(EventType::Reminded, ApprovalTier::ManagerApproval).await.unwrap();
    world.pass(hours(1));
    world.tell(EventType::Reminded, ApprovalTier::ManagerApproval).await.unwrap();
    let mails = world.mails.lock().unwrap().clone();
    let (first, second) = mails.split_at(mails.len() / 2);
    assert_eq!(first, second);
}

#[tokio::test]
async fn nothing_that_several_people_read_has_a_signed_link() {
    let one_mailbox = policy_with(&[(
        "members: [dana@acme.example, dmitri@acme.example]",
        "members: [dana@acme.example]\n    mailboxes: [leads@acme.example]",
    )]);
    for event in EventType::ALL {
        for tier in TIERS {
            let world = World::new();
            world.tell_of(&Case::new(event, tier).under(&one_mailbox)).await.unwrap();
            for mail in world.mails.lock().unwrap().iter() {
                let may_have = [DANA, SASHA].contains(&mail.to[0].as_str());
                let has = [&mail.text, &mail.html].iter().any(|body| body.contains("signature="));
                assert!(may_have || !has, "{:?} {}", mail.to, mail.text);
            }
            for post in world.posts.lock().unwrap().iter() {
                assert!(!post.body.contains("signature=") && !post.body.contains("/approval/"), "{}", post.body);
            }
        }
    }
    let world = World::new();
    world.tell_of(&Case::new(EventType::Submitted, ApprovalTier::ManagerApproval).under(&one_mailbox)).await.unwrap();
    let mails = world.mails.lock().unwrap();
    let to_mailbox = mails.iter().find(|mail| mail.to == ["leads@acme.example"]).unwrap();
    assert!(to_mailbox.text.contains("With a link of their own by mail: dana@acme.example."), "{}", to_mailbox.text);
    assert!(!to_mailbox.html.contains("href="));
}

#[tokio::test]
async fn a_requester_never_gets_a_link() {
    for requester in ["dana@acme.example", "DANA@acme.example", "Dana+images@Acme.example"] {
        let mut own = submission(ApprovalTier::ManagerApproval);
        requester.clone_into(&mut own.requester.email);
        for event in ASKING {
            let case = Case::of(event, &own);
            let world = World::new();
            world.tell_of(&case).await.unwrap();
            let holders: Vec<String> = world.links(case.record.timestamp).into_iter().map(|(to, _)| to).collect();
            assert_eq!(holders, [DMITRI], "{requester} {event:?}");
            assert!(!world.mailed().contains(&DANA.to_owned()) || requester == DANA);
        }
    }
}

#[tokio::test]
async fn a_delegate_gets_a_link_of_their_own_while_the_delegation_is_in_force() {
    let policy = policy_with(&[(
        "delegations: []",
        "delegations:\n  - { approver: dana@acme.example, delegate: sam@acme.example, from: 2026-11-20T00:00:00Z, until: 2026-11-24T00:00:00Z }",
    )]);
    for (event, expected) in [
        (EventType::Submitted, vec![DANA, DMITRI, "sam@acme.example"]),
        // A day later the delegation is over.
        (EventType::Escalated, vec![DANA, DMITRI]),
    ] {
        let case = Case::new(event, ApprovalTier::ManagerApproval).under(&policy);
        let world = World::new();
        world.tell_of(&case).await.unwrap();
        let links = world.links(case.record.timestamp);
        assert_eq!(links.iter().map(|(_, link)| link.approver.as_str()).collect::<Vec<_>>(), expected, "{event:?}");
    }
}

#[tokio::test]
async fn without_the_keys_no_mail_goes_out_without_its_link_and_it_comes_again() {
    for broken in [None, Some("{}"), Some("no json")] {
        let world = World::new();
        *world.keys.lock().unwrap() = broken.map(ToOwned::to_owned);
        let error = world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap_err();
        assert_eq!(error.failures.iter().map(|(channel, _)| channel.as_str()).collect::<Vec<_>>(), [LINK_KEYS]);
        assert_eq!(world.sent(), [JANE, "hook.example", "slack.example"]);
        *world.keys.lock().unwrap() = Some(LINK_KEYS_JSON.to_owned());
        world.later();
        world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
        assert_eq!(world.mailed(), [JANE, DANA, DMITRI]);
    }
    // Where nobody is asked, nobody misses them.
    let world = World::new();
    *world.keys.lock().unwrap() = None;
    world.tell(EventType::Approved, ApprovalTier::ManagerApproval).await.unwrap();
}

#[tokio::test]
async fn no_approver_is_asked_without_a_link_even_if_none_can_be_made() {
    let world = World::new();
    let mut case = Case::new(EventType::Submitted, ApprovalTier::ManagerApproval);
    case.request.as_mut().unwrap().submission.terms = None;
    let error = world.tell_of(&case).await.unwrap_err();
    assert!(matches!(&error.failures[..], [(_, ChannelError::NoLink), (_, ChannelError::NoLink)]), "{error}");
    assert_eq!(world.mailed(), [JANE]);
}

#[tokio::test]
async fn nobody_is_asked_about_what_is_decided() {
    for event in [EventType::Submitted, EventType::Reminded, EventType::Escalated, EventType::ApprovalRecorded] {
        for decided in [
            EventType::Approved,
            EventType::BreakGlassUsed,
            EventType::Rejected,
            EventType::Cancelled,
            EventType::Expired,
            EventType::Available,
        ] {
            let submission = submission(ApprovalTier::ManagerApproval);
            let late = Case { request: Some(request_after(decided, &submission)), ..Case::of(event, &submission) };
            let world = World::new();
            world.tell_of(&late).await.unwrap();
            assert_eq!(world.sent(), ["hook.example"], "{event:?} after {decided:?}");
        }
    }
}

#[tokio::test]
async fn an_event_of_an_earlier_round_tells_nobody_unless_the_glass_was_broken() {
    let submission = submission(ApprovalTier::ManagerApproval);
    let again = request_after(EventType::Retried, &submission);
    for event in [EventType::Submitted, EventType::ApprovalRecorded, EventType::Approved, EventType::Failed] {
        let world = World::new();
        let late = Case { request: Some(again.clone()), ..Case::of(event, &submission) };
        world.tell_of(&late).await.unwrap();
        assert_eq!(world.sent(), ["hook.example"], "{event:?}");
    }
    let world = World::new();
    let late = Case { request: Some(again), ..Case::of(EventType::BreakGlassUsed, &submission) };
    world.tell_of(&late).await.unwrap();
    assert_eq!(world.mailed(), [JANE, DANA, DMITRI, SASHA, "alex@acme.example", PLATFORM]);
}

#[tokio::test]
async fn nobody_is_asked_about_a_request_whose_time_is_over() {
    let world = World::new();
    world.pass(hours(14 * 24));
    world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
    assert_eq!(world.sent(), ["hook.example"]);
}

#[tokio::test]
async fn an_event_that_comes_after_its_links_lifetime_brings_links_that_can_be_used() {
    let policy = policy_with(&[("linksValidFor: 14d", "linksValidFor: 36h")]);
    let mut asked = submission(ApprovalTier::ManagerApproval);
    let installation = installation_of(&policy);
    asked.terms = installation.policy.review(asked.tier).map(domain::request::Terms::from);
    let case = Case { installation, ..Case::of(EventType::Submitted, &asked) };
    let world = World::new();
    world.pass(hours(40));
    world.tell_of(&case).await.unwrap();
    let links = world.links(now().plus(hours(40)));
    assert_eq!(links.len(), 2);
    for (_, link) in links {
        assert_eq!(link.expires.as_second(), now().plus(hours(40 + 36)).as_second());
    }
}

#[tokio::test]
async fn a_broken_glass_tells_everybody_once() {
    let submission = submission(ApprovalTier::ManagerApproval);
    let used = break_glass(now().plus(hours(2)));
    let events = [
        event(EventType::Submitted, &submission),
        domain::event::Event { at: used.at, kind: domain::event::EventKind::BreakGlassUsed(used.clone()) },
        domain::event::Event {
            at: used.at,
            kind: domain::event::EventKind::Approved(domain::event::Approval::ByPerson(used)),
        },
    ];
    let request = request_of(&events);
    let mut head = Head::START;
    let records = events.map(|event| {
        let (record, next) = head.append(&submission, &event);
        head = next;
        record
    });
    let everybody = [JANE, DANA, DMITRI, SASHA, "alex@acme.example", PLATFORM];
    // In whichever order they come, and however often.
    for order in [[1, 2, 1], [2, 1, 2]] {
        let world = World::new();
        for index in order {
            let case = Case {
                record: records[index].clone(),
                request: Some(request.clone()),
                ..Case::of(EventType::BreakGlassUsed, &submission)
            };
            world.tell_of(&case).await.unwrap();
            world.later();
        }
        assert_eq!(world.mailed(), everybody);
        let mails = world.mails.lock().unwrap();
        assert!(mails.iter().all(|mail| mail.subject.starts_with("BREAK GLASS: ")));
        let posts = world.posts.lock().unwrap();
        let to_slack: Vec<_> = posts.iter().filter(|post| post.to.url().host_str() == Some("slack.example")).collect();
        assert_eq!(to_slack.len(), 1);
        assert!(to_slack[0].body.contains("BREAK GLASS: ian@acme.example"), "{}", to_slack[0].body);
    }
}

#[tokio::test]
async fn both_lines_hear_of_a_decision_after_the_sla() {
    let submission = submission(ApprovalTier::ManagerApproval);
    let mut case = Case::of(EventType::Rejected, &submission);
    case.record.timestamp = now().plus(hours(25));
    let world = World::new();
    world.tell_of(&case).await.unwrap();
    assert_eq!(world.mailed(), [JANE, DANA, DMITRI, PLATFORM]);
}

#[tokio::test]
async fn a_partial_approval_is_the_requesters_to_know() {
    let case = Case::new(EventType::ApprovalRecorded, ApprovalTier::ManagerApproval).under(&policy_of_two());
    let world = World::new();
    world.tell_of(&case).await.unwrap();
    assert_eq!(world.sent(), [JANE, "hook.example", "slack.example"]);
}

#[tokio::test]
async fn an_event_of_no_request_fails_and_programs_get_it() {
    let world = World::new();
    let case = Case { request: None, ..Case::new(EventType::Submitted, ApprovalTier::ManagerApproval) };
    let error = world.tell_of(&case).await.unwrap_err();
    assert!(matches!(&error.failures[..], [(_, ChannelError::NoRequest)]), "{error}");
    assert_eq!(world.sent(), ["hook.example"]);
}

#[tokio::test]
async fn a_channel_that_fails_is_tried_again_and_the_others_are_not() {
    for (host, channel) in [("slack.example", SLACK), ("hook.example", WEBHOOK)] {
        for (status, retryable) in [(503, true), (404, false)] {
            let world = World::new();
            world.answers.lock().unwrap().insert(host, status);
            let error = world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap_err();
            let [(failed, reason)] = &error.failures[..] else { panic!("{error}") };
            assert_eq!((failed.as_str(), reason.is_retryable()), (channel, retryable));
            assert_eq!(world.sent().len(), 4);
            world.answers.lock().unwrap().clear();
            world.later();
            world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
            assert_eq!(world.sent(), ALL_OF_A_SUBMISSION);
        }
    }
}

#[tokio::test]
async fn an_address_that_fails_repeats_nobody_elses_mail() {
    for refused in [JANE, DANA, DMITRI] {
        let world = World::new();
        world.refused_mail.lock().unwrap().insert(refused);
        for _ in 0..3 {
            let error = world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap_err();
            assert!(matches!(&error.failures[..], [(_, ChannelError::Mail(_))]), "{error}");
            assert!(!error.to_string().contains("acme.example"), "{error}");
            assert_eq!(world.sent().len(), 4);
            world.later();
        }
        world.refused_mail.lock().unwrap().clear();
        world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
        let mut sent = world.sent();
        sent.sort();
        assert_eq!(sent, [DANA, DMITRI, "hook.example", JANE, "slack.example"]);
    }
}

#[tokio::test]
async fn a_message_that_somebody_else_is_sending_comes_again() {
    let world = World::new();
    let event = Case::new(EventType::Reminded, ApprovalTier::SecurityReview).record.event_id();
    world.claims.lock().unwrap().insert((event, SLACK.to_owned()), Some(now().plus(CLAIM_LEASE)));
    let error = world.tell(EventType::Reminded, ApprovalTier::SecurityReview).await.unwrap_err();
    assert!(matches!(&error.failures[..], [(_, ChannelError::Busy)]), "{error}");
    world.later();
    world.tell(EventType::Reminded, ApprovalTier::SecurityReview).await.unwrap();
    assert_eq!(world.sent(), [SASHA, "hook.example", "slack.example"]);
}

#[tokio::test]
async fn a_message_that_was_not_taken_can_be_sent_again_at_once() {
    let world = World::new();
    world.answers.lock().unwrap().insert("slack.example", 500);
    world.tell(EventType::Reminded, ApprovalTier::SecurityReview).await.unwrap_err();
    world.answers.lock().unwrap().clear();
    world.tell(EventType::Reminded, ApprovalTier::SecurityReview).await.unwrap();
    assert_eq!(world.sent(), [SASHA, "hook.example", "slack.example"]);
}

#[tokio::test]
async fn settings_that_cannot_be_used_fail_the_event_but_not_the_mail() {
    for settings in ["no json", r#"{"teams":{}}"#, r#"{"slack":{"webhookUrl":"http://slack.example/x"}}"#] {
        let world = World::with(settings);
        let error = world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap_err();
        let [(channel, reason)] = &error.failures[..] else { panic!("{error}") };
        assert_eq!((channel.as_str(), reason.is_retryable()), (SETTINGS, false));
        assert_eq!(world.sent(), [JANE, DANA, DMITRI]);
    }
    let world = World::default();
    let error = world.tell(EventType::Available, ApprovalTier::AutoApprove).await.unwrap_err();
    assert!(matches!(&error.failures[..], [(_, reason)] if reason.is_retryable()), "{error}");
    assert_eq!(world.sent(), [JANE]);
}

#[tokio::test]
async fn without_slack_and_webhook_there_is_mail_alone() {
    let world = World::with("{}");
    world.tell(EventType::Failed, ApprovalTier::AutoApprove).await.unwrap();
    assert_eq!(world.sent(), [JANE, "alex@acme.example"]);
}

#[tokio::test]
async fn a_message_that_is_out_is_no_failure_even_if_that_cannot_be_remembered() {
    let world = World { forgets: true, ..World::new() };
    world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
    assert_eq!(world.sent(), ALL_OF_A_SUBMISSION);
}

#[tokio::test]
async fn many_failures_make_one_bounded_error() {
    let leads: Vec<String> = (0..50).map(|number| format!("lead{number:02}@acme.example")).collect();
    let policy = policy_with(&[(
        "members: [dana@acme.example, dmitri@acme.example]",
        &format!("members: [{}]", leads.join(", ")),
    )]);
    let case = Case::new(EventType::Reminded, ApprovalTier::ManagerApproval).under(&policy);
    let world = World::new();
    let names: Vec<String> = audience(&case.situation()).mails.into_iter().map(|mail| mail.channel).collect();
    assert_eq!(names.len(), 50);
    for name in names {
        world.claims.lock().unwrap().insert((case.record.event_id(), name), Some(now().plus(CLAIM_LEASE)));
    }
    let error = world.tell_of(&case).await.unwrap_err();
    assert_eq!(error.failures.len(), 50);
    assert!(error.to_string().ends_with("; and 45 more") && error.to_string().len() < 1_000, "{error}");
}

#[tokio::test]
async fn no_log_line_has_a_link_an_address_or_a_word_of_anybodys() {
    let log = captured_log::listen();
    for forgets in [false, true] {
        for event in EventType::ALL {
            let world = World { forgets, ..World::new() };
            world.tell(event, ApprovalTier::ManagerApproval).await.unwrap();
            world.refused_mail.lock().unwrap().insert(DANA);
            // Fails, or goes out already.
            let again = world.tell(event, ApprovalTier::SecurityReview).await;
            assert!(again.is_ok() || !format!("{again:?}").contains("signature="));
        }
    }
    let world = World::new();
    *world.keys.lock().unwrap() = Some("{\"current\":\"top-secret\"}".to_owned());
    world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap_err();
    let text = log.text();
    assert!(text.contains("notified") && text.contains("failed to remember"));
    for hush in ["signature=", "/approval/", "approver=", "acme.example", "top-secret", "nightly ML pipeline", "FIPS"] {
        let told: Vec<&str> = text.lines().filter(|line| line.contains(hush)).collect();
        assert_eq!(told, Vec::<&str>::new(), "{hush}");
    }
}
