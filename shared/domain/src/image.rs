//! What can be asked for and under which name it is to be found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Chainguard's registry. Source: Chainguard's documentation; `cgr.dev` also names the token audience.
pub const REGISTRY: &str = "cgr.dev";

/// Names under [`REGISTRY`] through which Chainguard itself offers its catalog; an organisation cannot have them.
const CATALOG_NAMESPACES: [&str; 2] = ["chainguard", "chainguard-private"];

/// In front of an image that others are to be built on: `base-image/python`.
pub const BASE_IMAGE_PREFIX: &str = "base-image";

/// Longest input that is looked at: registry, path and tag with room to spare.
const MAX_REFERENCE_BYTES: usize = 512;

/// The organisation's name as it stands in pull references, `cgr.dev/<organization>/python`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Organization(String);

/// A text that is no organisation name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no organisation name: lower-case letters, digits, dots and hyphens, such as acme or acme.example")]
pub struct OrganizationError(String);

impl Organization {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Organization {
    type Err = OrganizationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_path_component(text) && !CATALOG_NAMESPACES.contains(&text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(OrganizationError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A repository's name: what Chainguard accepts (`^[a-z0-9 ._-]{1,}$`), narrowed to one path component of a pull
/// reference (OCI distribution specification: runs of `[a-z0-9]` joined by `.`, `_`, `__` or hyphens), at most 128 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(String);

/// A text that is no repository name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no repository name: 1 to 128 lower-case letters and digits, joined by single dots, one or two underscores, or hyphens, such as python or nginx-frontend"
)]
pub struct RepositoryNameError(String);

impl RepositoryName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = RepositoryNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_path_component(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RepositoryNameError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RepositoryName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RepositoryName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// Whether `text` is one component of an OCI repository path of at most 128 bytes.
fn is_path_component(text: &str) -> bool {
    if text.is_empty() || text.len() > 128 {
        return false;
    }
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    if !bytes.first().copied().is_some_and(alphanumeric) || !bytes.last().copied().is_some_and(alphanumeric) {
        return false;
    }
    bytes.split(|b| alphanumeric(*b)).all(|separator| match separator {
        [] | b"." | b"_" | b"__" => true,
        hyphens => hyphens.iter().all(|b| *b == b'-'),
    })
}

/// A tag: 1 to 128 of letters, digits, `_`, `.` and `-`, not starting with `.` or `-` (OCI distribution specification).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

/// A text that is no tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no tag: 1 to 128 letters, digits, dots, underscores and hyphens, such as latest or 3.13-dev")]
pub struct TagError(String);

impl Tag {
    /// `latest`: the tag of a reference that names none.
    #[must_use]
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// The tag.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let well_formed = text.len() <= 128
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|b| word(b) || b == b'.' || b == b'-');
        if well_formed { Ok(Self(text.to_owned())) } else { Err(TagError(text.chars().take(80).collect())) }
    }
}

/// An image of the catalog and the tag that is meant to be pulled: `python:latest-dev`.
///
/// Chainguard adds whole repositories; the tag says which line the requester will pull and is `latest` unless given.
///
/// Written as `base-image/python:latest-dev`, it is asked for in order to build other images on it, which the policy
/// may judge more strictly. The repository is the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageReference {
    /// Whether other images are to be built on it.
    pub base_image: bool,
    /// The image's name in the catalog.
    pub name: RepositoryName,
    /// The tag.
    pub tag: Tag,
}

/// Why a text is no image that can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageReferenceError {
    /// Empty, or longer than 512 bytes.
    #[error("name an image, such as python or python:latest-dev, in at most 512 characters")]
    Length,
    /// A digest pins one build; a repository is added as a whole and follows its tags.
    #[error(
        "`{0}` names a digest; ask for the image by name and tag, such as python:latest, and pin the digest when you pull"
    )]
    Digest(String),
    /// Not Chainguard's registry.
    #[error(
        "`{registry}` is another registry; only Chainguard images can be asked for, by their name in the catalog, such as `{suggestion}`"
    )]
    ForeignRegistry {
        /// The registry's host, or the path in front of the name.
        registry: String,
        /// The last path component: most likely the name to ask for.
        suggestion: String,
    },
    /// Chainguard's registry, another organisation.
    #[error("`{REGISTRY}/{found}` is another organisation's registry; this one is `{REGISTRY}/{expected}`")]
    ForeignOrganization {
        /// The organisation in the text.
        found: String,
        /// The organisation that this installation adds images for.
        expected: String,
    },
    /// The name part is malformed.
    #[error(transparent)]
    Name(#[from] RepositoryNameError),
    /// The tag part is malformed.
    #[error(transparent)]
    Tag(#[from] TagError),
}

impl ImageReference {
    /// Reads what a requester writes: `python`, `python:latest-dev`, `base-image/python`,
    /// `cgr.dev/<organization>/python:latest` or `cgr.dev/chainguard/python`.
    pub fn parse(text: &str, organization: &Organization) -> Result<Self, ImageReferenceError> {
        let text = text.trim();
        if text.is_empty() || text.len() > MAX_REFERENCE_BYTES {
            return Err(ImageReferenceError::Length);
        }
        if text.contains('@') {
            return Err(ImageReferenceError::Digest(text.to_owned()));
        }
        let (path, name_and_tag) = match text.rsplit_once('/') {
            Some((path, last)) => (Some(path), last),
            None => (None, text),
        };
        let (name, tag) = match name_and_tag.split_once(':') {
            Some((name, tag)) => (name, tag.parse()?),
            None => (name_and_tag, Tag::latest()),
        };
        let base_image = match path {
            None => false,
            Some(BASE_IMAGE_PREFIX) => true,
            Some(path) => {
                check_registry(path, name, organization)?;
                false
            }
        };
        Ok(Self { base_image, name: name.parse()?, tag })
    }
}

/// Refuses every path but this organisation's and the catalog's own.
fn check_registry(path: &str, name: &str, organization: &Organization) -> Result<(), ImageReferenceError> {
    let mut parts = path.splitn(2, '/');
    let registry = parts.next().unwrap_or_default();
    match (registry, parts.next()) {
        (REGISTRY, Some(found)) if found == organization.as_str() || CATALOG_NAMESPACES.contains(&found) => Ok(()),
        (REGISTRY, found) => Err(ImageReferenceError::ForeignOrganization {
            found: found.unwrap_or_default().to_owned(),
            expected: organization.as_str().to_owned(),
        }),
        _ => Err(ImageReferenceError::ForeignRegistry { registry: path.to_owned(), suggestion: name.to_owned() }),
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.base_image { "base-image/" } else { "" };
        write!(f, "{prefix}{}:{}", self.name, self.tag.0)
    }
}

/// A stored reference that cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no stored image reference, which is name:tag or base-image/name:tag")]
pub struct StoredReferenceError(String);

impl FromStr for ImageReference {
    type Err = StoredReferenceError;

    /// Reads what `Display` wrote. What people write goes through [`ImageReference::parse`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || StoredReferenceError(text.chars().take(80).collect());
        let prefix = text.split_once('/');
        let (base_image, rest) = match prefix {
            Some((BASE_IMAGE_PREFIX, rest)) => (true, rest),
            Some(_) => return Err(error()),
            None => (false, text),
        };
        let (name, tag) = rest.split_once(':').ok_or_else(error)?;
        Ok(Self { base_image, name: name.parse().map_err(|_| error())?, tag: tag.parse().map_err(|_| error())? })
    }
}

impl Serialize for ImageReference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// The line that pulls `tag` of `repository`, to be pasted into a terminal.
#[must_use]
pub fn pull_command(organization: &Organization, repository: &RepositoryName, tag: &Tag) -> String {
    format!("docker pull {REGISTRY}/{organization}/{repository}:{}", tag.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, ImageReferenceError> {
        let acme = "acme".parse().unwrap();
        ImageReference::parse(text, &acme).map(|image| {
            let written = image.to_string();
            assert_eq!(written.parse(), Ok(image), "a stored reference reads back");
            written
        })
    }

    #[test]
    fn what_people_write_becomes_name_and_tag() {
        for (text, expected) in [
            ("python", "python:latest"),
            (" python:latest-dev ", "python:latest-dev"),
            ("cgr.dev/acme/python:latest", "python:latest"),
            ("cgr.dev/chainguard/node", "node:latest"),
            ("base-image/wolfi-base", "base-image/wolfi-base:latest"),
            ("gcc-glibc:13.2_1", "gcc-glibc:13.2_1"),
            ("a__b.c---d", "a__b.c---d:latest"),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_in_the_catalog_by_nature_is_refused_with_its_reason() {
        use ImageReferenceError as E;
        type Check = fn(&E) -> bool;
        let cases: &[(&str, Check)] = &[
            ("", |e| matches!(e, E::Length)),
            ("python@sha256:abcd", |e| matches!(e, E::Digest(_))),
            (
                "docker.io/library/nginx:1",
                |e| matches!(e, E::ForeignRegistry { suggestion, .. } if suggestion == "nginx"),
            ),
            ("library/nginx", |e| matches!(e, E::ForeignRegistry { .. })),
            ("localhost:5000/nginx", |e| matches!(e, E::ForeignRegistry { .. })),
            ("cgr.dev/other/nginx", |e| matches!(e, E::ForeignOrganization { .. })),
            ("cgr.dev/nginx", |e| matches!(e, E::ForeignOrganization { .. })),
            ("cgr.dev/acme/folder/nginx", |e| matches!(e, E::ForeignOrganization { .. })),
            ("Python", |e| matches!(e, E::Name(_))),
            ("my image", |e| matches!(e, E::Name(_))),
            ("-python", |e| matches!(e, E::Name(_))),
            ("a..b", |e| matches!(e, E::Name(_))),
            ("a___b", |e| matches!(e, E::Name(_))),
            ("a.-b", |e| matches!(e, E::Name(_))),
            ("/python", |e| matches!(e, E::ForeignRegistry { .. })),
            ("python:", |e| matches!(e, E::Tag(_))),
            ("python:-x", |e| matches!(e, E::Tag(_))),
            ("python:a:b", |e| matches!(e, E::Tag(_))),
        ];
        for (text, check) in cases {
            let error = parse(text).unwrap_err();
            assert!(check(&error), "{text}: {error}");
        }
    }

    #[test]
    fn the_pull_line_is_exact() {
        let line = pull_command(&"acme".parse().unwrap(), &"python".parse().unwrap(), &"latest-dev".parse().unwrap());
        assert_eq!(line, "docker pull cgr.dev/acme/python:latest-dev");
    }
}
