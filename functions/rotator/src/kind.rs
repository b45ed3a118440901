//! What a secret is, by its shape.

use domain::link::{KeyRing, KeyRingError};
use serde::Deserialize;

/// What a secret is.
#[derive(Debug)]
pub(crate) enum Kind {
    /// The keys of signed links.
    LinkKeys(Box<KeyRing>),
    /// A Chainguard credential.
    Credential(CredentialKind),
}

/// Which way to a Chainguard token a credential is, as far as that matters here. The kinds are those of
/// `shared/chainguard`, which knows what else each of them has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CredentialKind {
    /// None: nobody has filled the secret in.
    Unconfigured,
    /// A token that is stored.
    Token,
    /// Another issuer's token, to be exchanged.
    Exchange,
    /// The AWS role, for which AWS vouches with a token.
    AwsWebIdentity,
    /// The AWS role, which signs a request.
    AwsSignedRequest,
}

/// A secret that is none of those that are rotated here. Says nothing of what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownShape {
    /// It is not what it looks like.
    #[error(transparent)]
    LinkKeys(KeyRingError),
    /// It looks like nothing that is known here.
    #[error("the secret holds neither link keys nor a Chainguard credential")]
    Neither,
}

/// Everything that the shapes have, and nothing of what they hold.
#[derive(Deserialize)]
struct Shape {
    kind: Option<CredentialKind>,
    #[serde(rename = "currentId")]
    current_id: Option<serde::de::IgnoredAny>,
}

impl Kind {
    pub(crate) fn of(text: &str) -> Result<Self, UnknownShape> {
        let shape: Shape = serde_json::from_str(text).map_err(|_| UnknownShape::Neither)?;
        match (shape.kind, shape.current_id) {
            (Some(kind), None) => Ok(Self::Credential(kind)),
            (None, Some(_)) => {
                KeyRing::from_json(text).map(Box::new).map(Self::LinkKeys).map_err(UnknownShape::LinkKeys)
            }
            (None, None) | (Some(_), Some(_)) => Err(UnknownShape::Neither),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_told_by_its_shape() {
        let key = "k".repeat(64);
        let ring = format!(r#"{{"currentId":"first","current":"{key}"}}"#);
        assert!(matches!(Kind::of(&ring), Ok(Kind::LinkKeys(_))));
        for (text, expected) in [
            (r#"{"kind":"unconfigured"}"#, CredentialKind::Unconfigured),
            (r#"{"kind":"token","token":"hush"}"#, CredentialKind::Token),
            (r#"{"kind":"exchange","identity":"i","token":"hush"}"#, CredentialKind::Exchange),
            (r#"{"kind":"aws-web-identity","identity":"i"}"#, CredentialKind::AwsWebIdentity),
            (r#"{"kind":"aws-signed-request","identity":"i"}"#, CredentialKind::AwsSignedRequest),
        ] {
            assert!(matches!(Kind::of(text), Ok(Kind::Credential(kind)) if kind == expected), "{text}");
        }
    }

    #[test]
    fn what_is_neither_is_refused_without_quoting_it() {
        let both = format!(r#"{{"kind":"token","currentId":"hush","current":"{}"}}"#, "k".repeat(64));
        for text in ["", "hush", "[]", "{}", r#""hush""#, r#"{"kind":"hush"}"#, r#"{"slack":{"url":"hush"}}"#, &both] {
            assert_eq!(Kind::of(text).unwrap_err(), UnknownShape::Neither, "{text}");
        }
        let short = Kind::of(r#"{"currentId":"first","current":"hush"}"#).unwrap_err();
        assert_eq!(short, UnknownShape::LinkKeys(KeyRingError::TooShort));
        assert!(!short.to_string().contains("hush"));
    }
}
