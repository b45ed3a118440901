//! What Chainguard thinks of our token: the health check of the credential.

use domain::ports::{ChainguardError, ReadSecret, ReadTokenEnd};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::Chainguard;
use crate::call::Call;
use crate::capability::Capability;
use crate::wire::{instant, nullable};

/// A token that is accepted, and whom it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoAmI {
    /// Who issued it.
    pub issuer: String,
    /// The identity's UIDP.
    pub subject: String,
    /// What it is for.
    pub audience: Vec<String>,
    /// When it ends, by Chainguard's clock.
    pub expires_at: Option<Timestamp>,
    /// When it was issued, by Chainguard's clock.
    pub issued_at: Option<Timestamp>,
    /// What it may do, and where.
    pub roles: Vec<GrantedRole>,
}

/// A role in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantedRole {
    /// The group's UIDP.
    pub group_id: String,
    /// The role's name.
    pub name: String,
    /// Names of the capabilities.
    pub capabilities: Vec<String>,
}

impl WhoAmI {
    /// Which of `needed` no role grants, wherever.
    #[must_use]
    pub fn lacks(&self, needed: &[Capability]) -> Vec<Capability> {
        let is_granted = |capability: &Capability| {
            self.roles.iter().any(|role| role.capabilities.iter().any(|granted| granted == capability.as_str()))
        };
        needed.iter().filter(|capability| !is_granted(capability)).copied().collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireWhoAmI {
    #[serde(default, deserialize_with = "nullable")]
    issuer: String,
    #[serde(default, deserialize_with = "nullable")]
    subject: String,
    #[serde(default, deserialize_with = "nullable")]
    audience: Vec<String>,
    #[serde(default, deserialize_with = "instant")]
    expiry: Option<Timestamp>,
    #[serde(default, deserialize_with = "instant")]
    issued_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "nullable")]
    capabilities: Vec<WireRole>,
}

/// The names of the capabilities are read from the role and from beside it.
#[derive(Deserialize)]
struct WireRole {
    #[serde(default)]
    group: Value,
    #[serde(default)]
    role: Value,
    #[serde(default)]
    capabilities: Value,
}

impl From<WireRole> for GrantedRole {
    fn from(granted: WireRole) -> Self {
        let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).map(ToOwned::to_owned);
        let lists = [granted.role.get("capabilities"), Some(&granted.capabilities)];
        let names = lists.into_iter().flatten().filter_map(Value::as_array).flatten().filter_map(Value::as_str);
        let mut capabilities: Vec<String> = names.map(ToOwned::to_owned).collect();
        capabilities.sort();
        capabilities.dedup();
        Self {
            group_id: text(&granted.group, "id").unwrap_or_default(),
            name: text(&granted.role, "name").unwrap_or_default(),
            capabilities,
        }
    }
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// Asks Chainguard who we are to it: whether the credential works at all, until when, and what it may do. Needs no
    /// capability.
    pub async fn who_am_i(&self) -> Result<WhoAmI, ChainguardError> {
        let answer: WireWhoAmI = self.call(&Call::get("check the token", self.api("/auth/v1/ok", &[]))).await?;
        Ok(WhoAmI {
            issuer: answer.issuer,
            subject: answer.subject,
            audience: answer.audience,
            expires_at: answer.expiry,
            issued_at: answer.issued_at,
            roles: answer.capabilities.into_iter().map(GrantedRole::from).collect(),
        })
    }
}

impl<S: ReadSecret + Send + Sync> ReadTokenEnd for Chainguard<S> {
    /// By Chainguard's clock; one that it does not accept any more has ended.
    async fn stored_token_end(&self) -> Result<Option<domain::time::Timestamp>, ChainguardError> {
        if !self.tokens.is_stored().await? {
            return Ok(None);
        }
        match self.who_am_i().await {
            Ok(who) => Ok(who.expires_at.map(Into::into)),
            Err(ChainguardError::Unauthenticated(_)) => Ok(Some(domain::time::Timestamp::UNIX_EPOCH)),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_role_and_from_beside_it() {
        for json in [
            r#"{"group": {"id": "g"}, "role": {"name": "broker", "capabilities": ["tag.list", "repo.list"]}}"#,
            r#"{"group": {"id": "g"}, "role": {"name": "broker"}, "capabilities": ["repo.list", "tag.list"]}"#,
            r#"{"group": {"id": "g"}, "role": {"name": "broker", "capabilities": ["repo.list"]}, "capabilities": ["tag.list", "repo.list", 7]}"#,
        ] {
            let role = GrantedRole::from(serde_json::from_str::<WireRole>(json).unwrap());
            assert_eq!((role.group_id.as_str(), role.name.as_str()), ("g", "broker"));
            assert_eq!(role.capabilities, ["repo.list", "tag.list"], "{json}");
        }
        for json in ["{}", r#"{"group": null, "role": null, "capabilities": null}"#, r#"{"group": "g", "role": 1}"#] {
            let role = GrantedRole::from(serde_json::from_str::<WireRole>(json).unwrap());
            assert_eq!(role.capabilities, Vec::<String>::new(), "{json}");
        }
    }
}
