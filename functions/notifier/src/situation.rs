//! What the messages of an event are written from: what the event says, and what has become of its request since.
//!
//! Events come late, twice and in any order. Whatever depends on time is reckoned from the event's own, so that an
//! event that comes again leads to the same messages; the request as stored says whether they still make sense.

use domain::journal::Record;
use domain::policy::{Matter, Policy, Quorum};
use domain::request::{Decision, Request, Status};
use domain::time::Timestamp;

use crate::audience::Occasion;

/// Something that people should know, and what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// What it means to people.
    pub occasion: Occasion,
    /// What the event says.
    pub record: &'a Record,
    /// The request as it is stored; `None` for auto-approve, of which the record says all.
    pub request: Option<&'a Request>,
    /// The policy in force.
    pub policy: &'a Policy,
}

/// Why people are not told of an event after all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Superseded {
    /// It asks for a decision, or says that one is still missing.
    #[error("the request does not wait for a decision any more")]
    Decided,
    /// What it says is true of a round that is over.
    #[error("the request has been sent round again since")]
    EarlierRound,
    /// It asks for a decision that nobody can give any more.
    #[error("the request's time is over")]
    OverTime,
    /// The event before it, of the same transaction, has said it.
    #[error("breaking the glass has been told of, and this approval is part of it")]
    ToldAsBreakGlass,
}

impl<'a> Situation<'a> {
    /// Why nobody has to be told at `now`, if so.
    #[must_use]
    pub fn superseded(&self, now: Timestamp) -> Option<Superseded> {
        let request = self.request?;
        // Whoever was passed over hears of it, however late.
        if self.occasion == Occasion::BreakGlassUsed {
            return None;
        }
        if !self.is_of_this_round(request) {
            return Some(Superseded::EarlierRound);
        }
        let waits = self.occasion.asks_for_decision() || self.occasion == Occasion::ApprovalRecorded;
        if waits && request.status() != Status::Pending {
            return Some(Superseded::Decided);
        }
        let part_of_break_glass = self.occasion == Occasion::Approved
            && request.break_glass.as_ref().is_some_and(|used| used.at == self.record.timestamp);
        if part_of_break_glass {
            return Some(Superseded::ToldAsBreakGlass);
        }
        let expired = request.expires_at().is_some_and(|expires| expires <= now);
        (self.occasion.asks_for_decision() && expired).then_some(Superseded::OverTime)
    }

    /// From when the lifetime of the signed links counts that are sent at `now`: from the event, so that a redelivery
    /// gives the same link; or from now, for an event that comes so late that its links could not be used any more.
    #[must_use]
    pub fn links_count_from(&self, now: Timestamp) -> Timestamp {
        let of_event = self.request.and_then(|request| request.link_for("", self.record.timestamp));
        if of_event.is_some_and(|link| link.expires <= now) { now } else { self.record.timestamp }
    }

    /// Whose decision it is, the second line included where it may know of the request.
    #[must_use]
    pub fn matter(&self) -> Matter<'a> {
        Matter { tier: self.record.approval_tier, team: &self.record.team, escalated: self.is_escalated() }
    }

    /// Whether the second line has been asked by then. A request that is decided does not say any more; so whoever
    /// may have been asked counts as asked, and is rather told too much than left waiting.
    fn is_escalated(&self) -> bool {
        match self.occasion {
            // The expiry comes after the SLA, reminders come before it.
            Occasion::Escalated | Occasion::Expired => true,
            Occasion::ApprovalRecorded => self.request.is_some_and(Request::is_escalated),
            Occasion::BreakGlassUsed | Occasion::Approved | Occasion::Rejected | Occasion::Cancelled => {
                self.request.is_some_and(|request| {
                    let late = request.sla_at().is_some_and(|due| due <= self.record.timestamp);
                    late || !self.is_of_this_round(request)
                })
            }
            Occasion::Submitted
            | Occasion::Retried
            | Occasion::Reminded
            | Occasion::ApprovedByPolicy
            | Occasion::Failed
            | Occasion::Available => false,
        }
    }

    fn is_of_this_round(&self, request: &Request) -> bool {
        request.round.since <= self.record.timestamp
    }

    /// The request, unless it has been sent round again since.
    fn current(&self) -> Option<&'a Request> {
        self.request.filter(|request| self.is_of_this_round(request))
    }

    /// Who said yes in the event's round, in order: up to the present, not to the event.
    #[must_use]
    pub fn approvals(&self) -> &'a [Decision] {
        self.current().map_or(&[], |request| &request.approvals)
    }

    /// Who approved alone in the event's round.
    #[must_use]
    pub fn break_glass(&self) -> Option<&'a Decision> {
        self.current()?.break_glass.as_ref()
    }

    /// How far it has come; only while it waits.
    #[must_use]
    pub fn quorum(&self) -> Option<Quorum> {
        let request = self.current().filter(|request| request.status() == Status::Pending)?;
        self.policy.quorum(request.matter(), &request.approvals)
    }

    /// How far it had come when the glass was broken.
    #[must_use]
    pub fn passed_over(&self) -> Option<Quorum> {
        let used = self.break_glass()?;
        let before: Vec<Decision> = self.approvals().iter().filter(|given| *given != used).cloned().collect();
        self.policy.quorum(self.matter(), &before)
    }
}
