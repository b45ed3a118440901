//! Whether a token is good for cgr-request: whom it stands for, what it may do, and how much room the organisation has.

use std::fmt::Write as _;

use ::chainguard::{Capability, Chainguard, Group, WhoAmI};
use domain::ports::{ChainguardError, CountRepositories as _, ReadSecret};
use domain::time::{Timestamp, words};
use lambda::visible::Line;

use super::Report;

/// What cgr-request cannot do without: each capability, what it is for, and what does not work without it.
const NEEDED: [(Capability, &str, &str); 5] = [
    (Capability::GroupsList, "finding the organisation", "the organisation is not found, and nothing works"),
    (
        Capability::RepoList,
        "finding and counting repositories",
        "repositories are neither listed nor counted, and what an attempt left behind is not adopted",
    ),
    (Capability::RepoCreate, "adding images", "no image is added: every approved request fails"),
    (
        Capability::EntitlementsList,
        "reading the plan",
        "nobody is told that an image is not in the plan, and what the plan has",
    ),
    (Capability::TagList, "seeing tags", "no request becomes available, because its tag is not seen"),
];

/// What is of use besides, and what for.
const OPTIONAL: [(Capability, &str); 3] = [
    (Capability::SubscriptionsList, "listing subscriptions to events; `subscribe` and `unsubscribe` need it, too"),
    (Capability::SubscriptionsCreate, "subscribing to events"),
    (Capability::SubscriptionsDelete, "ending a subscription to events"),
];

/// The organisation, as far as the token shows it.
struct Found {
    group: Option<Group>,
    repositories: Option<u64>,
    problems: Vec<String>,
}

pub(super) async fn check<S: ReadSecret + Send + Sync>(
    client: &Chainguard<S>,
    organization: &str,
    issuer: &str,
    limit: u64,
    now: Timestamp,
) -> Result<Report, ChainguardError> {
    let who = client.who_am_i().await?;
    let Found { group, repositories, mut problems } = look(client, &who).await?;
    let id = group.as_ref().map(|group| group.id.as_str());
    let mut text = String::new();
    // Writing to a string cannot fail.
    token(&mut text, &who, issuer, now).ok();
    of_organization(&mut text, organization, group.as_ref(), repositories.map(|count| (count, limit))).ok();
    capabilities(&mut text, &who, id, &mut problems).ok();
    if let Some(group) = &group {
        problems.extend(suspicions(group));
    }
    if repositories.is_some_and(|count| count >= limit) {
        problems.push("there is no room for another repository: every approved request fails".to_owned());
    }
    let verdict = match problems.as_slice() {
        [] => "Nothing is missing.".to_owned(),
        problems => {
            let lines: Vec<String> = problems.iter().map(|problem| format!("- {problem}")).collect();
            format!(
                "What is wrong:\n{}\nSee docs/chainguard-setup.md; a role that was bound just before takes a while to count.",
                lines.join("\n")
            )
        }
    };
    text.push_str(&verdict);
    Ok(Report { text, is_good: problems.is_empty() })
}

/// What can be seen of the organisation. That the token may not see it is a finding, and not a failure of the check.
async fn look<S: ReadSecret + Send + Sync>(client: &Chainguard<S>, who: &WhoAmI) -> Result<Found, ChainguardError> {
    let mut found = Found { group: None, repositories: None, problems: Vec::new() };
    match client.organization().await {
        Ok(group) => found.group = Some(group),
        Err(error) => {
            found.problems.extend(finding(error, who, Capability::GroupsList)?);
            return Ok(found);
        }
    }
    match client.count_repositories().await {
        Ok(count) => found.repositories = Some(count),
        Err(error) => found.problems.extend(finding(error, who, Capability::RepoList)?),
    }
    Ok(found)
}

/// What an error of a call that takes `capability` says of the token; `None` if that is missing, which the list of
/// capabilities tells.
fn finding(error: ChainguardError, who: &WhoAmI, capability: Capability) -> Result<Option<String>, ChainguardError> {
    match error {
        ChainguardError::Denied(text) => Ok(who
            .lacks(&[capability])
            .is_empty()
            .then(|| format!("the token has {}, and Chainguard refuses it all the same: {text}", capability.as_str()))),
        ChainguardError::Credential(text) => Ok(Some(format!(
            "{text}: look whether --organization is the name that Chainguard has, and whether the token counts there"
        ))),
        ChainguardError::Unavailable(_)
        | ChainguardError::Unauthenticated(_)
        | ChainguardError::AlreadyExists(_)
        | ChainguardError::QuotaExceeded(_)
        | ChainguardError::NotFound(_)
        | ChainguardError::Refused(_) => Err(error),
    }
}

fn token(text: &mut String, who: &WhoAmI, issuer: &str, now: Timestamp) -> std::fmt::Result {
    writeln!(text, "The token")?;
    writeln!(text, "  stands for    {}", Line::new(&who.subject))?;
    let roles: Vec<&str> = who.roles.iter().map(|role| role.name.as_str()).filter(|name| !name.is_empty()).collect();
    writeln!(text, "  has the roles {}", Line::new(if roles.is_empty() { "-".to_owned() } else { roles.join(", ") }))?;
    match who.expires_at.map(Timestamp::from) {
        Some(end) => writeln!(text, "  works until   {} ({})", words::moment(end), words::distance(end, now))?,
        None => writeln!(text, "  works until   Chainguard does not say")?,
    }
    writeln!(text, "  is issued by  {}", Line::new(&who.issuer))?;
    if who.issuer.trim_end_matches('/') != issuer {
        writeln!(
            text,
            "                and not by {issuer}: if that is the stack's ChainguardIssuerUrl, no delivery of events is \
             believed"
        )?;
    }
    writeln!(text)
}

fn of_organization(
    text: &mut String,
    name: &str,
    group: Option<&Group>,
    repositories: Option<(u64, u64)>,
) -> std::fmt::Result {
    writeln!(text, "The organisation {name}")?;
    match group {
        Some(group) => {
            writeln!(text, "  id            {}", Line::new(&group.id))?;
            let verified = if group.is_verified { "verified" } else { "not verified" };
            writeln!(text, "  name          {verified}")?;
        }
        None => writeln!(text, "  id            the token does not show it")?,
    }
    match repositories {
        Some((count, limit)) => writeln!(text, "  repositories  {count} of {limit}")?,
        None => writeln!(text, "  repositories  the token does not show them")?,
    }
    writeln!(text)
}

/// What is odd about the organisation.
fn suspicions(group: &Group) -> impl Iterator<Item = String> {
    let unverified = (!group.is_verified)
        .then(|| "the organisation's name is not verified, and may be somebody else's, too: look at its id".to_owned());
    let suspended = (group.status == "ORG_STATUS_SUSPENDED").then(|| "the organisation is suspended".to_owned());
    unverified.into_iter().chain(suspended)
}

/// What the token may do in the organisation; anywhere, if that is not known.
fn capabilities(
    text: &mut String,
    who: &WhoAmI,
    organization: Option<&str>,
    problems: &mut Vec<String>,
) -> std::fmt::Result {
    let there = in_organization(who, organization);
    let is_granted = |capability| there.lacks(&[capability]).is_empty();
    let elsewhere = |capability| if who.lacks(&[capability]).is_empty() { " there, but on another group" } else { "" };
    writeln!(text, "Capabilities that cgr-request needs")?;
    for (capability, purpose, loss) in NEEDED {
        let name = capability.as_str();
        if is_granted(capability) {
            writeln!(text, "  there    {name:<26}  {purpose}")?;
        } else {
            writeln!(text, "  MISSING  {name:<26}  {loss}")?;
            let elsewhere = elsewhere(capability);
            let is = if elsewhere.is_empty() { " missing" } else { elsewhere };
            problems.push(format!("{name} is{is}: {loss}"));
        }
    }
    writeln!(text, "Capabilities for whoever subscribes to events")?;
    for (capability, purpose) in OPTIONAL {
        let there = if is_granted(capability) { "there" } else { "-" };
        writeln!(text, "  {there:<7}  {:<26}  {purpose}", capability.as_str())?;
    }
    let others = others(&there);
    if others > 0 {
        writeln!(text, "Besides, it has {others} that none of this needs.")?;
    }
    writeln!(text)
}

/// The same with the roles that count in the organisation. One whose group Chainguard does not tell counts.
fn in_organization(who: &WhoAmI, organization: Option<&str>) -> WhoAmI {
    let mut there = who.clone();
    if let Some(id) = organization {
        let counts = |group: &str| {
            group.is_empty() || id.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        there.roles.retain(|role| counts(&role.group_id));
    }
    there
}

/// How many capabilities there are besides those above.
fn others(who: &WhoAmI) -> usize {
    let mut names: Vec<&str> = who.roles.iter().flat_map(|role| &role.capabilities).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let needed = NEEDED.iter().map(|(capability, ..)| capability.as_str());
    let known: Vec<&str> = needed.chain(OPTIONAL.iter().map(|(capability, _)| capability.as_str())).collect();
    names.iter().filter(|name| !known.contains(name)).count()
}

#[cfg(test)]
mod tests {
    use ::chainguard::GrantedRole;

    use super::*;

    const ORGANIZATION: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

    fn who(roles: &[(&str, &[&str])]) -> WhoAmI {
        let roles = roles.iter().map(|(group, capabilities)| GrantedRole {
            group_id: (*group).to_owned(),
            name: "\u{1b}[2Jbroker".to_owned(),
            capabilities: capabilities.iter().map(ToString::to_string).collect(),
        });
        WhoAmI {
            issuer: "https://issuer.example/".to_owned(),
            subject: "subject".to_owned(),
            audience: Vec::new(),
            expires_at: None,
            issued_at: None,
            roles: roles.collect(),
        }
    }

    fn judged(who: &WhoAmI, organization: Option<&str>) -> (String, Vec<String>) {
        let (mut text, mut problems) = (String::new(), Vec::new());
        capabilities(&mut text, who, organization, &mut problems).unwrap();
        (text, problems)
    }

    #[test]
    fn a_capability_counts_where_it_is_granted() {
        let needed: Vec<&str> = NEEDED.iter().map(|(capability, ..)| capability.as_str()).collect();
        for group in [ORGANIZATION, ""] {
            let (_, problems) = judged(&who(&[(group, &needed)]), Some(ORGANIZATION));
            assert_eq!(problems, Vec::<String>::new(), "{group}");
        }
        let folder = format!("{ORGANIZATION}/0f1e2d3c4b5a6978");
        let roles = who(&[(&folder, &needed), (ORGANIZATION, &["repo.list"])]);
        let (_, problems) = judged(&roles, Some(ORGANIZATION));
        assert_eq!(problems.len(), NEEDED.len() - 1);
        assert!(problems.iter().all(|problem| problem.contains("is there, but on another group: ")), "{problems:?}");
        assert_eq!(judged(&roles, None).1, Vec::<String>::new());
    }

    #[test]
    fn capabilities_that_nothing_needs_are_counted() {
        let (text, _) = judged(&who(&[("", &["repo.list", "repo.delete"]), ("", &["repo.delete", "a"])]), None);
        assert!(text.contains("it has 2 that none of this needs"), "{text}");
    }

    #[test]
    fn what_chainguard_writes_does_nothing_to_the_terminal() {
        let mut text = String::new();
        token(&mut text, &who(&[("", &[])]), "https://issuer.example", Timestamp::UNIX_EPOCH).unwrap();
        assert!(!text.contains('\u{1b}') && text.contains("broker"), "{text}");
        assert!(!text.contains("and not by"), "{text}");
    }
}
