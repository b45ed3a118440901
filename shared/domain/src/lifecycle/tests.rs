use proptest::prelude::*;

use super::*;
use crate::environment::Environment;
use crate::execute::prepare;
use crate::fixtures::{at, policy, principal, submission};
use crate::journal;
use crate::ports::{NameHold, StoredRequest};
use crate::request::{FailureKind, ProvisioningOutcome};

fn lead() -> Principal {
    principal("dana@acme.example", &["data-engineering-leads"])
}

fn requester() -> Principal {
    principal("jane@acme.example", &[])
}

fn admin() -> Principal {
    principal("alex@acme.example", &["cgr-request-admins"])
}

fn lease(id: &str, until: i64) -> Lease {
    Lease { id: id.into(), until: at(until) }
}

fn repository() -> ProvisionedRepository {
    ProvisionedRepository { id: "a/b".into(), outcome: ProvisioningOutcome::Created, at: at(50) }
}

fn failure() -> Failure {
    Failure { kind: FailureKind::ChainguardUnavailable, message: "no answer".into(), remedy: "retry".into() }
}

fn approve(by: Principal) -> Command {
    Command::Approve { by, comment: Some(Comment::new("ok").unwrap()), channel: Channel::Api }
}

fn reject(by: Principal) -> Command {
    Command::Reject { by, reason: Some(Comment::new("no").unwrap()), channel: Channel::Api }
}

/// Every command in a form that succeeds where its status allows it at `now`.
fn commands(now: i64) -> Vec<(&'static str, Command)> {
    vec![
        ("Submit", Command::Submit(Box::new(submission(Environment::Production)))),
        ("Approve", approve(lead())),
        ("Reject", reject(lead())),
        ("Cancel", Command::Cancel { by: requester(), channel: Channel::Api }),
        ("Remind", Command::Remind),
        ("Escalate", Command::Escalate),
        ("Expire", Command::Expire),
        ("Claim", Command::Claim { lease: lease("l2", now + 60) }),
        ("Complete", Command::Complete { lease_id: "l1".into(), repository: repository() }),
        ("Fail", Command::Fail { lease_id: "l1".into(), failure: failure() }),
        ("ConfirmAvailable", Command::ConfirmAvailable),
        ("Retry", Command::Retry { by: admin(), channel: Channel::Api }),
    ]
}

fn run(state: State, command: Command, now: i64) -> Result<State, Rejection> {
    let policy = policy();
    let context = Context { now: at(now), policy: &policy };
    let events = decide(&state, command, &context)?;
    Ok(events.iter().fold(state, evolve))
}

/// One state of every status.
fn states() -> Vec<(&'static str, State)> {
    let ok = |state: &State, command| run(state.clone(), command, 10).unwrap();
    let submit = Command::Submit(Box::new(submission(Environment::Production)));
    let pending = ok(&State::Absent, submit);
    let approved = ok(&pending, approve(lead()));
    let provisioning = ok(&approved, Command::Claim { lease: lease("l1", 100) });
    let complete = Command::Complete { lease_id: "l1".into(), repository: repository() };
    let fail = Command::Fail { lease_id: "l1".into(), failure: failure() };
    let provisioned = ok(&provisioning, complete);
    let available = ok(&provisioned, Command::ConfirmAvailable);
    let failed = ok(&provisioning, fail);
    let rejected = ok(&pending, reject(lead()));
    let cancel = Command::Cancel { by: requester(), channel: Channel::Api };
    let cancelled = ok(&pending, cancel);
    let expired = run(pending.clone(), Command::Expire, 30 * 86_400).unwrap();
    vec![
        ("absent", State::Absent),
        ("pending", pending),
        ("approved", approved),
        ("provisioning", provisioning),
        ("provisioned", provisioned),
        ("available", available),
        ("rejected", rejected),
        ("cancelled", cancelled),
        ("expired", expired),
        ("failed", failed),
    ]
}

/// The table of the design, with everything that is not in it refused: 10 states by 12 commands, long after every
/// deadline and lease has passed.
#[test]
fn the_transition_table_is_exactly_the_designs() {
    let allowed = [
        ("absent", "Submit", "pending"),
        ("pending", "Approve", "approved"),
        ("pending", "Reject", "rejected"),
        ("pending", "Cancel", "cancelled"),
        ("pending", "Remind", "pending"),
        ("pending", "Escalate", "pending"),
        ("pending", "Expire", "expired"),
        ("approved", "Claim", "provisioning"),
        ("provisioning", "Claim", "provisioning"),
        ("provisioning", "Complete", "provisioned"),
        ("provisioning", "Fail", "failed"),
        ("provisioned", "ConfirmAvailable", "available"),
        ("failed", "Retry", "approved"),
    ];
    let now = 30 * 86_400;
    for (status, state) in states() {
        for (name, command) in commands(now) {
            let expected = allowed.iter().find(|(from, by, _)| *from == status && *by == name);
            let outcome = run(state.clone(), command, now).map(|after| match after {
                State::Absent => "absent",
                State::Submitted(request) => request.status().as_str(),
            });
            match expected {
                Some((_, _, to)) => assert_eq!(outcome.as_deref().ok(), Some(*to), "{status} {name}: {outcome:?}"),
                None => assert!(outcome.is_err(), "{status} {name} led to {outcome:?}"),
            }
        }
    }
}

fn request_in(status: &str) -> State {
    states().into_iter().find(|(name, _)| *name == status).unwrap().1
}

#[test]
fn an_auto_approved_request_is_submitted_and_approved_in_one_step() {
    let state = run(State::Absent, Command::Submit(Box::new(submission(Environment::Dev))), 0).unwrap();
    let State::Submitted(request) = state else { panic!("absent") };
    assert_eq!(request.status(), Status::Approved);
    assert!(request.approvals.is_empty());
}

#[test]
fn nobody_decides_their_own_request_whatever_their_groups_and_spelling() {
    for email in ["jane@acme.example", "JANE@acme.example", "jane+lead@acme.example"] {
        let mut own = principal(email, &["data-engineering-leads"]);
        assert_eq!(run(request_in("pending"), approve(own.clone()), 10).unwrap_err(), Rejection::OwnRequest);
        own.person.subject = "another".into();
        assert_eq!(run(request_in("pending"), reject(own), 10).unwrap_err(), Rejection::OwnRequest);
    }
}

#[test]
fn who_comes_second_is_told_who_decided() {
    let other = principal("dmitri@acme.example", &["data-engineering-leads"]);
    for (status, text) in [
        ("approved", "already approved by dana@acme.example"),
        ("available", "already approved by dana@acme.example"),
        ("rejected", "already rejected by dana@acme.example"),
        ("cancelled", "already cancelled by jane@acme.example"),
        ("expired", "already expired"),
    ] {
        let error = run(request_in(status), approve(other.clone()), 10).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn only_approvers_of_the_team_decide_and_only_through_allowed_channels() {
    let stranger = principal("pat@acme.example", &["payments-leads"]);
    let error = run(request_in("pending"), approve(stranger), 10).unwrap_err();
    assert_eq!(error, Rejection::NotAnApprover { approvers: vec!["data-engineering-leads".into()] });
    let strict = crate::policy::DEFAULT_POLICY.replace("channels: [api, link, slack]", "channels: [slack]");
    let policy = Policy::from_yaml(&strict).unwrap();
    let context = Context { now: at(10), policy: &policy };
    let error = decide(&request_in("pending"), approve(lead()), &context).unwrap_err();
    assert!(matches!(error, Rejection::ChannelNotAllowed { .. }));
}

#[test]
fn an_approver_removed_from_the_policy_may_not_decide_any_more() {
    let narrowed = crate::policy::DEFAULT_POLICY.replace("{team}-leads", "{team}-owners");
    let policy = Policy::from_yaml(&narrowed).unwrap();
    let context = Context { now: at(10), policy: &policy };
    let error = decide(&request_in("pending"), approve(lead()), &context).unwrap_err();
    assert!(matches!(error, Rejection::NotAnApprover { .. }));
}

#[test]
fn a_rejection_needs_a_reason() {
    let silent = Command::Reject { by: lead(), reason: None, channel: Channel::Api };
    assert_eq!(run(request_in("pending"), silent, 10).unwrap_err(), Rejection::ReasonMissing);
}

#[test]
fn a_quorum_needs_different_humans() {
    let two = crate::policy::DEFAULT_POLICY.replacen("approvals: 1", "approvals: 2", 1);
    let policy = Policy::from_yaml(&two).unwrap();
    let context = Context { now: at(10), policy: &policy };
    let step = |state: State, by: Principal| {
        let events = decide(&state, approve(by), &context)?;
        Ok(events.iter().fold(state, evolve))
    };
    let one = step(request_in("pending"), lead()).unwrap();
    let State::Submitted(request) = &one else { panic!("absent") };
    assert_eq!((request.status(), request.approvals.len()), (Status::Pending, 1));
    let again = principal("Dana+2@acme.example", &["data-engineering-leads"]);
    let error: Result<State, Rejection> = step(one.clone(), again);
    assert_eq!(error.unwrap_err(), Rejection::ApprovedByYouAlready);
    let both = step(one, principal("dmitri@acme.example", &["data-engineering-leads"])).unwrap();
    let State::Submitted(request) = &both else { panic!("absent") };
    assert_eq!((request.status(), request.approvals.len()), (Status::Approved, 2));
}

#[test]
fn a_lease_is_exclusive_until_it_lapses_and_is_lost_when_taken_over() {
    let state = request_in("provisioning");
    let other = Command::Claim { lease: lease("l2", 300) };
    assert_eq!(run(state.clone(), other.clone(), 99).unwrap_err(), Rejection::LeaseHeld { until: at(100) });
    let taken = run(state, other, 100).unwrap();
    let late = Command::Complete { lease_id: "l1".into(), repository: repository() };
    assert_eq!(run(taken, late, 101).unwrap_err(), Rejection::LeaseLost);
}

#[test]
fn only_the_requester_cancels_and_only_an_administrator_retries() {
    let cancel = Command::Cancel { by: lead(), channel: Channel::Api };
    assert_eq!(run(request_in("pending"), cancel, 10).unwrap_err(), Rejection::NotTheRequester);
    let retry = Command::Retry { by: lead(), channel: Channel::Api };
    assert_eq!(run(request_in("failed"), retry, 10).unwrap_err(), Rejection::NotAnAdministrator);
}

#[test]
fn deadlines_come_in_order_and_a_late_run_skips_to_the_most_final() {
    let policy = policy();
    let hour = 3600;
    let mut state = request_in("pending");
    let mut seen = Vec::new();
    for now in [7 * hour, 9 * hour, 10 * hour, 21 * hour, 25 * hour, 26 * hour, 15 * 24 * hour] {
        let State::Submitted(request) = &state else { panic!("absent") };
        let context = Context { now: at(now), policy: &policy };
        let due = request.due_at();
        match due_command(request, &context) {
            Some(command) => {
                assert!(due.is_some_and(|due| due <= at(now)));
                let events = decide(&state, command, &context).unwrap();
                seen.push((now / hour, events[0].kind.event_type().as_str()));
                state = events.iter().fold(state, evolve);
            }
            None => assert!(due.is_none_or(|due| due > at(now)), "due at {due:?}, nothing to do at {now}"),
        }
    }
    assert_eq!(
        seen,
        [
            (9, "image.request.reminded"),
            (21, "image.request.reminded"),
            (25, "image.request.escalated"),
            (360, "image.request.expired"),
        ]
    );
    let State::Submitted(late) = request_in("pending") else { panic!("absent") };
    let context = Context { now: at(40 * 24 * hour), policy: &policy };
    assert_eq!(due_command(&late, &context), Some(Command::Expire));
}

#[test]
fn a_request_is_due_exactly_while_it_is_open() {
    for (_, state) in states() {
        if let State::Submitted(request) = state {
            assert_eq!(request.due_at().is_some(), request.status().is_open(), "{:?}", request.status());
        }
    }
}

fn any_command() -> impl Strategy<Value = (Command, i64)> {
    (0..12_usize, prop_oneof![0..200_i64, 0..40 * 86_400_i64])
        .prop_map(|(index, now)| (commands(now)[index].1.clone(), now))
}

proptest! {
    /// Any sequence of commands: replaying the events gives the live state, a duplicate of an event that ended or
    /// moved the request changes nothing afterwards, what ended stays ended, and the journal's chain verifies.
    #[test]
    fn replay_equals_live_and_what_ended_stays_ended(steps in prop::collection::vec(any_command(), 1..40)) {
        let policy = policy();
        let mut stored: Option<StoredRequest> = None;
        let mut events = Vec::new();
        let mut records = Vec::new();
        let mut holds = false;
        let mut clock = 0;
        for (command, wait) in steps {
            clock += wait;
            let context = Context { now: at(clock), policy: &policy };
            let state = stored.as_ref().map_or(State::Absent, |s| State::Submitted(Box::new(s.request.clone())));
            let decided = decide(&state, command.clone(), &context);
            let before = stored.as_ref().map(|s| s.request.status());
            match prepare(stored.as_ref(), command, &context) {
                Ok(commit) => {
                    prop_assert_eq!(usize::try_from(commit.expected_version).unwrap(), records.len());
                    events.extend(decided.unwrap());
                    records.extend(commit.records.clone());
                    let takes = matches!(commit.name, NameHold::Take | NameHold::TakeOver(_));
                    let releases = commit.name == NameHold::Release;
                    prop_assert!(!takes || !holds, "a name is taken once");
                    prop_assert!(!releases || holds, "what is released was held");
                    holds = (holds || takes) && !releases;
                    prop_assert_eq!(holds, commit.stored.request.holds_repository_name());
                    stored = Some(commit.stored);
                }
                Err(_) => prop_assert!(decided.is_err()),
            }
            let after = stored.as_ref().map(|s| s.request.status());
            if let Some(Status::Available | Status::Rejected | Status::Cancelled | Status::Expired) = before {
                prop_assert_eq!(before, after);
            }
        }
        let replayed = events.iter().fold(State::Absent, evolve);
        let live = stored.map_or(State::Absent, |s| State::Submitted(Box::new(s.request)));
        prop_assert_eq!(&replayed, &live);
        let head = journal::verify(&records).unwrap();
        prop_assert_eq!(usize::try_from(head.sequence).unwrap(), records.len());
    }

    /// The event that led to a state, delivered again, leaves it as it is. Reminders count, so they are left out:
    /// they are told apart by their sequence.
    #[test]
    fn a_duplicate_event_is_a_no_op(index in 0..10_usize) {
        let (_, state) = states()[index].clone();
        let policy = policy();
        let now = 30 * 86_400;
        let context = Context { now: at(now), policy: &policy };
        for (name, command) in commands(now) {
            if name == "Remind" {
                continue;
            }
            if let Ok(events) = decide(&state, command, &context) {
                let once = events.iter().fold(state.clone(), evolve);
                let twice = events.iter().fold(once.clone(), evolve);
                prop_assert_eq!(once, twice, "{}", name);
            }
        }
    }
}
