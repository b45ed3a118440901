//! Why the policy judges a request as it does, and what follows: for `policy explain`, and for whoever has to decide.

mod tree;

use serde::Serialize;

use super::approvers::{ApproverKind, ApproverSet};
use super::rules::Tried;
use super::words::listed;
use super::{ApprovalTier, Policy, RateLimit, RequiredField, ReviewTier, Subject};
use crate::catalog::CatalogTier;
use crate::environment::Environment;
use crate::person::{Person, same_mailbox};
use crate::request::Channel;
use crate::text::TeamName;
use crate::time::{Span, Timestamp};

/// The most values that a sentence lists.
const MAX_LISTED: usize = 4;

/// How the policy judges a request: made by [`Policy::explain`].
///
/// `Display` writes it as a tree of lines of at most 100 characters, for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The policy's version.
    pub policy_version: String,
    /// The image with its tag.
    pub image: String,
    /// The catalog's tier of the image.
    pub catalog_tier: CatalogTier,
    /// The team it is for.
    pub team: TeamName,
    /// Where it is to run.
    pub environment: Environment,
    /// Who asks, where that is known: e-mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
    /// The moment for which delegations are looked at.
    pub at: Timestamp,
    /// All deny rules, in order. They come before the rules.
    pub deny: Vec<ExplainedRule>,
    /// All rules, in order.
    pub rules: Vec<ExplainedRule>,
    /// What came of it.
    pub outcome: Outcome,
}

/// A rule, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRule {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub trial: Trial,
    /// Its conditions, if it was looked at; none means that it fires always.
    pub conditions: Vec<ExplainedCondition>,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Trial {
    /// All its conditions hold: it decides.
    Fired,
    /// One of its conditions does not hold.
    PassedOver,
    /// Another one fired before.
    NotLookedAt,
}

/// A condition, tried on the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedCondition {
    /// What it looks at, as the policy calls it.
    pub field: &'static str,
    /// What it wants: one of these, as the policy writes them.
    pub wanted: Vec<String>,
    /// What the request has.
    pub found: String,
    /// Whether that is one of them.
    pub holds: bool,
}

/// What comes of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// A deny rule refuses it.
    Denied {
        /// The rule.
        rule: String,
        /// What the policy says about it.
        reason: String,
    },
    /// The policy approves; nobody is asked.
    Approved {
        /// The rule.
        rule: String,
        /// How many requests one person may make. `None`: as many as they like.
        rate_limit: Option<RateLimit>,
    },
    /// People decide.
    Review {
        /// The rule.
        rule: String,
        /// Who, how and by when.
        review: Box<ExplainedReview>,
    },
}

/// Who decides, how and by when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedReview {
    /// The tier.
    pub tier: ApprovalTier,
    /// Fields that must be filled in.
    pub requires: Vec<RequiredField>,
    /// Whose approvals are needed: all of these, each by different people.
    pub approvals: Vec<ExplainedRequirement>,
    /// When approvers are reminded, from submission.
    pub reminders: Vec<Span>,
    /// When a decision is due, from submission.
    pub sla: Span,
    /// Who may decide, too, once the SLA has passed; `None`: nobody more.
    pub second_line: Option<Vec<Decider>>,
    /// When an undecided request ends, from submission.
    pub expires_after: Span,
    /// Through which channels a decision may come.
    pub channels: Vec<Channel>,
    /// How long a signed link can be used, where one may decide by it.
    pub links_valid_for: Option<Span>,
    /// Who may approve alone in an emergency; `None`: nobody.
    pub break_glass: Option<Vec<Decider>>,
}

/// So many approvals of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedRequirement {
    /// How many different people have to say yes.
    pub count: u32,
    /// Who may.
    pub approvers: Vec<Decider>,
    /// Whether the requester is named here, too, and was left out: nobody decides their own request.
    pub leaves_out_requester: bool,
}

/// A person or a group of the policy, without the requester.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decider {
    /// Whether `name` is a person or a group.
    pub kind: ApproverKind,
    /// An e-mail address, or a group's name with the team filled in.
    pub name: String,
    /// Whom the policy knows of them: the person, or the group's members.
    pub people: Vec<KnownPerson>,
    /// Whether everybody counts whose token carries the group: where one may decide through the API.
    pub by_token: bool,
    /// Where mail goes without a link. For a group of which the policy knows nobody these are the fallback mailboxes.
    pub mailboxes: Vec<String>,
}

/// A person whom the policy knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownPerson {
    /// E-mail address.
    pub email: String,
    /// If somebody stands in for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<Absence>,
}

/// Somebody stands in for an approver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Absence {
    /// Until when.
    pub until: Timestamp,
    /// Who decides instead: e-mail address.
    pub delegate: String,
    /// Whether they ask themselves, and so cannot decide.
    pub delegate_asks: bool,
}

impl Policy {
    /// How the rules judge `subject`, with the evaluation that [`Policy::tier_of`] answers from, and who may decide at
    /// `now`. Without a requester nobody is left out.
    #[must_use]
    pub fn explain(&self, subject: Subject<'_>, requester: Option<&Person>, now: Timestamp) -> Explanation {
        let evaluation = self.evaluate(subject);
        let deny_fired = evaluation.outcome.is_err();
        // Of what was looked at, only the last can have fired.
        let rule_fired = !deny_fired && evaluation.rules.last().is_some_and(Tried::fires);
        let deny_names = self.deny.iter().map(|rule| rule.name.as_str());
        let rule_names = self.rules.iter().map(|rule| rule.name.as_str());
        let deny = explained_rules(deny_names, &evaluation.deny, deny_fired, subject);
        let rules = explained_rules(rule_names, &evaluation.rules, rule_fired, subject);
        let outcome = match evaluation.outcome {
            Err(denied) => Outcome::Denied { rule: denied.rule, reason: denied.reason },
            Ok(verdict) => {
                let rule = verdict.rule.to_owned();
                match self.review(verdict.tier) {
                    None => Outcome::Approved { rule, rate_limit: self.auto_approve().rate_limit },
                    Some(review) => {
                        let view = View { policy: self, team: subject.team, requester, now };
                        Outcome::Review { rule, review: Box::new(view.review(verdict.tier, review)) }
                    }
                }
            }
        };
        Explanation {
            policy_version: self.version.clone(),
            image: subject.image.to_string(),
            catalog_tier: subject.catalog_tier,
            team: subject.team.clone(),
            environment: subject.environment,
            requester: requester.map(|requester| requester.email.clone()),
            at: now,
            deny,
            rules,
            outcome,
        }
    }
}

/// All rules: those that were tried, and the rest.
fn explained_rules<'p>(
    names: impl Iterator<Item = &'p str>,
    tried: &[Tried<'_>],
    last_fired: bool,
    subject: Subject<'_>,
) -> Vec<ExplainedRule> {
    names
        .enumerate()
        .map(|(index, name)| {
            let trial = match tried.len().checked_sub(index + 1) {
                Some(0) if last_fired => Trial::Fired,
                Some(_) => Trial::PassedOver,
                None => Trial::NotLookedAt,
            };
            let checks = tried.get(index).into_iter().flat_map(|tried| &tried.0);
            let conditions = checks
                .map(|check| ExplainedCondition {
                    field: check.wanted.field(),
                    wanted: check.wanted.values(),
                    found: check.wanted.found(subject),
                    holds: check.holds,
                })
                .collect();
            ExplainedRule { name: name.to_owned(), trial, conditions }
        })
        .collect()
}

/// For whom and when the approvers are looked at.
#[derive(Clone, Copy)]
struct View<'a> {
    policy: &'a Policy,
    team: &'a TeamName,
    requester: Option<&'a Person>,
    now: Timestamp,
}

/// What somebody is named for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// To decide: they get mail, and somebody may stand in for them.
    Approver,
    /// To approve alone in an emergency: by themselves and unasked.
    BreaksGlass,
}

impl View<'_> {
    fn review(self, tier: ApprovalTier, review: &ReviewTier) -> ExplainedReview {
        // No other channel carries a token.
        let by_token = review.channels.contains(&Channel::Api);
        let deciders = |set: &ApproverSet| self.deciders(set, by_token, Role::Approver);
        let requirement = |requirement: &super::Requirement| ExplainedRequirement {
            count: requirement.count.get(),
            approvers: deciders(&requirement.approvers),
            leaves_out_requester: self.leaves_out_requester(&requirement.approvers),
        };
        let can_use_links = review.channels.contains(&Channel::Link);
        // Breaking the glass takes a token.
        let emergency = |set: &ApproverSet| self.deciders(set, true, Role::BreaksGlass);
        ExplainedReview {
            tier,
            requires: review.requires.clone(),
            approvals: review.approvals.iter().map(requirement).collect(),
            reminders: review.reminders.clone(),
            sla: review.sla,
            second_line: review.escalate_to.as_ref().map(deciders),
            expires_after: review.expires_after,
            channels: review.channels.clone(),
            links_valid_for: can_use_links.then_some(review.links_valid_for),
            break_glass: self.policy.break_glass().map(|break_glass| emergency(&break_glass.approvers)),
        }
    }

    fn is_requester(self, email: &str) -> bool {
        self.requester.is_some_and(|requester| same_mailbox(&requester.email, email))
    }

    fn leaves_out_requester(self, set: &ApproverSet) -> bool {
        set.resolve(self.team).any(|(kind, name)| match kind {
            ApproverKind::Person => self.is_requester(&name),
            ApproverKind::Group => {
                let group = self.policy.groups.get(&name);
                group.is_some_and(|group| group.members.iter().any(|member| self.is_requester(member)))
            }
        })
    }

    fn deciders(self, set: &ApproverSet, by_token: bool, role: Role) -> Vec<Decider> {
        set.resolve(self.team)
            .filter_map(|(kind, name)| match kind {
                ApproverKind::Person => {
                    let people = vec![self.known(&name, role)?];
                    Some(Decider { kind, name, people, by_token: false, mailboxes: Vec::new() })
                }
                ApproverKind::Group => {
                    let group = self.policy.groups.get(&name);
                    let members = group.into_iter().flat_map(|group| &group.members);
                    let people = members.filter_map(|member| self.known(member, role)).collect();
                    let mailboxes = match (role, group) {
                        (Role::Approver, Some(group)) => group.mailboxes.clone(),
                        (Role::Approver, None) => self.policy.fallback_mailboxes.clone(),
                        (Role::BreaksGlass, _) => Vec::new(),
                    };
                    Some(Decider { kind, name, people, by_token, mailboxes })
                }
            })
            .collect()
    }

    /// Somebody who may decide; `None` for the requester.
    fn known(self, email: &str, role: Role) -> Option<KnownPerson> {
        if self.is_requester(email) {
            return None;
        }
        let delegations = self.policy.delegations.iter().filter(|_| role == Role::Approver);
        let in_force = delegations
            .filter(|delegation| delegation.is_in_force(self.now))
            .find(|delegation| delegation.approver.eq_ignore_ascii_case(email));
        let away = in_force.map(|delegation| Absence {
            until: delegation.until,
            delegate: delegation.delegate.clone(),
            delegate_asks: self.is_requester(&delegation.delegate),
        });
        Some(KnownPerson { email: email.to_owned(), away })
    }
}

impl Explanation {
    /// The policy's answer in one sentence, for the page on which somebody decides.
    #[must_use]
    pub fn reason(&self) -> String {
        let sentence = match &self.outcome {
            Outcome::Denied { rule, reason } => {
                format!("The policy's rule `{rule}` refuses this: {}.", reason.trim_end_matches('.'))
            }
            Outcome::Approved { rule, .. } => {
                format!("The policy's rule `{rule}` approves this without asking anybody: {}.", self.why())
            }
            Outcome::Review { rule, review } => {
                format!("The policy's rule `{rule}` asks for {}: {}.", review.tier.asks_for(), self.why())
            }
        };
        sentence.replace(char::is_control, " ")
    }

    /// What made the rule fire.
    fn why(&self) -> String {
        let Some(fired) = self.rules.iter().find(|rule| rule.trial == Trial::Fired) else {
            return "no rule fits, and then the strictest tier decides".to_owned();
        };
        if fired.conditions.is_empty() {
            return "it is for whatever no earlier rule fits".to_owned();
        }
        let conditions: Vec<String> = fired
            .conditions
            .iter()
            .map(|condition| match condition.wanted.len() {
                0..=MAX_LISTED => condition.wish(),
                _ => format!("{} is {}", condition.field, condition.found),
            })
            .collect();
        conditions.join(" and ")
    }
}

impl ExplainedCondition {
    /// What it wants: `environment is dev or staging`.
    fn wish(&self) -> String {
        let wanted: Vec<&str> = self.wanted.iter().map(String::as_str).collect();
        format!("{} is {}", self.field, listed(&wanted, "or"))
    }
}
