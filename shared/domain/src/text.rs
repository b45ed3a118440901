//! Bounded texts that people write.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A text that a person may not write here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// Longer than allowed.
    #[error("is longer than {0} characters")]
    TooLong(usize),
}

/// A text of 1 to `MAX` characters (Unicode scalar values) that is not blank.
///
/// Kept exactly as written, markup, control characters and direction marks included: whoever shows it escapes it
/// for the place where it is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Text<const MAX: usize>(String);

/// Why the image is needed.
pub type Justification = Text<2000>;
/// What could go wrong and how it is contained.
pub type RiskAssessment = Text<4000>;
/// What an approver says with a decision.
pub type Comment = Text<2000>;

impl<const MAX: usize> Text<MAX> {
    /// Checks the bounds.
    pub fn new(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        if text.trim().is_empty() {
            Err(TextError::Empty)
        } else if text.chars().nth(MAX).is_some() {
            Err(TextError::TooLong(MAX))
        } else {
            Ok(Self(text))
        }
    }

    /// The text as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows the length only: these texts stay out of logs.
impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A text that is no team name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a team name has 1 to 64 lower-case letters, digits and single hyphens between them, such as data-engineering")]
pub struct TeamNameError;

/// A team's name, `data-engineering`: 1 to 64 of `a-z`, `0-9` and inner hyphens.
///
/// Narrow on purpose: it becomes part of group names, table keys and metric dimensions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct TeamName(String);

impl TeamName {
    /// Checks the form.
    pub fn new(text: impl Into<String>) -> Result<Self, TeamNameError> {
        let text = text.into();
        let of_parts = text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        if text.len() <= 64 && of_parts { Ok(Self(text)) } else { Err(TeamNameError) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TeamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TeamName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_as_written_within_its_bound() {
        let odd = "<b>\u{202e}\u{0007}\u{1f680}\u{0000}&amp;";
        assert_eq!(Text::<20>::new(odd).unwrap().as_str(), odd);
        assert_eq!(Text::<3>::new("äöüß"), Err(TextError::TooLong(3)));
        assert!(Text::<4>::new("äöüß").is_ok());
        assert_eq!(Text::<3>::new(" \n\t"), Err(TextError::Empty));
    }

    #[test]
    fn team_names_are_narrow() {
        for good in ["a", "data-engineering", "team-7"] {
            assert!(TeamName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "a--b", "Data", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert!(TeamName::new(bad).is_err(), "{bad}");
        }
    }
}
