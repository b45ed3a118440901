//! Who the policy's approvers are, and in what capacity somebody is one of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::person::{Person, Principal, same_mailbox};
use crate::text::TeamName;
use crate::time::Timestamp;

/// People and groups, never empty. `{team}` in a group's name stands for the request's team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApproverSet {
    pub(super) people: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// What the policy knows about a group. Whether somebody belongs to it says the token that they present; who has no
/// token to present, because a signed link is all they use, belongs to it if they are listed here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// E-mail addresses of members, one person each. Each gets mail of their own, with a link of their own.
    pub members: Vec<String>,
    /// E-mail addresses that several people read. They get mail without a link: nobody would know who followed it.
    pub mailboxes: Vec<String>,
}

/// While an approver is away, somebody else decides for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delegation {
    /// Who is away: e-mail address.
    pub approver: String,
    /// Who decides instead: e-mail address.
    pub delegate: String,
    /// From when.
    pub from: Timestamp,
    /// Until when; not in force any more at that moment.
    pub until: Timestamp,
}

impl Delegation {
    /// Whether it is in force at `now`.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// Somebody who may decide: as told to requesters and used for mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Approver {
    /// Whether `name` is a person or a group.
    pub kind: ApproverKind,
    /// An e-mail address, or a group's name.
    pub name: String,
    /// E-mail addresses that reach them.
    pub contacts: Vec<String>,
}

/// What an [`Approver`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ApproverKind {
    /// One person, by e-mail address.
    Person,
    /// Everybody whose token carries the group, and everybody whom the policy lists as a member.
    Group,
}

/// Who says that somebody is one of the policy's approvers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Voucher {
    /// The identity provider, by a group in the token.
    IdentityProvider,
    /// The policy, by naming the person or listing them as a member of the group.
    Policy,
}

/// One of the policy's approvers, filled by somebody who decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capacity {
    /// Whether `name` is a person or a group.
    pub kind: ApproverKind,
    /// An e-mail address, or a group's name with the team filled in.
    pub name: String,
    /// Who says so.
    pub voucher: Voucher,
}

/// In what capacities somebody decides, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// At least one.
    pub capacities: Vec<Capacity>,
    /// The absent approver whose capacities they are: e-mail address; `None` for one's own.
    pub on_behalf_of: Option<String>,
}

/// An e-mail address that is told of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// The address.
    pub address: String,
    /// Whether it is one person's, who may have a signed link.
    pub is_one_person: bool,
}

impl ApproverSet {
    /// A set, unless it is empty: an empty set would mean either nobody or everybody, and neither is ever meant.
    #[must_use]
    pub fn new(people: Vec<String>, groups: Vec<String>) -> Option<Self> {
        let set = Self { people, groups };
        (!set.people.is_empty() || !set.groups.is_empty()).then_some(set)
    }

    /// The set's people and groups by name, the team filled in.
    pub(super) fn resolve(&self, team: &TeamName) -> impl Iterator<Item = (ApproverKind, String)> {
        let people = self.people.iter().map(|person| (ApproverKind::Person, person.clone()));
        let groups = self.groups.iter().map(|group| (ApproverKind::Group, group.replace("{team}", team.as_str())));
        people.chain(groups)
    }

    /// What in this set `principal` is, by their token or by the policy.
    pub(super) fn capacities(
        &self,
        principal: &Principal,
        team: &TeamName,
        groups: &BTreeMap<String, Group>,
    ) -> Vec<Capacity> {
        self.resolve(team)
            .filter_map(|(kind, name)| {
                let by_token = kind == ApproverKind::Group && principal.groups.contains(&name);
                let voucher = if by_token {
                    Voucher::IdentityProvider
                } else if is_listed(kind, &name, &principal.person.email, groups) {
                    Voucher::Policy
                } else {
                    return None;
                };
                Some(Capacity { kind, name, voucher })
            })
            .collect()
    }

    /// Whether a decision that was given in one of `capacities` still counts as one of this set's.
    pub(super) fn still_has(
        &self,
        capacities: &[Capacity],
        holder: &str,
        team: &TeamName,
        groups: &BTreeMap<String, Group>,
    ) -> bool {
        self.resolve(team).any(|(kind, name)| {
            capacities.iter().any(|capacity| {
                let same = capacity.kind == kind && same_approver(kind, &capacity.name, &name);
                same && match capacity.voucher {
                    Voucher::IdentityProvider => true,
                    Voucher::Policy => is_listed(kind, &name, holder, groups),
                }
            })
        })
    }
}

/// Whether the policy itself says that `email` is the approver `name`.
fn is_listed(kind: ApproverKind, name: &str, email: &str, groups: &BTreeMap<String, Group>) -> bool {
    match kind {
        ApproverKind::Person => name.eq_ignore_ascii_case(email),
        ApproverKind::Group => {
            groups.get(name).is_some_and(|group| group.members.iter().any(|member| member.eq_ignore_ascii_case(email)))
        }
    }
}

/// Addresses are the same in any case, groups only as written.
fn same_approver(kind: ApproverKind, one: &str, other: &str) -> bool {
    match kind {
        ApproverKind::Person => one.eq_ignore_ascii_case(other),
        ApproverKind::Group => one == other,
    }
}

/// What in `sets` the person behind `principal` is: first by themselves, then for each approver whom they stand in
/// for at `now`. Never for the requester, and never over two delegations.
pub(super) fn standings(
    sets: &[&ApproverSet],
    principal: &Principal,
    requester: &Person,
    team: &TeamName,
    groups: &BTreeMap<String, Group>,
    delegations: &[Delegation],
    now: Timestamp,
) -> Vec<Standing> {
    let capacities = |who: &Principal| sets.iter().flat_map(|set| set.capacities(who, team, groups)).collect();
    let own = Standing { capacities: capacities(principal), on_behalf_of: None };
    let absent = delegations
        .iter()
        .filter(|delegation| delegation.is_in_force(now))
        .filter(|delegation| delegation.delegate.eq_ignore_ascii_case(&principal.person.email))
        .filter(|delegation| !same_mailbox(&delegation.approver, &requester.email))
        .map(|delegation| Standing {
            // Nobody but the policy can vouch for somebody who is not there to present a token.
            capacities: capacities(&Principal::by_address(&delegation.approver)),
            on_behalf_of: Some(delegation.approver.clone()),
        });
    std::iter::once(own).chain(absent).filter(|standing| !standing.capacities.is_empty()).collect()
}
