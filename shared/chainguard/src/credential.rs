//! The secret from which the access token comes: typed JSON that says which way to get one.

use std::fmt;

use domain::ports::ChainguardError;
use serde::{Deserialize, Deserializer};

use crate::uidp::Uidp;

/// What an operator has to do about a secret that nobody has filled in.
pub(crate) const HOW_TO_CONFIGURE: &str = r#"nobody has filled in its secret yet: store {"kind":"aws-web-identity","identity":"…"} in it, or {"kind":"token","token":"…"}, or one of the kinds `aws-signed-request` and `exchange`"#;

/// A token. It has no way into a log: `Debug` does not show it, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The token in `text`, without the white space that editors and shells put around it; `None` if what is left cannot
    /// be a token, which is one word of visible ASCII.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_token.then(|| Self(text.to_owned()))
    }

    /// The token itself, to be sent.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| serde::de::Error::custom("not a token"))
    }
}

/// How to get an access token.
///
/// Where there is a `cap`, it is the list of capabilities that the token is narrowed to: the client's own if left out,
/// and for an empty list all that the identity has.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Credential {
    /// Not at all: this is how the secret is deployed. The braces make serde refuse other members here too.
    Unconfigured {},
    /// With a token that is there.
    Token {
        /// The access token.
        token: Secret,
    },
    /// By exchanging another issuer's token for one of an assumable identity.
    Exchange {
        /// The identity's UIDP.
        identity: String,
        /// The other issuer's token.
        token: Secret,
        /// See above.
        #[serde(default)]
        cap: Option<Vec<String>>,
    },
    /// As the AWS role that the process runs as, for which AWS vouches with a token (FACTS §4.4, way A).
    AwsWebIdentity {
        /// The assumable identity that trusts the role.
        identity: Uidp,
        /// See above.
        #[serde(default)]
        cap: Option<Vec<String>>,
    },
    /// As the AWS role that the process runs as, which signs a request (FACTS §4.4, way B).
    AwsSignedRequest {
        /// The assumable identity that trusts the role.
        identity: Uidp,
        /// See above.
        #[serde(default)]
        cap: Option<Vec<String>>,
    },
}

impl Credential {
    /// Reads the secret's text. The error says what is wrong and quotes nothing.
    pub(crate) fn parse(text: &str) -> Result<Self, ChainguardError> {
        serde_json::from_str(text).map_err(|error| ChainguardError::Credential(explain(&error)))
    }
}

/// Serde's own words would quote the secret.
fn explain(error: &serde_json::Error) -> String {
    if error.is_data() {
        r#"its secret is JSON of another shape: it takes {"kind":"aws-web-identity","identity":"…"}, {"kind":"aws-signed-request","identity":"…"}, {"kind":"token","token":"…"} or {"kind":"exchange","identity":"…","token":"…"}, the kinds with an identity also an optional list "cap", and no other members; an identity of the first two is a UIDP, a token is one word of ASCII"#.to_owned()
    } else {
        format!("its secret is not JSON, see line {}, column {}", error.line(), error.column())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/6666666666666666";

    fn secret(text: &str) -> Secret {
        Secret::new(text).unwrap()
    }

    #[test]
    fn each_kind_is_read() {
        assert_eq!(Credential::parse(r#"{"kind":"unconfigured"}"#), Ok(Credential::Unconfigured {}));
        assert_eq!(
            Credential::parse(r#"{"kind":"token","token":" hush\n"}"#),
            Ok(Credential::Token { token: secret("hush") })
        );
        let identity = || IDENTITY.parse::<Uidp>().unwrap();
        for (cap, expected) in [
            ("", None),
            (r#","cap":null"#, None),
            (r#","cap":[]"#, Some(Vec::new())),
            (r#","cap":["repo.list"]"#, Some(vec!["repo.list".to_owned()])),
        ] {
            let read = |members: &str| Credential::parse(&format!(r#"{{"kind":{members}{cap}}}"#)).unwrap();
            assert_eq!(
                read(r#""exchange","identity":"id","token":"hush""#),
                Credential::Exchange { identity: "id".to_owned(), token: secret("hush"), cap: expected.clone() }
            );
            assert_eq!(
                read(&format!(r#""aws-web-identity","identity":"{IDENTITY}""#)),
                Credential::AwsWebIdentity { identity: identity(), cap: expected.clone() }
            );
            assert_eq!(
                read(&format!(r#""aws-signed-request","identity":"{IDENTITY}""#)),
                Credential::AwsSignedRequest { identity: identity(), cap: expected }
            );
        }
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_quoting_it() {
        let not_json = ["hush", r#"{"kind":"token","token":"hush"#, ""];
        let other_shapes = [
            r#""hush""#,
            r#"{"token":"hush"}"#,
            r#"{"kind":"hush"}"#,
            r#"{"kind":"token"}"#,
            r#"{"kind":"token","token":"hush","hush":1}"#,
            r#"{"kind":"token","token":"hush hush"}"#,
            r#"{"kind":"token","token":"hush\u0000"}"#,
            r#"{"kind":"token","token":""}"#,
            r#"{"kind":"unconfigured","token":"hush"}"#,
            r#"{"kind":"exchange","token":"hush"}"#,
            r#"{"kind":"aws-web-identity"}"#,
            r#"{"kind":"aws-web-identity","identity":"hush"}"#,
            r#"{"kind":"aws-signed-request","identity":"hush\r\nhush: hush"}"#,
            r#"{"kind":"aws-web-identity","identity":"a1b2c3d4e5f60718293a4b5c6d7e8f9001122334","token":"hush"}"#,
        ];
        let cases = not_json.map(|text| (text, "is not JSON")).into_iter();
        for (text, expected) in cases.chain(other_shapes.map(|text| (text, "JSON of another shape"))) {
            let Err(ChainguardError::Credential(error)) = Credential::parse(text) else { panic!("{text} is accepted") };
            assert!(error.contains(expected) && !error.contains("hush"), "{text}: {error}");
        }
    }

    #[test]
    fn debug_output_shows_no_token() {
        let credential = Credential::parse(r#"{"kind":"exchange","identity":"id","token":"hush"}"#).unwrap();
        assert!(!format!("{credential:?}").contains("hush"));
    }
}
