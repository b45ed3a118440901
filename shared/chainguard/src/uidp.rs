//! UIDPs, Chainguard's hierarchical ids: what belongs to what is written in the id.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};

/// Hex digits of the first part, an organisation's.
const ROOT_DIGITS: usize = 40;
/// Hex digits of each further part.
const PART_DIGITS: usize = 16;

/// An id, `^[0-9a-f]{40}(?:/[0-9a-f]{16})*$`: safe to be put into a path as it is, and it must be, for the API takes the
/// slashes raw (FACTS §2.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uidp(String);

/// A text that is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of Chainguard's ids, which are 40 hex digits and parts of 16, joined by slashes")]
pub(crate) struct UidpError;

impl Uidp {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `id` names something below this, however far.
    pub(crate) fn is_ancestor_of(&self, id: &str) -> bool {
        id.parse::<Self>().is_ok_and(|id| id.0.strip_prefix(&self.0).is_some_and(|rest| rest.starts_with('/')))
    }

    /// Whether `id` names something directly below this.
    pub(crate) fn is_parent_of(&self, id: &str) -> bool {
        id.rsplit_once('/').is_some_and(|(parent, part)| parent == self.0 && is_hex(part, PART_DIGITS))
    }
}

impl FromStr for Uidp {
    type Err = UidpError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('/');
        let well_formed =
            parts.next().is_some_and(|root| is_hex(root, ROOT_DIGITS)) && parts.all(|part| is_hex(part, PART_DIGITS));
        if well_formed { Ok(Self(text.to_owned())) } else { Err(UidpError) }
    }
}

impl<'de> Deserialize<'de> for Uidp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Uidp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

    #[test]
    fn only_ids_that_are_safe_in_a_path_are_ids() {
        assert!(ROOT.parse::<Uidp>().is_ok());
        assert!(format!("{ROOT}/0f1e2d3c4b5a6978/2222222222222222").parse::<Uidp>().is_ok());
        for wrong in
            ["", "acme", "../..", &ROOT.to_uppercase(), &format!("{ROOT}/"), &format!("{ROOT}/0f1e2d3c4b5a697?")]
        {
            assert_eq!(wrong.parse::<Uidp>(), Err(UidpError), "{wrong}");
        }
    }

    #[test]
    fn only_what_lies_directly_below_is_a_child() {
        let root: Uidp = ROOT.parse().unwrap();
        assert!(root.is_parent_of(&format!("{ROOT}/0f1e2d3c4b5a6978")));
        for other in
            ["", ROOT, "0f1e2d3c4b5a6978", &format!("{ROOT}/"), &format!("{ROOT}/0f1e2d3c4b5a6978/2222222222222222")]
        {
            assert!(!root.is_parent_of(other), "{other}");
        }
        assert!(!root.is_parent_of("f0e1d2c3b4a5968778695a4b3c2d1e0f00112233/7777777777777777"));
    }

    #[test]
    fn what_lies_below_at_any_depth_is_a_descendant() {
        let root: Uidp = ROOT.parse().unwrap();
        for below in ["/0f1e2d3c4b5a6978", "/0f1e2d3c4b5a6978/2222222222222222"] {
            assert!(root.is_ancestor_of(&format!("{ROOT}{below}")), "{below}");
        }
        for other in ["", ROOT, &format!("{ROOT}/"), "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233/7777777777777777"] {
            assert!(!root.is_ancestor_of(other), "{other}");
        }
    }
}
