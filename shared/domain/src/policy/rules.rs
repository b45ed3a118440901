//! Which rule fires for a request, and why: one evaluation, which [`Policy::tier_of`] answers from and
//! [`Policy::explain`] shows.

use std::fmt;

use super::{ApprovalTier, Denied, Policy, Subject, Verdict};
use crate::catalog::CatalogTier;
use crate::environment::Environment;
use crate::image::{BASE_IMAGE_PREFIX, ImageReference};
use crate::text::TeamName;

#[derive(Clone, Debug)]
pub(super) struct DenyRule {
    pub(super) name: String,
    pub(super) when: Condition,
    pub(super) reason: String,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) when: Condition,
    pub(super) tier: ApprovalTier,
}

/// What a rule looks at. Every list that is given must contain the request's value; none given matches all.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition {
    pub(super) catalog_tier: Option<Vec<CatalogTier>>,
    pub(super) environment: Option<Vec<Environment>>,
    pub(super) team: Option<Vec<TeamName>>,
    pub(super) image: Option<Vec<ImagePattern>>,
}

/// `name`, `*` standing for any characters; as `base-image/name` it matches only images that others are to be built on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImagePattern {
    pub(super) only_base_images: bool,
    pub(super) name: String,
}

/// What the rules say of a request.
#[derive(Clone, Debug)]
pub(super) struct Evaluation<'p> {
    /// The deny rules that were looked at, in order. If one fires it is the last, and no rule is looked at.
    pub(super) deny: Vec<Tried<'p>>,
    /// The rules that were looked at, in order. If one fires it is the last.
    pub(super) rules: Vec<Tried<'p>>,
    pub(super) outcome: Result<Verdict<'p>, Denied>,
}

/// A rule's conditions, tried on a request. It fires if all of them hold.
#[derive(Clone, Debug)]
pub(super) struct Tried<'p>(pub(super) Vec<Check<'p>>);

/// One condition, tried on a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check<'p> {
    pub(super) wanted: Wanted<'p>,
    pub(super) holds: bool,
}

/// What a condition wants: one of these.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'p> {
    CatalogTier(&'p [CatalogTier]),
    Environment(&'p [Environment]),
    Team(&'p [TeamName]),
    Image(&'p [ImagePattern]),
}

impl Policy {
    /// Deny rules first, then the first rule that matches.
    pub(super) fn evaluate(&self, subject: Subject<'_>) -> Evaluation<'_> {
        let mut deny = Vec::new();
        for rule in &self.deny {
            let tried = rule.when.try_on(subject);
            let fires = tried.fires();
            deny.push(tried);
            if fires {
                let denied = Denied { rule: rule.name.clone(), reason: rule.reason.clone() };
                return Evaluation { deny, rules: Vec::new(), outcome: Err(denied) };
            }
        }
        let mut rules = Vec::new();
        for rule in &self.rules {
            let tried = rule.when.try_on(subject);
            let fires = tried.fires();
            rules.push(tried);
            if fires {
                return Evaluation { deny, rules, outcome: Ok(Verdict { tier: rule.tier, rule: &rule.name }) };
            }
        }
        // Loading insists on a last rule without a condition; should that ever fail, the strictest tier answers.
        let strictest = Verdict { tier: ApprovalTier::SecurityReview, rule: "no-rule-matched" };
        Evaluation { deny, rules, outcome: Ok(strictest) }
    }
}

impl Condition {
    /// Whether it matches all.
    pub(super) const fn is_empty(&self) -> bool {
        self.catalog_tier.is_none() && self.environment.is_none() && self.team.is_none() && self.image.is_none()
    }

    fn try_on(&self, subject: Subject<'_>) -> Tried<'_> {
        let wanted = [
            self.catalog_tier.as_deref().map(Wanted::CatalogTier),
            self.environment.as_deref().map(Wanted::Environment),
            self.team.as_deref().map(Wanted::Team),
            self.image.as_deref().map(Wanted::Image),
        ];
        Tried(wanted.into_iter().flatten().map(|wanted| Check { wanted, holds: wanted.holds(subject) }).collect())
    }
}

impl Tried<'_> {
    pub(super) fn fires(&self) -> bool {
        self.0.iter().all(|check| check.holds)
    }
}

impl Wanted<'_> {
    fn holds(self, subject: Subject<'_>) -> bool {
        match self {
            Self::CatalogTier(tiers) => tiers.contains(&subject.catalog_tier),
            Self::Environment(environments) => environments.contains(&subject.environment),
            Self::Team(teams) => teams.contains(subject.team),
            Self::Image(patterns) => patterns.iter().any(|pattern| pattern.matches(subject.image)),
        }
    }

    /// The field's name in the policy.
    pub(super) const fn field(self) -> &'static str {
        match self {
            Self::CatalogTier(_) => "catalogTier",
            Self::Environment(_) => "environment",
            Self::Team(_) => "team",
            Self::Image(_) => "image",
        }
    }

    /// What is wanted, as the policy writes it.
    pub(super) fn values(self) -> Vec<String> {
        match self {
            Self::CatalogTier(tiers) => tiers.iter().map(|tier| tier.as_str().to_owned()).collect(),
            Self::Environment(environments) => environments.iter().map(|one| one.as_str().to_owned()).collect(),
            Self::Team(teams) => teams.iter().map(ToString::to_string).collect(),
            Self::Image(patterns) => patterns.iter().map(ToString::to_string).collect(),
        }
    }

    /// What the request has instead, or as well.
    pub(super) fn found(self, subject: Subject<'_>) -> String {
        match self {
            Self::CatalogTier(_) => subject.catalog_tier.as_str().to_owned(),
            Self::Environment(_) => subject.environment.as_str().to_owned(),
            Self::Team(_) => subject.team.to_string(),
            Self::Image(_) if subject.image.base_image => format!("{BASE_IMAGE_PREFIX}/{}", subject.image.name),
            Self::Image(_) => subject.image.name.to_string(),
        }
    }
}

impl ImagePattern {
    fn matches(&self, image: &ImageReference) -> bool {
        (!self.only_base_images || image.base_image) && glob(&self.name, image.name.as_str())
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.only_base_images {
            write!(f, "{BASE_IMAGE_PREFIX}/")?;
        }
        f.write_str(&self.name)
    }
}

/// Whether `text` fits `pattern`, in which `*` stands for any number of any characters. Linear in both.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = parts.next().and_then(|prefix| text.strip_prefix(prefix)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    let mut rest = rest;
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}
