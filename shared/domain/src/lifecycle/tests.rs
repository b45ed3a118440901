use proptest::prelude::*;

use super::*;
use crate::environment::Environment;
use crate::execute::prepare;
use crate::fixtures::{at, policy, principal, submission};
use crate::journal::{self, Head};
use crate::ports::{NameHold, PlaceHold, StoredRequest};
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

fn commander() -> Principal {
    principal("ines@acme.example", &["incident-commanders"])
}

fn lease(id: &str, until: i64) -> Lease {
    Lease::new(id.into(), at(until))
}

fn repository() -> ProvisionedRepository {
    ProvisionedRepository { id: "a/b".into(), outcome: ProvisioningOutcome::Created, at: at(50) }
}

fn failure() -> Failure {
    Failure { kind: FailureKind::ChainguardUnavailable, message: "no answer".into(), remedy: "retry".into() }
}

fn voice(by: Principal, channel: Channel, comment: Option<&str>) -> Voice {
    Voice { by, comment: comment.map(|text| Comment::new(text).unwrap()), channel, seen: None }
}

fn approve(by: Principal) -> Command {
    Command::Decide { answer: DecisionKind::Approved, voice: voice(by, Channel::Api, Some("ok")) }
}

fn reject(by: Principal) -> Command {
    Command::Decide { answer: DecisionKind::Rejected, voice: voice(by, Channel::Api, Some("no")) }
}

/// Every command in a form that succeeds where its status allows it at `now`.
fn commands(now: i64) -> Vec<(&'static str, Command)> {
    vec![
        ("Submit", Command::Submit(Box::new(submission(Environment::Production)))),
        ("Approve", approve(lead())),
        ("Reject", reject(lead())),
        ("BreakGlass", Command::BreakGlass(voice(commander(), Channel::Api, Some("outage")))),
        ("Cancel", Command::Cancel { by: requester(), channel: Channel::Api }),
        ("Remind", Command::Remind),
        ("Escalate", Command::Escalate),
        ("Expire", Command::Expire),
        ("Claim", Command::Claim { lease: lease("l2", now + 60), vacancy: None }),
        ("Complete", Command::Complete { lease_id: "l1".into(), repository: repository() }),
        ("Fail", Command::Fail { lease_id: "l1".into(), failure: failure() }),
        ("ConfirmAvailable", Command::ConfirmAvailable),
        ("GiveUp", Command::GiveUp),
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
    let provisioning = ok(&approved, Command::Claim { lease: lease("l1", 100), vacancy: None });
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

/// The table of the design, with everything that is not in it refused: 10 states by 14 commands.
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
        ("provisioned", "GiveUp", "failed"),
        ("pending", "BreakGlass", "approved"),
        ("failed", "Retry", "pending"),
    ];
    let now = 30 * 86_400;
    for (status, state) in states() {
        for (name, command) in commands(now) {
            let expected = allowed.iter().find(|(from, by, _)| *from == status && *by == name);
            // Decisions come in time, everything else long after every deadline and lease.
            let at = if ["Approve", "Reject", "BreakGlass"].contains(&name) { 20 } else { now };
            let outcome = run(state.clone(), command, at).map(|after| match after {
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
fn a_tag_is_waited_for_a_day_and_no_longer() {
    let day = 86_400;
    let provisioned = request_in("provisioned");
    let made = 50;
    assert_eq!(run(provisioned.clone(), Command::GiveUp, made + day - 1).unwrap_err(), Rejection::NotDue);
    let State::Submitted(given_up) = run(provisioned, Command::GiveUp, made + day).unwrap() else { panic!("absent") };
    let Phase::Failed { failure, .. } = &given_up.phase else { panic!("{:?}", given_up.phase) };
    assert_eq!(failure.kind, FailureKind::TagNotAvailable);
    assert!(failure.message.contains("its tag latest-dev has not come within 24 hours"), "{}", failure.message);
    assert!(run(State::Submitted(given_up), Command::Retry { by: admin(), channel: Channel::Api }, day * 2).is_ok());
}

/// What a command does to the organisation's last places.
fn place(state: &State, command: Command, now: i64) -> PlaceHold {
    let State::Submitted(request) = state else { panic!("absent") };
    let stored = StoredRequest { request: (**request).clone(), head: Head::START };
    let policy = policy();
    prepare(Some(&stored), command, &Context { now: at(now), policy: &policy }).unwrap().place
}

#[test]
fn a_place_is_taken_with_the_lease_kept_over_a_lapsed_one_and_given_back_with_the_result() {
    let vacancy = Vacancy { releases: 3, free: 1 };
    let claim = |id: &str, vacancy| Command::Claim { lease: lease(id, 100), vacancy };
    let approved = request_in("approved");
    assert_eq!(place(&approved, claim("l1", None), 10), PlaceHold::Keep);
    assert_eq!(place(&approved, claim("l1", Some(vacancy)), 10), PlaceHold::Take(vacancy));

    let held = run(approved, claim("l1", Some(vacancy)), 10).unwrap();
    let taken_over = run(held.clone(), Command::Claim { lease: lease("l2", 300), vacancy: None }, 200).unwrap();
    for again in [None, Some(vacancy)] {
        let again = Command::Claim { lease: lease("l2", 300), vacancy: again };
        assert_eq!(place(&held, again, 200), PlaceHold::Keep);
    }
    for (state, id) in [(held, "l1"), (taken_over, "l2")] {
        let complete = Command::Complete { lease_id: id.into(), repository: repository() };
        assert_eq!(place(&state, complete, 210), PlaceHold::Release);
        assert_eq!(place(&state, Command::Fail { lease_id: id.into(), failure: failure() }, 210), PlaceHold::Release);
    }
    let without = Command::Complete { lease_id: "l1".into(), repository: repository() };
    assert_eq!(place(&request_in("provisioning"), without, 20), PlaceHold::Keep);
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
    let strict = crate::policy::DEFAULT_POLICY.replace("channels: [api, link, slack]", "channels: [api, slack]");
    let policy = Policy::from_yaml(&strict).unwrap();
    let context = Context { now: at(10), policy: &policy };
    let by_link = Command::Decide { answer: DecisionKind::Approved, voice: voice(lead(), Channel::Link, None) };
    let error = decide(&request_in("pending"), by_link, &context).unwrap_err();
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
    let silent = Command::Decide { answer: DecisionKind::Rejected, voice: voice(lead(), Channel::Api, None) };
    assert_eq!(run(request_in("pending"), silent, 10).unwrap_err(), Rejection::ReasonMissing);
}

#[test]
fn a_quorum_needs_different_humans() {
    let two = crate::policy::DEFAULT_POLICY.replacen("count: 1", "count: 2", 1);
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
    let other = Command::Claim { lease: lease("l2", 300), vacancy: None };
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

/// The default policy with parts of its text replaced.
fn policy_with(changes: &[(&str, &str)]) -> Policy {
    let mut text = crate::policy::DEFAULT_POLICY.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    Policy::from_yaml(&text).unwrap()
}

fn under(policy: &Policy, state: State, command: Command, now: i64) -> Result<State, Rejection> {
    let events = decide(&state, command, &Context { now: at(now), policy })?;
    Ok(events.iter().fold(state, evolve))
}

fn request(state: &State) -> &Request {
    let State::Submitted(request) = state else { panic!("absent") };
    request
}

const LEADS: &str = r#"      - { count: 1, groups: ["{team}-leads"] }"#;
const LEAD_AND_SECURITY: &str =
    "      - { count: 1, groups: [\"{team}-leads\"] }\n      - { count: 1, groups: [security-reviewers] }";

#[test]
fn one_of_each_group_has_to_approve_and_nobody_counts_for_two() {
    let policy = policy_with(&[(LEADS, LEAD_AND_SECURITY)]);
    let both = principal("dana@acme.example", &["data-engineering-leads", "security-reviewers"]);
    let lead = principal("dmitri@acme.example", &["data-engineering-leads"]);
    let second_lead = principal("dora@acme.example", &["data-engineering-leads"]);
    let reviewer = principal("sasha@acme.example", &["security-reviewers"]);
    let one = under(&policy, request_in("pending"), approve(both), 10).unwrap();
    assert_eq!(request(&one).status(), Status::Pending);
    let done = under(&policy, one.clone(), approve(reviewer.clone()), 20).unwrap();
    assert_eq!(request(&done).status(), Status::Approved);
    let done = under(&policy, one, approve(lead.clone()), 20).unwrap();
    assert_eq!(request(&done).status(), Status::Approved);
    let one_given = under(&policy, request_in("pending"), approve(lead), 10).unwrap();
    let error = under(&policy, one_given.clone(), approve(second_lead.clone()), 20).unwrap_err();
    assert_eq!(error, Rejection::ApprovalNotNeeded { waits_for: vec!["security-reviewers".into()] });
    // Whose approval is not needed may still say no.
    let rejected = under(&policy, one_given, reject(second_lead), 20).unwrap();
    assert_eq!(request(&rejected).status(), Status::Rejected);
}

#[test]
fn an_approval_stops_counting_with_its_approvers_removal_from_the_policy() {
    let changes = [(LEADS, "      - { count: 2, groups: [\"{team}-leads\"] }")];
    let policy = policy_with(&changes);
    let by_link = Principal::by_address("dana@acme.example");
    let one = under(&policy, request_in("pending"), approve(by_link), 10).unwrap();
    let narrowed = policy_with(&[
        changes[0],
        ("members: [dana@acme.example, dmitri@acme.example]", "members: [dmitri@acme.example]"),
    ]);
    let second = principal("dmitri@acme.example", &["data-engineering-leads"]);
    let still_pending = under(&narrowed, one.clone(), approve(second.clone()), 20).unwrap();
    assert_eq!(request(&still_pending).status(), Status::Pending);
    let approved = under(&policy, one, approve(second), 20).unwrap();
    assert_eq!(request(&approved).status(), Status::Approved);
}

#[test]
fn what_is_over_time_is_decided_by_nobody_also_before_the_steward_has_come() {
    let end = 10 + 14 * 86_400;
    let expired = Rejection::AlreadyDecided { status: Status::Expired, by: None };
    assert!(run(request_in("pending"), approve(lead()), end - 1).is_ok());
    let glass = Command::BreakGlass(voice(commander(), Channel::Api, Some("outage")));
    for command in [approve(lead()), reject(lead()), glass] {
        assert_eq!(run(request_in("pending"), command, end).unwrap_err(), expired);
    }
}

#[test]
fn what_the_policy_has_come_to_deny_is_approved_by_nobody_and_may_be_rejected() {
    let deny = "deny:\n  - { name: no-python, when: { image: [python] }, reason: use the shared one }";
    let policy = policy_with(&[("deny: []", deny)]);
    let glass = Command::BreakGlass(voice(commander(), Channel::Api, Some("outage")));
    let retry = Command::Retry { by: admin(), channel: Channel::Api };
    for (status, command) in [("pending", approve(lead())), ("pending", glass), ("failed", retry)] {
        let error = under(&policy, request_in(status), command, 20).unwrap_err();
        assert!(matches!(&error, Rejection::Denied(denied) if denied.rule == "no-python"), "{error}");
    }
    let rejected = under(&policy, request_in("pending"), reject(lead()), 20).unwrap();
    assert_eq!(request(&rejected).status(), Status::Rejected);
}

#[test]
fn when_the_policy_asks_for_less_than_was_given_whoever_may_decide_finishes_it() {
    let two = policy_with(&[(LEADS, "      - { count: 2, groups: [\"{team}-leads\"] }")]);
    let one = under(&two, request_in("pending"), approve(lead()), 10).unwrap();
    let approved = run(one, approve(lead()), 20).unwrap();
    assert_eq!((request(&approved).status(), request(&approved).approvals.len()), (Status::Approved, 1));
}

#[test]
fn a_decisions_record_names_the_policy_that_judged_it() {
    let policy = policy_with(&[("version: \"1\"", "version: \"2\"")]);
    let state = under(&policy, request_in("pending"), approve(lead()), 10).unwrap();
    let kind = EventKind::Approved(Approval::ByPerson(request(&state).approvals[0].clone()));
    let submission = &request(&state).submission;
    let (record, head) = Head::START.append(submission, &Event { at: at(10), kind });
    assert_eq!((record.policy_version.as_str(), submission.policy_version.as_str()), ("2", "1"));
    let (later, _) = head.append(submission, &Event { at: at(20), kind: EventKind::Expired });
    assert_eq!(later.policy_version, "1");
}

const DELEGATION: (&str, &str) = (
    "delegations: []",
    "delegations:\n  - { approver: dana@acme.example, delegate: pia@acme.example, from: 2023-11-14T00:00:00Z, until: 2023-11-15T00:00:00Z }",
);

#[test]
fn a_delegate_decides_while_the_approver_is_away_and_the_record_names_both() {
    let policy = policy_with(&[DELEGATION]);
    let delegate = Principal::by_address("Pia@acme.example");
    let state = under(&policy, request_in("pending"), approve(delegate.clone()), 10).unwrap();
    let given = &request(&state).approvals[0];
    assert_eq!(given.approver.email, "Pia@acme.example");
    assert_eq!(given.on_behalf_of.as_deref(), Some("dana@acme.example"));
    let kind = EventKind::Approved(Approval::ByPerson(given.clone()));
    let (record, _) = Head::START.append(&request(&state).submission, &Event { at: at(10), kind });
    assert_eq!(record.approver.as_deref(), Some("Pia@acme.example"));
    assert_eq!(record.on_behalf_of.as_deref(), Some("dana@acme.example"));
    let after = 2 * 86_400;
    let error = under(&policy, request_in("pending"), approve(delegate), after).unwrap_err();
    assert!(matches!(error, Rejection::NotAnApprover { .. }));
}

#[test]
fn a_delegate_and_whom_they_stand_in_for_count_once() {
    let policy = policy_with(&[DELEGATION, (LEADS, "      - { count: 2, groups: [\"{team}-leads\"] }")]);
    let delegate = Principal::by_address("pia@acme.example");
    let one = under(&policy, request_in("pending"), approve(delegate.clone()), 10).unwrap();
    assert_eq!(
        under(&policy, one, approve(lead()), 20).unwrap_err(),
        Rejection::ApprovedByDelegateAlready { by: delegate.person.clone() }
    );
    let one = under(&policy, request_in("pending"), approve(lead()), 10).unwrap();
    assert_eq!(
        under(&policy, one, approve(delegate), 20).unwrap_err(),
        Rejection::ApprovedByDelegateAlready { by: lead().person }
    );
}

#[test]
fn nobody_decides_their_own_request_through_a_delegate_or_as_one() {
    // Jane, who asks, is a lead herself and away: her delegate may not decide for her.
    let away = DELEGATION.1.replace("approver: dana@", "approver: Jane+lead@");
    let members = ("members: [dana@acme.example,", "members: [Jane+lead@acme.example,");
    let policy = policy_with(&[(DELEGATION.0, &away), members]);
    let error = under(&policy, request_in("pending"), approve(Principal::by_address("pia@acme.example")), 10);
    assert!(matches!(error.unwrap_err(), Rejection::NotAnApprover { .. }));
    // Jane stands in for Dana.
    let for_jane = DELEGATION.1.replace("delegate: pia@", "delegate: JANE@");
    let policy = policy_with(&[(DELEGATION.0, &for_jane)]);
    let own = Principal::by_address("JANE@acme.example");
    assert_eq!(under(&policy, request_in("pending"), approve(own), 10).unwrap_err(), Rejection::OwnRequest);
}

fn break_glass_by(by: Principal, channel: Channel, comment: Option<&str>) -> Command {
    Command::BreakGlass(voice(by, channel, comment))
}

#[test]
fn breaking_the_glass_approves_alone_loudly_and_with_a_reason() {
    let policy = policy_with(&[(LEADS, LEAD_AND_SECURITY)]);
    let command = break_glass_by(commander(), Channel::Api, Some("outage"));
    let state = request_in("pending");
    let events = decide(&state, command, &Context { now: at(10), policy: &policy }).unwrap();
    let types: Vec<&str> = events.iter().map(|event| event.kind.event_type().as_str()).collect();
    assert_eq!(types, ["image.request.break-glass-used", "image.request.approved"]);
    let after = events.iter().fold(state, evolve);
    assert_eq!(request(&after).status(), Status::Approved);
    assert_eq!(request(&after).break_glass, Some(request(&after).approvals[0].clone()));
}

#[test]
fn the_glass_is_not_broken_by_others_for_oneself_by_link_or_without_a_reason() {
    let policy = policy();
    let refused = |command, status: &str| under(&policy, request_in(status), command, 10).unwrap_err();
    let by = |by, channel, comment| break_glass_by(by, channel, comment);
    assert_eq!(refused(by(lead(), Channel::Api, Some("x")), "pending"), Rejection::MayNotBreakGlass);
    assert_eq!(refused(by(commander(), Channel::Api, None), "pending"), Rejection::ReasonMissing);
    for channel in [Channel::Link, Channel::Slack] {
        let error = refused(by(commander(), channel, Some("x")), "pending");
        assert!(matches!(error, Rejection::ChannelNotAllowed { .. }));
    }
    for email in ["jane@acme.example", "JANE@acme.example", "jane+ic@acme.example"] {
        let own = principal(email, &["incident-commanders"]);
        assert_eq!(refused(by(own, Channel::Api, Some("x")), "pending"), Rejection::OwnRequest);
    }
    let error = refused(by(commander(), Channel::Api, Some("x")), "approved");
    assert!(matches!(error, Rejection::AlreadyDecided { .. }));
}

#[test]
fn a_decision_binds_to_what_was_seen() {
    let state = request_in("pending");
    let with = |seen| Command::Decide {
        answer: DecisionKind::Approved,
        voice: Voice { seen: Some(seen), ..voice(lead(), Channel::Link, None) },
    };
    let digest = request(&state).digest();
    assert!(run(state.clone(), with(digest), 10).is_ok());
    assert_eq!(run(state, with(Digest::of(b"something else")), 10).unwrap_err(), Rejection::ContentChanged);
}

#[test]
fn what_is_sent_round_again_needs_to_be_approved_again() {
    let policy = policy();
    let failed = request_in("failed");
    let later = 40 * 86_400;
    let retried = run(failed.clone(), Command::Retry { by: admin(), channel: Channel::Api }, later).unwrap();
    let again = request(&retried);
    assert_eq!((again.status(), again.approvals.len(), again.round.number), (Status::Pending, 0, 2));
    assert_ne!(again.digest(), request(&failed).digest(), "links to the round before are void");
    assert_eq!(again.sla_at(), Some(at(later + 86_400)), "deadlines start anew");
    assert_eq!(due_command(again, &Context { now: at(later + 10), policy: &policy }), None);
    let seen = Some(request(&failed).digest());
    let old_link =
        Command::Decide { answer: DecisionKind::Approved, voice: Voice { seen, ..voice(lead(), Channel::Link, None) } };
    assert_eq!(run(retried.clone(), old_link, later + 10).unwrap_err(), Rejection::ContentChanged);
    let approved = run(retried, approve(lead()), later + 10).unwrap();
    assert_eq!(request(&approved).status(), Status::Approved);
}

#[test]
fn what_the_policy_approved_is_sent_round_again_without_asking_anybody() {
    let submit = Command::Submit(Box::new(submission(Environment::Dev)));
    let steps = [
        submit,
        Command::Claim { lease: lease("l1", 100), vacancy: None },
        Command::Fail { lease_id: "l1".into(), failure: failure() },
        Command::Retry { by: admin(), channel: Channel::Api },
    ];
    let state = steps.into_iter().fold(State::Absent, |state, command| run(state, command, 10).unwrap());
    assert_eq!(request(&state).status(), Status::Approved);
}

#[test]
fn a_link_works_once_and_with_a_token_one_may_think_again() {
    let policy = policy_with(&[(LEADS, "      - { count: 2, groups: [\"{team}-leads\"] }")]);
    let by_link = |answer| Command::Decide { answer, voice: voice(lead(), Channel::Link, Some("no")) };
    let one = under(&policy, request_in("pending"), by_link(DecisionKind::Approved), 10).unwrap();
    for answer in [DecisionKind::Approved, DecisionKind::Rejected] {
        assert_eq!(under(&policy, one.clone(), by_link(answer), 20).unwrap_err(), Rejection::ApprovedByYouAlready);
    }
    let rejected = under(&policy, one, reject(lead()), 20).unwrap();
    assert_eq!(request(&rejected).status(), Status::Rejected);
}

#[test]
fn a_link_ends_with_its_lifetime_with_the_request_or_with_the_decision() {
    let state = request_in("pending");
    let mut short = request(&state).clone();
    short.submission.terms.as_mut().unwrap().links_valid_for = "7d".parse().unwrap();
    let link = short.link_for("dana@acme.example", at(3600)).unwrap();
    assert_eq!(link.expires, at(3600 + 7 * 86_400));
    let link = request(&state).link_for("dana@acme.example", at(3600)).unwrap();
    assert_eq!(Some(link.expires), request(&state).expires_at(), "as long as the default policy lets links live");
    let late = request(&state).link_for("dana@acme.example", at(13 * 86_400)).unwrap();
    assert_eq!(Some(late.expires), request(&state).expires_at());
    assert_eq!(request(&request_in("approved")).link_for("dana@acme.example", at(0)), None);
}

fn any_command() -> impl Strategy<Value = (Command, i64)> {
    (0..13_usize, prop_oneof![0..200_i64, 0..40 * 86_400_i64])
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
