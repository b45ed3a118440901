//! What a fake is made of: its organization, plan, catalog and how patient its callers must be.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{
    aws::AwsRole,
    catalog::{Catalog, Tier},
    identities::Identity,
};

/// How long an access token lives unless [`TokenCheck::Issued`] says otherwise: the lifetime of the real one
/// (FACTS §4.1).
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// What a fake is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// The name by which `GET /iam/v1/groups?name=` finds the organization.
    pub organization_name: String,
    /// The organization's UIDP: 40 lower-case hex digits. With anything else every call is refused as malformed.
    pub organization_id: String,
    /// The images that the organization can sync from.
    pub catalog: Catalog,
    /// How many reads of a new repository's tags (list or summary) still answer nothing. `0`: tags are there at once;
    /// `u32::MAX`: they never come.
    pub polls_until_tags: u32,
    /// How many repositories the organization may have; Chainguard's documented limit is 2500 (FACTS §3).
    pub repository_limit: u64,
    /// The plan. [`FakeChainguard::set_entitlement`](crate::FakeChainguard::set_entitlement) changes it in flight.
    pub entitlement: Entitlement,
    /// Which bearer tokens are let in.
    pub token: TokenCheck,
    /// Who may exchange what for a token. Without any, every upstream token stands for the identity that is named.
    pub identities: Vec<Identity>,
    /// The AWS role that identities may trust. Without one, none is known to AWS.
    pub aws: Option<AwsRole>,
    /// The issuer: `iss` of tokens, and where discovery is. If left out, the address that the fake is served at; and
    /// for a router that somebody else serves, `https://issuer.enforce.dev`.
    pub issuer: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            organization_name: "acme".to_owned(),
            organization_id: "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334".to_owned(),
            catalog: Catalog::sample(),
            polls_until_tags: 2,
            repository_limit: 2500,
            entitlement: Entitlement::default(),
            token: TokenCheck::Any,
            identities: Vec::new(),
            aws: None,
            issuer: None,
        }
    }
}

/// What the organization has bought (FACTS §2.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entitlement {
    /// `CATALOG`: every image of these tiers.
    Catalog {
        /// The tiers with unlimited access.
        tiers: Vec<Tier>,
    },
    /// `PER_IMAGE`: the images chosen, with room for more by tier.
    PerImage {
        /// Names of the entitled catalog images.
        images: Vec<String>,
        /// The most images of a tier.
        quota: BTreeMap<Tier, u32>,
    },
    /// `STARTER`: five images at most (FACTS §3).
    Starter {
        /// Names of the entitled catalog images.
        images: Vec<String>,
    },
    /// No plan at all: `PLAN_UNSPECIFIED`, and nothing may be synced.
    Absent,
}

impl Default for Entitlement {
    fn default() -> Self {
        Self::Catalog { tiers: vec![Tier::Application, Tier::Base, Tier::Fips, Tier::Ai, Tier::Devtools] }
    }
}

/// Which bearer tokens are let in. Whatever the choice, a token of the fake's own STS counts only until it expires or
/// is revoked, so that a client's refresh can be exercised.
#[derive(Clone)]
pub enum TokenCheck {
    /// Any token that is not empty.
    Any,
    /// These, and those that the fake's own STS has issued.
    Exact(Vec<String>),
    /// Only those that the fake's own STS has issued.
    Issued {
        /// How long an issued token lives; the real one lives an hour.
        lifetime: Duration,
    },
}

impl TokenCheck {
    /// How long a token lives that the STS issues.
    pub(crate) fn lifetime(&self) -> Duration {
        match self {
            Self::Any | Self::Exact(_) => TOKEN_LIFETIME,
            Self::Issued { lifetime } => *lifetime,
        }
    }
}

/// Shows how many tokens, never the tokens.
impl fmt::Debug for TokenCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("Any"),
            Self::Exact(tokens) => write!(f, "Exact({} tokens)", tokens.len()),
            Self::Issued { lifetime } => write!(f, "Issued({lifetime:?})"),
        }
    }
}
