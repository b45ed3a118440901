//! The organisation, by its name.

use domain::ports::{ChainguardError, IdentifyOrganization, ReadSecret};
use serde::Deserialize;

use crate::Chainguard;
use crate::call::Call;
use crate::uidp::Uidp;
use crate::wire::{EnumName, nullable};

/// A group of Chainguard's, as organisations are (FACTS §2.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its UIDP.
    pub id: String,
    /// Its name. Only a verified one is unique in the world.
    pub name: String,
    /// Whether Chainguard has verified the name.
    pub is_verified: bool,
    /// What it is, as Chainguard writes it: `ORG_KIND_CUSTOMER`, …
    pub kind: String,
    /// How it is, as Chainguard writes it: `ORG_STATUS_READY`, `ORG_STATUS_SUSPENDED`, …
    pub status: String,
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<WireGroup>,
}

#[derive(Deserialize)]
struct WireGroup {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    verified: bool,
    #[serde(default, deserialize_with = "nullable")]
    kind: EnumName,
    #[serde(default, deserialize_with = "nullable")]
    status: EnumName,
}

impl From<WireGroup> for Group {
    fn from(group: WireGroup) -> Self {
        Self { id: group.id, name: group.name, is_verified: group.verified, kind: group.kind.0, status: group.status.0 }
    }
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// The organisation, as it is: asked for on every call. That none or several have its name is told as a bad
    /// credential, which sees the wrong things.
    ///
    /// Needs [`Capability::GroupsList`](crate::Capability::GroupsList).
    pub async fn organization(&self) -> Result<Group, ChainguardError> {
        self.look_up_organization().await.map(|(_, group)| group)
    }

    /// The organisation's id, asked for once in the process's life.
    pub(crate) async fn organization_id(&self) -> Result<Uidp, ChainguardError> {
        self.organization_id.get(|_| true, async { self.look_up_organization().await.map(|(id, _)| id) }).await
    }

    async fn look_up_organization(&self) -> Result<(Uidp, Group), ChainguardError> {
        let name = self.organization.as_str();
        let url = self.api("/iam/v1/groups", &[("name", name)]);
        let groups: Groups = self.call(&Call::get("find the organisation", url)).await?;
        choose(groups.items.into_iter().map(Group::from), name)
    }
}

impl<S: ReadSecret + Send + Sync> IdentifyOrganization for Chainguard<S> {
    async fn organization_uidp(&self) -> Result<String, ChainguardError> {
        self.organization_id().await.map(|id| id.as_str().to_owned())
    }
}

/// The one group that is meant. Only verified names are unique in the world (FACTS §2.7), so others count only where
/// none is verified. That it cannot be told is said of the credential, which sees the wrong things: to callers,
/// `NotFound` is about a repository.
fn choose(groups: impl Iterator<Item = Group>, name: &str) -> Result<(Uidp, Group), ChainguardError> {
    let named = groups.filter(|group| group.name == name);
    let (verified, unverified): (Vec<Group>, Vec<Group>) = named.partition(|group| group.is_verified);
    let candidates = if verified.is_empty() { unverified } else { verified };
    match <[Group; 1]>::try_from(candidates) {
        Ok([group]) => match group.id.parse() {
            Ok(id) => Ok((id, group)),
            Err(error) => Err(ChainguardError::Unavailable(format!("the id of the organisation `{name}` is {error}"))),
        },
        Err(none) if none.is_empty() => {
            Err(ChainguardError::Credential(format!("no organisation `{name}` is visible to it")))
        }
        Err(several) => Err(ChainguardError::Credential(format!(
            "{} organisations `{name}` are visible to it, and which one is meant cannot be told",
            several.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(groups: &[(&str, bool)]) -> Result<String, ChainguardError> {
        let groups = (1_u64..).zip(groups).map(|(id, (name, is_verified))| Group {
            id: format!("{id:040x}"),
            name: (*name).to_owned(),
            is_verified: *is_verified,
            kind: String::new(),
            status: String::new(),
        });
        choose(groups, "acme").map(|(id, _)| id.as_str().trim_start_matches('0').to_owned())
    }

    #[test]
    fn the_one_group_of_the_name_is_chosen_and_a_verified_one_first() {
        assert_eq!(chosen(&[("acme", true)]).unwrap(), "1");
        assert_eq!(chosen(&[("acme", false)]).unwrap(), "1");
        assert_eq!(chosen(&[("acme", false), ("acme", true), ("acme", false)]).unwrap(), "2");
        assert_eq!(chosen(&[("other", true), ("acme", false)]).unwrap(), "2");
    }

    #[test]
    fn none_and_several_are_told_apart() {
        let text = |groups: &[(&str, bool)]| chosen(groups).unwrap_err().to_string();
        assert!(text(&[("other", true)]).ends_with("no organisation `acme` is visible to it"));
        assert!(text(&[("acme", true), ("acme", true), ("acme", false)]).contains("2 organisations `acme`"));
        assert!(text(&[("acme", false), ("acme", false)]).contains("2 organisations `acme`"));
    }
}
