use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use domain::event::EventType;
use domain::policy::ApprovalTier;
use domain::ports::Mail;
use domain::time::Timestamp;
use reqwest::StatusCode;

use super::*;
use crate::fixtures::{TIERS, detail, installation, now};

const SETTINGS_JSON: &str = r#"{"slack":{"webhookUrl":"https://slack.example/x"},
    "webhook":{"url":"https://hook.example/x","signingKey":"0123456789abcdef"}}"#;

/// The outside: remembers what went out, and fails where it is told to.
#[derive(Default)]
struct World {
    claims: Mutex<BTreeMap<(EventId, &'static str), Option<Timestamp>>>,
    forgets: bool,
    seconds: Mutex<u64>,
    settings: Mutex<Option<String>>,
    mails: Mutex<Vec<Mail>>,
    refused_mail: Mutex<BTreeSet<&'static str>>,
    posts: Mutex<Vec<String>>,
    answers: Mutex<BTreeMap<&'static str, u16>>,
}

fn refusal(operation: &'static str, retryable: bool) -> PortError {
    PortError { operation, retryable, source: "as told".into() }
}

impl ClaimNotification for World {
    async fn claim_notification(
        &self,
        event: EventId,
        channel: &'static str,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<NotificationClaim, PortError> {
        let mut claims = self.claims.lock().unwrap();
        match claims.get(&(event, channel)) {
            Some(None) => Ok(NotificationClaim::Sent),
            Some(Some(until)) if *until > now => Ok(NotificationClaim::Busy),
            _ => {
                claims.insert((event, channel), Some(lease_until));
                Ok(NotificationClaim::Send)
            }
        }
    }

    async fn release_notification(
        &self,
        event: EventId,
        channel: &'static str,
        now: Timestamp,
    ) -> Result<(), PortError> {
        self.claims.lock().unwrap().insert((event, channel), Some(now));
        Ok(())
    }

    async fn finish_notification(&self, event: EventId, channel: &'static str, _: Timestamp) -> Result<(), PortError> {
        if self.forgets {
            return Err(refusal("remember", true));
        }
        self.claims.lock().unwrap().insert((event, channel), None);
        Ok(())
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
        assert_eq!(id, "notifications");
        self.settings.lock().unwrap().clone().ok_or_else(|| refusal("read a secret", true))
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
            self.posts.lock().unwrap().push(host.to_owned());
        }
        Ok(StatusCode::from_u16(status).unwrap())
    }
}

impl World {
    fn new() -> Self {
        Self::with(SETTINGS_JSON)
    }

    fn with(settings: &str) -> Self {
        Self { settings: Mutex::new(Some(settings.to_owned())), ..Self::default() }
    }

    async fn tell(&self, event: EventType, tier: ApprovalTier) -> Result<(), NotifyError> {
        let ports = Ports { claims: self, mailer: self, secrets: self, clock: self, http: self };
        notify(ports, &installation(), &detail(event, tier)).await
    }

    /// As when the queue brings an event back after its visibility timeout.
    fn later(&self) {
        *self.seconds.lock().unwrap() += 180;
    }

    /// Mails by their first addressee, and postings by host, in order of sending.
    fn sent(&self) -> Vec<String> {
        let mut sent: Vec<String> = self.mails.lock().unwrap().iter().map(|mail| mail.to[0].clone()).collect();
        let mut posts = self.posts.lock().unwrap().clone();
        posts.sort();
        sent.append(&mut posts);
        sent
    }
}

const ALL_OF_A_SUBMISSION: [&str; 4] = ["jane@acme.example", "dana@acme.example", "hook.example", "slack.example"];

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
async fn a_channel_that_fails_is_tried_again_and_the_others_are_not() {
    for (host, channel) in [("slack.example", SLACK), ("hook.example", WEBHOOK)] {
        for (status, retryable) in [(503, true), (404, false)] {
            let world = World::new();
            world.answers.lock().unwrap().insert(host, status);
            let error = world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap_err();
            let [(failed, reason)] = &error.failures[..] else { panic!("{error}") };
            assert_eq!((*failed, reason.is_retryable()), (channel, retryable));
            assert_eq!(world.sent().len(), 3);
            world.answers.lock().unwrap().clear();
            world.later();
            world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
            assert_eq!(world.sent(), ALL_OF_A_SUBMISSION);
        }
    }
}

#[tokio::test]
async fn a_mail_that_fails_does_not_send_the_other_one_again() {
    for refused in ["jane@acme.example", "dana@acme.example"] {
        let world = World::new();
        world.refused_mail.lock().unwrap().insert(refused);
        world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap_err();
        world.refused_mail.lock().unwrap().clear();
        world.later();
        world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
        let mut sent = world.sent();
        sent.sort();
        assert_eq!(sent, ["dana@acme.example", "hook.example", "jane@acme.example", "slack.example"]);
    }
}

#[tokio::test]
async fn a_message_that_somebody_else_is_sending_comes_again() {
    let world = World::new();
    let event = detail(EventType::Reminded, ApprovalTier::SecurityReview).metadata.id;
    world.claims.lock().unwrap().insert((event, SLACK), Some(now().plus(CLAIM_LEASE)));
    let error = world.tell(EventType::Reminded, ApprovalTier::SecurityReview).await.unwrap_err();
    assert!(matches!(error.failures[..], [(SLACK, ChannelError::Busy)]), "{error}");
    world.later();
    world.tell(EventType::Reminded, ApprovalTier::SecurityReview).await.unwrap();
    assert_eq!(world.sent(), ["sasha@acme.example", "hook.example", "slack.example"]);
}

#[tokio::test]
async fn a_message_that_was_not_taken_can_be_sent_again_at_once() {
    let world = World::new();
    world.answers.lock().unwrap().insert("slack.example", 500);
    world.tell(EventType::Reminded, ApprovalTier::SecurityReview).await.unwrap_err();
    world.answers.lock().unwrap().clear();
    world.tell(EventType::Reminded, ApprovalTier::SecurityReview).await.unwrap();
    assert_eq!(world.sent(), ["sasha@acme.example", "hook.example", "slack.example"]);
}

#[tokio::test]
async fn settings_that_cannot_be_used_fail_the_event_but_not_the_mail() {
    for settings in ["no json", r#"{"teams":{}}"#, r#"{"slack":{"webhookUrl":"http://slack.example/x"}}"#] {
        let world = World::with(settings);
        let error = world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap_err();
        let [(SETTINGS, reason)] = &error.failures[..] else { panic!("{error}") };
        assert!(!reason.is_retryable());
        assert_eq!(world.sent(), ["jane@acme.example", "dana@acme.example"]);
    }
    let world = World::default();
    let error = world.tell(EventType::Available, ApprovalTier::AutoApprove).await.unwrap_err();
    assert!(matches!(&error.failures[..], [(SETTINGS, reason)] if reason.is_retryable()), "{error}");
    assert_eq!(world.sent(), ["jane@acme.example"]);
}

#[tokio::test]
async fn without_slack_and_webhook_there_is_mail_alone() {
    let world = World::with("{}");
    world.tell(EventType::Failed, ApprovalTier::AutoApprove).await.unwrap();
    assert_eq!(world.sent(), ["jane@acme.example", "alex@acme.example"]);
}

#[tokio::test]
async fn a_message_that_is_out_is_no_failure_even_if_that_cannot_be_remembered() {
    let world = World { forgets: true, ..World::new() };
    world.tell(EventType::Submitted, ApprovalTier::ManagerApproval).await.unwrap();
    assert_eq!(world.sent(), ALL_OF_A_SUBMISSION);
}
