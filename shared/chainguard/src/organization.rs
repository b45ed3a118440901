//! The organisation's id, by its name.

use domain::ports::{ChainguardError, ReadSecret};
use serde::Deserialize;

use crate::Chainguard;
use crate::call::Call;
use crate::uidp::Uidp;
use crate::wire::nullable;

#[derive(Deserialize)]
struct Groups {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    verified: bool,
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// The organisation's id, asked for once in the process's life.
    pub(crate) async fn organization_id(&self) -> Result<Uidp, ChainguardError> {
        self.organization_id.get(|_| true, self.look_up_organization()).await
    }

    async fn look_up_organization(&self) -> Result<Uidp, ChainguardError> {
        let name = self.organization.as_str();
        let url = self.api("/iam/v1/groups", &[("name", name)]);
        let groups: Groups = self.call(&Call::get("find the organisation", url)).await?;
        choose(groups.items, name)
    }
}

/// The one group that is meant. Only verified names are unique in the world (FACTS §2.7), so others count only where
/// none is verified. That it cannot be told is said of the credential, which sees the wrong things: to callers,
/// `NotFound` is about a repository.
fn choose(groups: Vec<Group>, name: &str) -> Result<Uidp, ChainguardError> {
    let named: Vec<Group> = groups.into_iter().filter(|group| group.name == name).collect();
    let (verified, unverified): (Vec<Group>, Vec<Group>) = named.into_iter().partition(|group| group.verified);
    let candidates = if verified.is_empty() { unverified } else { verified };
    match candidates.as_slice() {
        [group] => group
            .id
            .parse()
            .map_err(|error| ChainguardError::Unavailable(format!("the id of the organisation `{name}` is {error}"))),
        [] => Err(ChainguardError::Credential(format!("no organisation `{name}` is visible to it"))),
        several => Err(ChainguardError::Credential(format!(
            "{} organisations `{name}` are visible to it, and which one is meant cannot be told",
            several.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(groups: &[(&str, bool)]) -> Result<String, ChainguardError> {
        let groups = (1_u64..)
            .zip(groups)
            .map(|(id, (name, verified))| Group {
                id: format!("{id:040x}"),
                name: (*name).to_owned(),
                verified: *verified,
            })
            .collect();
        choose(groups, "acme").map(|id| id.as_str().trim_start_matches('0').to_owned())
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
