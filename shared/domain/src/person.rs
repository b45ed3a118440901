//! Who acts.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A person as remembered in a request: the identity provider's stable subject and the e-mail address people know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The token's issuer and `sub`, `<iss>|<sub>`: stable, never re-used, and no other issuer's.
    pub subject: String,
    /// The token's `email`.
    pub email: String,
}

impl Person {
    /// Whether both are the same human: the same subject, or the same e-mail address whatever its case and whatever
    /// follows a `+` in its local part.
    ///
    /// Deliberately wide: it decides who may *not* approve.
    #[must_use]
    pub fn is_same_human(&self, other: &Self) -> bool {
        self.subject == other.subject || same_mailbox(&self.email, &other.email)
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.email)
    }
}

/// Whether both addresses reach the same human, in the wide sense of [`Person::is_same_human`].
#[must_use]
pub fn same_mailbox(one: &str, other: &str) -> bool {
    mailbox(one) == mailbox(other)
}

/// The address in lower case without the `+tag` of its local part.
pub(crate) fn mailbox(email: &str) -> String {
    let lower = email.trim().to_lowercase();
    match lower.split_once('@') {
        Some((local, domain)) => {
            let local = local.split_once('+').map_or(local, |(name, _)| name);
            format!("{local}@{domain}")
        }
        None => lower,
    }
}

/// An authenticated caller: a person, and the groups that the identity provider vouches for in this very token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Who it is.
    pub person: Person,
    /// Groups by name, as the token's `groups` claim lists them.
    pub groups: BTreeSet<String>,
}

impl Principal {
    /// Somebody of whom only the e-mail address is known: who follows a signed link, or an absent approver. No group
    /// is vouched for.
    #[must_use]
    pub fn by_address(email: &str) -> Self {
        let person = Person { subject: format!("mailto:{}", email.to_lowercase()), email: email.to_owned() };
        Self { person, groups: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_human_is_recognised_under_several_spellings() {
        let person = |subject: &str, email: &str| Person { subject: subject.into(), email: email.into() };
        let jane = person("u1", "jane@acme.example");
        assert!(jane.is_same_human(&person("u1", "other@acme.example")));
        assert!(jane.is_same_human(&person("u2", "JANE@Acme.Example")));
        assert!(jane.is_same_human(&person("u2", "jane+work@acme.example")));
        assert!(!jane.is_same_human(&person("u2", "jane@acme.test")));
    }
}
