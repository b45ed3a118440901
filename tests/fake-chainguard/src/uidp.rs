//! UIDPs: Chainguard's hierarchical ids, and the filter on them that every list takes.
//!
//! `^[0-9a-f]{40}(?:/[0-9a-f]{16})*$`: 20 bytes for the root, 8 for each further part (FACTS §2.0). A repository's id is
//! its group's and one part, a tag's is its repository's and one part.

use sha2::{Digest as _, Sha256};

use crate::{query::Query, status::Status};

const ROOT_DIGITS: usize = 40;
const PART_DIGITS: usize = 16;

/// Whether `text` is a UIDP.
pub(crate) fn is_uidp(text: &str) -> bool {
    let mut parts = text.split('/');
    parts.next().is_some_and(|root| is_hex(root, ROOT_DIGITS)) && parts.all(|part| is_hex(part, PART_DIGITS))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The group or repository that holds `id`; `None` for a root.
pub(crate) fn parent(id: &str) -> Option<&str> {
    id.rsplit_once('/').map(|(parent, _)| parent)
}

/// A child of `parent` with a random part.
pub(crate) fn random_child(parent: &str) -> Result<String, getrandom::Error> {
    let mut part = [0_u8; PART_DIGITS / 2];
    getrandom::fill(&mut part)?;
    Ok(format!("{parent}/{}", hex(&part)))
}

/// The child of `parent` that stands for `name`: the same one on every call and after a restart.
pub(crate) fn named_child(parent: &str, name: &str) -> String {
    let digits = digest(&[parent, name]);
    let part: String = digits.chars().take(PART_DIGITS).collect();
    format!("{parent}/{part}")
}

/// SHA-256 over the parts, in hex.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex(&hash.finalize())
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// A path parameter that must be a UIDP.
///
/// The gateway unescapes `%2F`, so the real service may take an escaped slash; the load balancer in front of it is not
/// known to, and the documentation writes raw slashes only. The fake refuses what is not sure to work.
pub(crate) fn from_path(field: &str, text: &str) -> Result<String, Status> {
    if is_uidp(text) {
        Ok(text.to_owned())
    } else {
        Err(Status::invalid_argument(format!("{field}: {text:?} is not a UIDP")))
    }
}

/// The `uidp.` filter of a list. What is not set lets everything through.
#[derive(Debug, Default)]
pub(crate) struct UidpFilter {
    ancestors_of: Option<String>,
    descendants_of: Option<String>,
    children_of: Option<String>,
    in_root: bool,
    ids: Vec<String>,
}

impl UidpFilter {
    pub(crate) fn from_query(query: &Query) -> Result<Self, Status> {
        Ok(Self {
            ancestors_of: query.text("uidp.ancestors_of")?,
            descendants_of: query.text("uidp.descendants_of")?,
            children_of: query.text("uidp.children_of")?,
            in_root: query.bool("uidp.in_root")?,
            ids: query.list("uidp.ids"),
        })
    }

    /// Whether it lets any child of `parent` through; says yes where it would have to look at the child.
    pub(crate) fn may_let_through_children_of(&self, parent: &str) -> bool {
        self.children_of.as_deref().is_none_or(|of| of == parent)
    }

    pub(crate) fn lets_through(&self, id: &str) -> bool {
        self.ancestors_of.as_deref().is_none_or(|of| is_below(of, id))
            && self.descendants_of.as_deref().is_none_or(|of| is_below(id, of))
            && self.children_of.as_deref().is_none_or(|of| parent(id) == Some(of))
            && (!self.in_root || parent(id).is_none())
            && (self.ids.is_empty() || self.ids.iter().any(|wanted| wanted == id))
    }
}

fn is_below(id: &str, ancestor: &str) -> bool {
    id.strip_prefix(ancestor).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

    #[test]
    fn a_uidp_is_a_root_of_40_digits_and_parts_of_16() {
        assert!(is_uidp(ROOT));
        assert!(is_uidp(&format!("{ROOT}/0f1e2d3c4b5a6978/2222222222222222")));
        for wrong in [
            "",
            "acme",
            &ROOT[..39],
            &ROOT.to_uppercase(),
            &format!("{ROOT}/"),
            &format!("{ROOT}/0f1e"),
            &format!("{ROOT}%2F0f1e2d3c4b5a6978"),
        ] {
            assert!(!is_uidp(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn generated_children_are_uidps_and_named_ones_are_stable() {
        let child = random_child(ROOT).unwrap();
        assert!(is_uidp(&child), "{child}");
        assert_ne!(child, random_child(ROOT).unwrap());
        assert_eq!(named_child(ROOT, "nginx"), named_child(ROOT, "nginx"));
        assert!(is_uidp(&named_child(ROOT, "nginx")));
        assert_ne!(named_child(ROOT, "nginx"), named_child(ROOT, "redis"));
    }

    #[test]
    fn a_filter_follows_the_hierarchy() {
        let repo = named_child(ROOT, "repo");
        let tag = named_child(&repo, "tag");
        let filter = |raw: &str| UidpFilter::from_query(&Query::parse(raw)).unwrap();

        let children = filter(&format!("uidp.childrenOf={ROOT}"));
        assert!(children.lets_through(&repo) && !children.lets_through(&tag) && !children.lets_through(ROOT));
        let descendants = filter(&format!("uidp.descendants_of={ROOT}"));
        assert!(descendants.lets_through(&repo) && descendants.lets_through(&tag) && !descendants.lets_through(ROOT));
        let ancestors = filter(&format!("uidp.ancestorsOf={tag}"));
        assert!(ancestors.lets_through(ROOT) && ancestors.lets_through(&repo) && !ancestors.lets_through(&tag));
        let root = filter("uidp.in_root=true");
        assert!(root.lets_through(ROOT) && !root.lets_through(&repo));
        let ids = filter(&format!("uidp.ids={tag}&uidp.ids={ROOT}"));
        assert!(ids.lets_through(&tag) && ids.lets_through(ROOT) && !ids.lets_through(&repo));
    }
}
