//! The policy file: its shape, and what has to hold for it to be used.
//!
//! Reading goes on after a problem, so that all of them are told at once. What could not be read is `None`, and checks
//! that would need it are left out: no problem is told that is only the consequence of another.

mod fillable;
mod named;
mod problems;
mod reader;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::fillable::{MAX_APPROVALS, Shortage, shortages};
use self::named::Named;
use self::problems::Problems;
pub use self::problems::{PolicyError, PolicyProblem};
use self::reader::{Fields, Spot, list};
use super::rules::{Condition, DenyRule, ImagePattern, Rule};
use super::words::quoted;
use super::{
    ApprovalTier, ApproverSet, AutoApproveTier, BreakGlass, Delegation, Group, Policy, RateLimit, RequiredField,
    Requirement, ReviewTier,
};
use crate::catalog::CatalogTier;
use crate::environment::Environment;
use crate::image::BASE_IMAGE_PREFIX;
use crate::person::{mailbox, same_mailbox};
use crate::request::Channel;
use crate::text::TeamName;
use crate::time::{Span, Timestamp};

/// The largest policy file that is read, in bytes.
const MAX_FILE_BYTES: usize = 256 * 1024;
/// The longest version, in characters.
const MAX_VERSION_CHARS: usize = 64;
/// The shortest that a link may be good for.
const SHORTEST_LINK: Span = Span::new(Duration::from_mins(10));
/// The most reminders of a tier.
const MAX_REMINDERS: usize = 10;
/// Stands for the request's team in the name of an approving group.
const TEAM: &str = "{team}";

const ENVIRONMENTS: [Environment; 3] = [Environment::Dev, Environment::Staging, Environment::Production];
const CATALOG_TIERS: [CatalogTier; 6] = [
    CatalogTier::Application,
    CatalogTier::Base,
    CatalogTier::Fips,
    CatalogTier::Ai,
    CatalogTier::Devtools,
    CatalogTier::Commercial,
];
const TIERS: [ApprovalTier; 3] =
    [ApprovalTier::AutoApprove, ApprovalTier::ManagerApproval, ApprovalTier::SecurityReview];
const REQUIRED_FIELDS: [RequiredField; 2] = [RequiredField::Justification, RequiredField::RiskAssessment];
const CHANNELS: [Channel; 3] = [Channel::Api, Channel::Link, Channel::Slack];

pub(super) fn read(text: &str) -> Result<Policy, PolicyError> {
    let mut problems = Problems::default();
    match policy(text, &mut problems) {
        Some(policy) if problems.count() == 0 => Ok(policy),
        _ => Err(problems.into_error()),
    }
}

fn policy(text: &str, problems: &mut Problems) -> Option<Policy> {
    if text.len() > MAX_FILE_BYTES {
        problems.push(1, "", format!("has more than {MAX_FILE_BYTES} bytes"), "make it shorter");
        return None;
    }
    let root = match yaml::parse(text) {
        Ok(root) => root,
        Err(error) => {
            problems.push(error.line, "", error.wrong, error.fix);
            return None;
        }
    };
    let known = [
        "version",
        "deny",
        "rules",
        "tiers",
        "administrators",
        "breakGlass",
        "groups",
        "delegations",
        "fallbackMailboxes",
    ];
    let file = Spot::root(&root).fields(&known, problems)?;

    let version = file.required("version", "version: \"1\"", problems).and_then(|spot| version(spot, problems));
    let deny = optional_list(&file, "deny", problems, deny_rule);
    let rules = file
        .required("rules", "rules: [{ name: default, tier: manager-approval }]", problems)
        .and_then(|spot| rules(spot, problems));
    distinct_names(&file, problems);

    let tiers = file
        .required("tiers", "tiers: { auto-approve: {}, manager-approval: …, security-review: … }", problems)
        .and_then(|spot| spot.fields(&TIERS.map(ApprovalTier::as_str), problems));
    let tier = |tier: ApprovalTier, example: &str, problems: &mut Problems| {
        tiers.as_ref().and_then(|tiers| tiers.required(tier.as_str(), example, problems).cloned())
    };
    let auto_approve =
        tier(ApprovalTier::AutoApprove, "auto-approve: {}", problems).and_then(|spot| auto_approve(&spot, problems));
    let review_example = "{ approvals: […], sla: 24h, expiresAfter: 14d, linksValidFor: 7d, channels: [api] }";
    let manager_approval =
        tier(ApprovalTier::ManagerApproval, &format!("manager-approval: {review_example}"), problems);
    let security_review = tier(ApprovalTier::SecurityReview, &format!("security-review: {review_example}"), problems);

    let administrators = file
        .required("administrators", "administrators: { groups: [cgr-request-admins] }", problems)
        .and_then(|spot| approver_set(spot, Team::Unknown, problems));
    let break_glass = match file.optional("breakGlass") {
        Some(spot) => break_glass(spot, problems).map(Some),
        None => Some(None),
    };
    let groups = match file.optional("groups") {
        Some(spot) => groups(spot, problems),
        None => Some(BTreeMap::new()),
    };
    let manager_approval = manager_approval.and_then(|spot| review(&spot, problems));
    let security_review = security_review.and_then(|spot| review(&spot, problems));
    let delegations = match file.optional("delegations") {
        Some(spot) => delegations(spot, problems),
        None => Some(Vec::new()),
    };
    let fallback_mailboxes = file
        .required("fallbackMailboxes", "fallbackMailboxes: [platform-engineering@acme.example]", problems)
        .and_then(|spot| fallback_mailboxes(spot, problems));

    let reviews = [manager_approval.as_ref(), security_review.as_ref()];
    let named = Named {
        sets: reviews
            .into_iter()
            .flatten()
            .flat_map(ReviewTier::approver_sets)
            .chain(break_glass.iter().flatten().flat_map(|break_glass| [&break_glass.approvers, &break_glass.tell]))
            .chain(&administrators)
            .collect(),
        groups: groups.as_ref(),
        delegations: delegations.as_deref().unwrap_or_default(),
    };
    named::mailboxes_are_nobody(&named, &file, problems);
    named::who_is_away_is_an_approver(&named, &file, problems);
    Some(Policy {
        version: version?,
        deny: deny?,
        rules: rules?,
        auto_approve: auto_approve?,
        manager_approval: manager_approval?,
        security_review: security_review?,
        administrators: administrators?,
        break_glass: break_glass?,
        groups: groups?,
        delegations: delegations?,
        fallback_mailboxes: fallback_mailboxes?,
    })
}

/// A list that may be left out.
fn optional_list<'a, T>(
    fields: &Fields<'a>,
    name: &str,
    problems: &mut Problems,
    read: impl FnMut(&Spot<'a>, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    fields.optional(name).map_or_else(|| Some(Vec::new()), |spot| list(spot, problems, read))
}

fn version(spot: &Spot<'_>, problems: &mut Problems) -> Option<String> {
    let text = spot.text(problems)?;
    if text.trim().is_empty() || text.chars().nth(MAX_VERSION_CHARS).is_some() {
        let wrong = format!("{} does not have 1 to {MAX_VERSION_CHARS} characters", quoted(text));
        spot.problem(problems, wrong, "write a short one; it stands in every record");
    }
    Some(text.to_owned())
}

/// A text that is not blank.
fn name(spot: &Spot<'_>, problems: &mut Problems) -> Option<String> {
    let text = spot.text(problems)?;
    if text.trim().is_empty() {
        spot.problem(problems, "is blank", "write something; it stands in every record");
    }
    Some(text.to_owned())
}

fn deny_rule(spot: &Spot<'_>, problems: &mut Problems) -> Option<DenyRule> {
    let fields = spot.fields(&["name", "when", "reason"], problems)?;
    let name = fields.required("name", "name: no-shells", problems).and_then(|spot| name(spot, problems));
    let when = when(&fields, problems);
    let reason = fields
        .required("reason", "reason: use a distroless image", problems)
        .and_then(|spot| self::name(spot, problems));
    if when.as_ref().is_some_and(Condition::is_empty) {
        spot.problem(problems, "without a condition it refuses every request", "give it a `when`");
    }
    Some(DenyRule { name: name?, when: when?, reason: reason? })
}

/// The rules in their order. Every request must fall into a tier, and every rule must have a chance to fire.
fn rules(spot: &Spot<'_>, problems: &mut Problems) -> Option<Vec<Rule>> {
    let elements = spot.elements(problems)?;
    let mut rules = Vec::with_capacity(elements.len());
    for (index, element) in elements.iter().enumerate() {
        let is_last = index + 1 == elements.len();
        rules.push(rule(element, is_last, problems));
    }
    if rules.is_empty() {
        let fix = "add a last one without a condition, such as { name: default, tier: manager-approval }";
        spot.problem(problems, "there are none", fix);
    }
    rules.into_iter().collect()
}

fn rule(spot: &Spot<'_>, is_last: bool, problems: &mut Problems) -> Option<Rule> {
    let fields = spot.fields(&["name", "when", "tier"], problems)?;
    let name = fields.required("name", "name: default", problems).and_then(|spot| name(spot, problems));
    let when = when(&fields, problems);
    let tier = fields
        .required("tier", "tier: manager-approval", problems)
        .and_then(|spot| spot.choice(&TIERS, ApprovalTier::as_str, "tier", problems));
    if let Some(when) = &when {
        match fields.optional("when") {
            Some(spot) if is_last && !when.is_empty() => spot.problem(
                problems,
                "the last rule has a condition, so that some requests would fall into no tier",
                "add one without a condition after it, such as { name: default, tier: manager-approval }",
            ),
            _ if !is_last && when.is_empty() => spot.problem(
                problems,
                "it has no condition, so that the rules after it never fire",
                "give it a `when`, or make it the last one",
            ),
            _ => {}
        }
    }
    Some(Rule { name: name?, when: when?, tier: tier? })
}

/// Records say by name which rule fired.
fn distinct_names(file: &Fields<'_>, problems: &mut Problems) {
    // What is no list, mapping or text has been told of where it was read.
    let mut told = Problems::default();
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for list in ["deny", "rules"].iter().filter_map(|list| file.optional(list)) {
        for rule in list.elements(&mut told).unwrap_or_default() {
            let members = rule.members("", &mut told).unwrap_or_default();
            let Some((_, spot)) = members.into_iter().find(|(name, _)| *name == "name") else {
                continue;
            };
            let Some(name) = spot.text(&mut told) else {
                continue;
            };
            match first.get(name) {
                Some(line) => spot.problem(
                    problems,
                    format!("the rule on line {line} is named {}, too", quoted(name)),
                    "give it another name; records say by name which rule fired",
                ),
                None => {
                    first.insert(name, spot.line);
                }
            }
        }
    }
}

/// The conditions of a rule; `None` if any of them cannot be read, for the rest would say something else.
fn when(rule: &Fields<'_>, problems: &mut Problems) -> Option<Condition> {
    let Some(spot) = rule.optional("when") else {
        return Some(Condition::default());
    };
    let before = problems.count();
    let fields = spot.fields(&["catalogTier", "environment", "team", "image"], problems)?;
    let condition = Condition {
        catalog_tier: one_of(&fields, "catalogTier", problems, |spot, problems| {
            spot.choice(&CATALOG_TIERS, CatalogTier::as_str, "tier of the catalog", problems)
        }),
        environment: one_of(&fields, "environment", problems, |spot, problems| {
            spot.choice(&ENVIRONMENTS, Environment::as_str, "environment", problems)
        }),
        team: one_of(&fields, "team", problems, team),
        image: one_of(&fields, "image", problems, image_pattern),
    };
    (problems.count() == before).then_some(condition)
}

fn one_of<'a, T>(
    fields: &Fields<'a>,
    name: &str,
    problems: &mut Problems,
    read: impl FnMut(&Spot<'a>, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    let spot = fields.optional(name)?;
    let values = list(spot, problems, read)?;
    if values.is_empty() {
        spot.problem(problems, "an empty list matches nothing", "list values, or leave the field out");
    }
    Some(values)
}

fn team(spot: &Spot<'_>, problems: &mut Problems) -> Option<TeamName> {
    let text = spot.text(problems)?;
    let team = TeamName::new(text).ok();
    if team.is_none() {
        let fix = "write 1 to 64 lower-case letters, digits and single hyphens, such as data-engineering";
        spot.problem(problems, format!("{} is no team", quoted(text)), fix);
    }
    team
}

fn image_pattern(spot: &Spot<'_>, problems: &mut Problems) -> Option<ImagePattern> {
    let text = spot.text(problems)?;
    let (only_base_images, name) = match text.split_once('/') {
        Some((BASE_IMAGE_PREFIX, name)) => (true, name),
        _ => (false, text),
    };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"*._-".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        let wrong = format!("{} is no image pattern", quoted(text));
        spot.problem(problems, wrong, "write one such as python, *-fips or base-image/*");
        return None;
    }
    Some(ImagePattern { only_base_images, name: name.to_owned() })
}

fn auto_approve(spot: &Spot<'_>, problems: &mut Problems) -> Option<AutoApproveTier> {
    let fields = spot.fields(&["rateLimit"], problems)?;
    let Some(spot) = fields.optional("rateLimit") else {
        return Some(AutoApproveTier { rate_limit: None });
    };
    let fields = spot.fields(&["requests", "per"], problems)?;
    let requests = fields.required("requests", "requests: 20", problems).and_then(|spot| spot.count(problems));
    let per = fields.required("per", "per: 1h", problems).and_then(|spot| some_span(spot, problems));
    Some(AutoApproveTier { rate_limit: Some(RateLimit { requests: requests?, per: per? }) })
}

fn review(spot: &Spot<'_>, problems: &mut Problems) -> Option<ReviewTier> {
    let known =
        ["requires", "approvals", "sla", "reminders", "escalateTo", "expiresAfter", "linksValidFor", "channels"];
    let fields = spot.fields(&known, problems)?;
    let requires = match fields.optional("requires") {
        Some(spot) => set_of(spot, problems, |spot, problems| {
            spot.choice(&REQUIRED_FIELDS, RequiredField::as_str, "field of a request", problems)
        }),
        None => Some(Vec::new()),
    };
    let approvals_example = "approvals: [{ count: 1, groups: [platform-engineering-leads] }]";
    let approvals =
        fields.required("approvals", approvals_example, problems).and_then(|spot| approvals(spot, problems));
    let escalate_to = match fields.optional("escalateTo") {
        Some(spot) => approver_set(spot, Team::Known, problems).map(Some),
        None => Some(None),
    };
    let sla = fields.required("sla", "sla: 24h", problems).and_then(|spot| some_span(spot, problems));
    let reminders = match fields.optional("reminders") {
        Some(spot) => reminders(spot, sla, problems),
        None => Some(Vec::new()),
    };
    let expires_spot = fields.required("expiresAfter", "expiresAfter: 14d", problems);
    let expires_after = expires_spot.and_then(|spot| some_span(spot, problems));
    if let (Some(spot), Some(expires_after), Some(sla)) = (expires_spot, expires_after, sla)
        && expires_after <= sla
    {
        spot.problem(problems, format!("is not later than the SLA of {sla}"), "let it expire some time after the SLA");
    }
    let links_spot = fields.required("linksValidFor", "linksValidFor: 7d", problems);
    let links_valid_for = links_spot.and_then(|spot| some_span(spot, problems));
    if let (Some(spot), Some(links_valid_for), Some(expires_after)) = (links_spot, links_valid_for, expires_after)
        && links_valid_for > expires_after
    {
        let wrong = format!("is longer than a request lasts, which is {expires_after}");
        spot.problem(problems, wrong, format!("write {expires_after} or less"));
    }
    if let (Some(spot), Some(links_valid_for)) = (links_spot, links_valid_for)
        && links_valid_for < SHORTEST_LINK
    {
        let wrong = format!("{links_valid_for} is shorter than mail takes to be read");
        spot.problem(problems, wrong, format!("write {SHORTEST_LINK} or more"));
    }
    let channels = fields.required("channels", "channels: [api]", problems).and_then(|spot| channels(spot, problems));
    Some(ReviewTier {
        requires: requires?,
        approvals: approvals?,
        sla: sla?,
        reminders: reminders?,
        escalate_to: escalate_to?,
        expires_after: expires_after?,
        links_valid_for: links_valid_for?,
        channels: channels?,
    })
}

/// What the approvals of a tier are, and whether different people can give them.
fn approvals(spot: &Spot<'_>, problems: &mut Problems) -> Option<Vec<Requirement>> {
    let mut spots = Vec::new();
    let requirements = list(spot, problems, |element, problems| {
        spots.push(element.clone());
        requirement(element, problems)
    })?;
    if requirements.is_empty() {
        let fix = "list at least one, such as { count: 1, groups: [platform-engineering-leads] }";
        spot.problem(problems, "names nobody", fix);
        return None;
    }
    let total = requirements.iter().map(Requirement::count).fold(0, usize::saturating_add);
    if total > MAX_APPROVALS {
        let wrong = format!("asks for {total} approvals in all");
        spot.problem(problems, wrong, format!("ask for {MAX_APPROVALS} or fewer"));
        return Some(requirements);
    }
    for shortage in shortages(&requirements) {
        match shortage {
            Shortage::Always => spot.problem(
                problems,
                "they cannot be given by different people: too few are named, and everybody counts once",
                "name more people, or groups, or ask for fewer approvals",
            ),
            Shortage::Without { requirement, person } => {
                let (Some(wanted), Some(spot)) = (requirements.get(requirement), spots.get(requirement)) else {
                    continue;
                };
                let Some(email) = wanted.approvers.people.get(person) else {
                    continue;
                };
                let wrong = format!("if {} is the requester, too few others are named", quoted(email));
                let fix = "name another person, or a group; nobody decides their own request";
                problems.push(person_line(spot, person), &spot.place, wrong, fix);
            }
        }
    }
    Some(requirements)
}

/// The line of an address of a requirement, which has been read before.
fn person_line(requirement: &Spot<'_>, person: usize) -> usize {
    let mut told = Problems::default();
    let fields = requirement.fields(&["people"], &mut told);
    let people = fields.as_ref().and_then(|fields| fields.optional("people"));
    let elements = people.and_then(|people| people.elements(&mut told));
    elements.and_then(|elements| elements.get(person).map(|spot| spot.line)).unwrap_or(requirement.line)
}

fn requirement(spot: &Spot<'_>, problems: &mut Problems) -> Option<Requirement> {
    let fields = spot.fields(&["count", "people", "groups"], problems)?;
    let count = fields.required("count", "count: 1", problems).and_then(|spot| spot.count(problems));
    let approvers = approvers_of(spot, &fields, Team::Known, problems);
    Some(Requirement { count: count?, approvers: approvers? })
}

fn reminders(spot: &Spot<'_>, sla: Option<Span>, problems: &mut Problems) -> Option<Vec<Span>> {
    let reminders = list(spot, problems, some_span)?;
    if reminders.len() > MAX_REMINDERS {
        let wrong = format!("there are {} of them", reminders.len());
        spot.problem(problems, wrong, format!("remind at most {MAX_REMINDERS} times"));
    }
    if !reminders.is_sorted_by(|earlier, later| earlier < later) {
        spot.problem(problems, "they do not ascend", "list each once, the earliest first");
    }
    if let Some(sla) = sla
        && reminders.iter().any(|reminder| *reminder >= sla)
    {
        let wrong = format!("one is not before the SLA of {sla}");
        spot.problem(problems, wrong, "remind before a decision is due, or leave it out");
    }
    Some(reminders)
}

fn channels(spot: &Spot<'_>, problems: &mut Problems) -> Option<Vec<Channel>> {
    let channels =
        set_of(spot, problems, |spot, problems| spot.choice(&CHANNELS, Channel::as_str, "channel", problems))?;
    if !channels.contains(&Channel::Api) {
        // A link reaches only whom the policy lists, and its keys may be lost; a token is what everybody has.
        let wrong = "api is missing, so that somebody who may decide could be left without a way to";
        spot.problem(problems, wrong, "list api, and link or slack besides");
    }
    Some(channels)
}

/// Whether an approver set belongs to a request, whose team `{team}` stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Team {
    Known,
    Unknown,
}

fn approver_set(spot: &Spot<'_>, team: Team, problems: &mut Problems) -> Option<ApproverSet> {
    let fields = spot.fields(&["people", "groups"], problems)?;
    approvers_of(spot, &fields, team, problems)
}

fn approvers_of(spot: &Spot<'_>, fields: &Fields<'_>, team: Team, problems: &mut Problems) -> Option<ApproverSet> {
    let people = match fields.optional("people") {
        Some(spot) => addresses(spot, problems),
        None => Some(Vec::new()),
    };
    let groups = match fields.optional("groups") {
        Some(spot) => set_of(spot, problems, |spot, problems| group_name(spot, team, problems)),
        None => Some(Vec::new()),
    };
    let set = ApproverSet::new(people?, groups?);
    if set.is_none() {
        spot.problem(problems, "names nobody", "list people, groups or both");
    }
    set
}

fn group_name(spot: &Spot<'_>, team: Team, problems: &mut Problems) -> Option<String> {
    let text = spot.text(problems)?;
    let without_team = text.replace(TEAM, "");
    if without_team.trim().is_empty() {
        spot.problem(problems, format!("{} names no group", quoted(text)), "write a group's name");
    } else if without_team.contains(['{', '}']) {
        let wrong = format!("{} has braces that stand for nothing", quoted(text));
        spot.problem(problems, wrong, format!("write `{TEAM}` for the request's team, or remove them"));
    } else if team == Team::Unknown && text.contains(TEAM) {
        let wrong = format!("`{TEAM}` has no meaning here");
        spot.problem(problems, wrong, "name the groups");
    }
    Some(text.to_owned())
}

fn break_glass(spot: &Spot<'_>, problems: &mut Problems) -> Option<BreakGlass> {
    let fields = spot.fields(&["approvers", "tell"], problems)?;
    let approvers = fields
        .required("approvers", "approvers: { groups: [incident-commanders] }", problems)
        .and_then(|spot| approver_set(spot, Team::Unknown, problems));
    let tell = fields
        .required("tell", "tell: { groups: [security-reviewers] }", problems)
        .and_then(|spot| approver_set(spot, Team::Unknown, problems));
    Some(BreakGlass { approvers: approvers?, tell: tell? })
}

fn groups(spot: &Spot<'_>, problems: &mut Problems) -> Option<BTreeMap<String, Group>> {
    let members = spot.members("a mapping from groups to their members and mailboxes", problems)?;
    let groups: Vec<Option<(String, Group)>> = members
        .into_iter()
        .map(|(name, spot)| {
            if name.trim().is_empty() {
                spot.problem(problems, "a group's name is blank", "write the name as it stands in tokens");
            } else if name.contains(['{', '}']) {
                let fix = "write one entry for each team's group, such as data-engineering-leads";
                spot.problem(problems, "nothing stands in for a team here", fix);
            }
            group(&spot, problems).map(|group| (name.to_owned(), group))
        })
        .collect();
    groups.into_iter().collect()
}

fn group(spot: &Spot<'_>, problems: &mut Problems) -> Option<Group> {
    let fields = spot.fields(&["members", "mailboxes"], problems)?;
    let mut read = |name: &str| match fields.optional(name) {
        Some(spot) => addresses(spot, problems),
        None => Some(Vec::new()),
    };
    let (members, mailboxes) = (read("members"), read("mailboxes"));
    let group = Group { members: members?, mailboxes: mailboxes? };
    if group.is_unreachable() {
        let fix = "list members, mailboxes or both, or leave the group out: its mail goes to the fallback mailboxes";
        spot.problem(problems, "has neither members nor mailboxes", fix);
    }
    Some(group)
}

fn delegations(spot: &Spot<'_>, problems: &mut Problems) -> Option<Vec<Delegation>> {
    let mut lines = Vec::new();
    let delegations = list(spot, problems, |element, problems| {
        lines.push((element.line, element.place.clone()));
        delegation(element, problems)
    })?;
    // By approver and start. The longest so far decides, since one may lie within another.
    let mut by_start: Vec<(String, &Delegation, &(usize, String))> = delegations
        .iter()
        .zip(&lines)
        .map(|(delegation, place)| (mailbox(&delegation.approver), delegation, place))
        .collect();
    by_start.sort_by(|a, b| (&a.0, a.1.from).cmp(&(&b.0, b.1.from)));
    let mut longest: Option<&(String, &Delegation, &(usize, String))> = None;
    for this in &by_start {
        let before = longest.filter(|before| before.0 == this.0);
        if let Some(before) = before.filter(|before| this.1.from < before.1.until) {
            let (first, (line, place)) = if before.2 <= this.2 { (before.2, this.2) } else { (this.2, before.2) };
            let wrong = format!("overlaps the one on line {}, of {}, too", first.0, quoted(&this.1.approver));
            problems.push(*line, place, wrong, "let one end before the other begins: one person decides at a time");
        }
        if before.is_none_or(|before| before.1.until < this.1.until) {
            longest = Some(this);
        }
    }
    Some(delegations)
}

fn delegation(spot: &Spot<'_>, problems: &mut Problems) -> Option<Delegation> {
    let fields = spot.fields(&["approver", "delegate", "from", "until"], problems)?;
    let approver =
        fields.required("approver", "approver: dana@acme.example", problems).and_then(|spot| address(spot, problems));
    let delegate =
        fields.required("delegate", "delegate: dmitri@acme.example", problems).and_then(|spot| address(spot, problems));
    if let (Some(approver), Some(delegate)) = (&approver, &delegate)
        && same_mailbox(approver, delegate)
    {
        let wrong = format!("{} would stand in for themselves", quoted(approver));
        spot.problem(problems, wrong, "name somebody else as `delegate`");
    }
    let from =
        fields.required("from", "from: 2026-12-01T00:00:00Z", problems).and_then(|spot| timestamp(spot, problems));
    let until =
        fields.required("until", "until: 2026-12-15T00:00:00Z", problems).and_then(|spot| timestamp(spot, problems));
    if let (Some(from), Some(until), Some(spot)) = (from, until, fields.optional("until"))
        && until <= from
    {
        spot.problem(problems, format!("is not later than `from`, which is {from}"), "let it end after it begins");
    }
    Some(Delegation { approver: approver?, delegate: delegate?, from: from?, until: until? })
}

fn fallback_mailboxes(spot: &Spot<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let mailboxes = addresses(spot, problems)?;
    if mailboxes.is_empty() {
        let wrong = "there are none, so that requests for groups without an entry would wait unseen";
        spot.problem(problems, wrong, "list an address that somebody reads");
    }
    Some(mailboxes)
}

/// Well-formed e-mail addresses, each once.
fn addresses(spot: &Spot<'_>, problems: &mut Problems) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    list(spot, problems, |spot, problems| {
        let address = address(spot, problems)?;
        if !seen.insert(address.to_ascii_lowercase()) {
            spot.problem(problems, format!("{} is listed twice", quoted(&address)), "list it once");
        }
        Some(address)
    })
}

fn address(spot: &Spot<'_>, problems: &mut Problems) -> Option<String> {
    let text = spot.text(problems)?;
    let is_well_formed = text.len() <= 254
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;\"".contains(c))
        && text
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if !is_well_formed {
        let wrong = format!("{} is no e-mail address", quoted(text));
        spot.problem(problems, wrong, "write one such as dana@acme.example");
        return None;
    }
    Some(text.to_owned())
}

/// A list in which nothing is twice.
fn set_of<'a, T: PartialEq>(
    spot: &Spot<'a>,
    problems: &mut Problems,
    mut read: impl FnMut(&Spot<'a>, &mut Problems) -> Option<T>,
) -> Option<Vec<T>> {
    let mut seen = BTreeSet::new();
    list(spot, problems, |spot, problems| {
        let value = read(spot, problems)?;
        if let Some(text) = spot.text(problems)
            && !seen.insert(text)
        {
            spot.problem(problems, format!("{} is listed twice", quoted(text)), "list it once");
        }
        Some(value)
    })
}

/// A span of time that is not nothing.
fn some_span(spot: &Spot<'_>, problems: &mut Problems) -> Option<Span> {
    let text = spot.text(problems)?;
    let Ok(span) = text.parse::<Span>() else {
        let fix = "write a whole number and s, m, h or d, such as 24h; at most 3650d";
        spot.problem(problems, format!("{} is no span of time", quoted(text)), fix);
        return None;
    };
    if span.duration().is_zero() {
        spot.problem(problems, "is no time at all", "write a longer span, such as 1h");
        return None;
    }
    Some(span)
}

fn timestamp(spot: &Spot<'_>, problems: &mut Problems) -> Option<Timestamp> {
    let text = spot.text(problems)?;
    let timestamp = text.parse().ok();
    if timestamp.is_none() {
        let wrong = format!("{} is no date and time", quoted(text));
        spot.problem(problems, wrong, "write one as of RFC 3339, such as 2026-12-01T00:00:00Z");
    }
    timestamp
}
