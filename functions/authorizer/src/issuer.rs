//! Whose tokens are accepted.

use std::collections::BTreeSet;

use lambda::environment::{ConfigurationError, Environment};
use lambda::jwt::{Issuer, KeysAt, secure_url};
use serde::Deserialize;

/// Names the trusted issuers, a JSON list.
pub(crate) const TRUSTED_ISSUERS: &str = "TRUSTED_ISSUERS";

/// An issuer that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustedIssuer {
    /// Who it is.
    pub(crate) issuer: Issuer,
    /// One of the claim `aud`.
    pub(crate) audience: String,
    /// The claim with the e-mail address.
    pub(crate) email_claim: String,
    /// The claim with the groups.
    pub(crate) groups_claim: String,
}

/// An issuer as an operator writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    issuer: String,
    audience: String,
    jwks_uri: Option<String>,
    #[serde(default = "email")]
    email_claim: String,
    #[serde(default = "groups")]
    groups_claim: String,
}

fn email() -> String {
    "email".to_owned()
}

fn groups() -> String {
    "groups".to_owned()
}

/// The issuers that the environment names: at least one, none twice.
pub(crate) fn trusted_issuers(environment: &Environment) -> Result<Vec<TrustedIssuer>, ConfigurationError> {
    let invalid = |problem: String| ConfigurationError::Invalid { variable: TRUSTED_ISSUERS, problem };
    let entries: Vec<Entry> =
        serde_json::from_str(environment.required(TRUSTED_ISSUERS)?).map_err(|error| invalid(error.to_string()))?;
    if entries.is_empty() {
        return Err(invalid("it names no issuer".to_owned()));
    }
    let mut names = BTreeSet::new();
    entries
        .into_iter()
        .map(|entry| {
            let name = entry.issuer.clone();
            let issuer = TrustedIssuer::try_from(entry).map_err(|problem| invalid(format!("{name}: {problem}")))?;
            // A token's issuer decides which keys and which audience it is held to: there is one answer.
            if names.insert(name.clone()) { Ok(issuer) } else { Err(invalid(format!("{name} is named twice"))) }
        })
        .collect()
}

impl TryFrom<Entry> for TrustedIssuer {
    type Error = String;

    fn try_from(entry: Entry) -> Result<Self, String> {
        for (field, text) in
            [("audience", &entry.audience), ("emailClaim", &entry.email_claim), ("groupsClaim", &entry.groups_claim)]
        {
            if text.is_empty() {
                return Err(format!("{field} is empty"));
            }
        }
        let url = secure_url(&entry.issuer).map_err(|problem| format!("issuer {problem}"))?;
        if url.query().is_some() {
            return Err("issuer has a query".to_owned());
        }
        let issuer = match &entry.jwks_uri {
            Some(uri) => {
                let keys = secure_url(uri).map_err(|problem| format!("jwksUri {problem}"))?;
                Issuer { name: entry.issuer, keys_at: KeysAt::Jwks(keys) }
            }
            None => Issuer::discovered(&entry.issuer).map_err(|problem| format!("issuer {problem}"))?,
        };
        Ok(Self { issuer, audience: entry.audience, email_claim: entry.email_claim, groups_claim: entry.groups_claim })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuers(json: &str) -> Result<Vec<TrustedIssuer>, String> {
        let environment = Environment::of([(TRUSTED_ISSUERS.to_owned(), json.to_owned())].into());
        trusted_issuers(&environment).map_err(|error| error.to_string())
    }

    #[test]
    fn an_issuer_needs_a_name_and_an_audience_and_the_rest_has_defaults() {
        let issuers = issuers(
            r#"[{"issuer": "https://id.acme.example/", "audience": "images"},
                {"issuer": "https://login.acme.example/v2.0", "audience": "api://images", "emailClaim": "upn",
                 "groupsClaim": "roles", "jwksUri": "https://login.acme.example/keys?policy=a"}]"#,
        )
        .unwrap();
        assert_eq!(
            issuers,
            [
                TrustedIssuer {
                    issuer: Issuer {
                        name: "https://id.acme.example/".to_owned(),
                        keys_at: KeysAt::Discovery(
                            "https://id.acme.example/.well-known/openid-configuration".parse().unwrap()
                        ),
                    },
                    audience: "images".to_owned(),
                    email_claim: "email".to_owned(),
                    groups_claim: "groups".to_owned(),
                },
                TrustedIssuer {
                    issuer: Issuer {
                        name: "https://login.acme.example/v2.0".to_owned(),
                        keys_at: KeysAt::Jwks("https://login.acme.example/keys?policy=a".parse().unwrap()),
                    },
                    audience: "api://images".to_owned(),
                    email_claim: "upn".to_owned(),
                    groups_claim: "roles".to_owned(),
                },
            ]
        );
    }

    #[test]
    fn http_is_for_this_machine_only() {
        for host in ["localhost:8080", "127.0.0.1:9", "[::1]:9"] {
            assert!(issuers(&format!(r#"[{{"issuer": "http://{host}", "audience": "a"}}]"#)).is_ok(), "{host}");
        }
        for host in ["id.acme.example", "localhost.acme.example", "10.0.0.1", "127.0.0.1.nip.io", "[::2]"] {
            let problem = issuers(&format!(r#"[{{"issuer": "http://{host}", "audience": "a"}}]"#)).unwrap_err();
            assert!(problem.contains("issuer is not https"), "{host}: {problem}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (json, expected) in [
            ("", "is not set"),
            ("[]", "names no issuer"),
            (r#"{"issuer": "https://a.example", "audience": "a"}"#, "expected a sequence"),
            (r#"[{"issuer": "https://a.example"}]"#, "missing field `audience`"),
            (r#"[{"issuer": "https://a.example", "audience": ""}]"#, "audience is empty"),
            (r#"[{"issuer": "a.example", "audience": "a"}]"#, "issuer is no URL"),
            (r#"[{"issuer": "https://u:p@a.example", "audience": "a"}]"#, "issuer holds a password"),
            (r#"[{"issuer": "https://a.example?x=1", "audience": "a"}]"#, "issuer has a query"),
            (r#"[{"issuer": "https://a.example#x", "audience": "a"}]"#, "issuer has a fragment"),
            (
                r#"[{"issuer": "https://a.example", "audience": "a", "jwksUri": "http://a.example/keys"}]"#,
                "jwksUri is not https",
            ),
            (r#"[{"issuer": "https://a.example", "audience": "a", "jwks": "x"}]"#, "unknown field `jwks`"),
            (
                r#"[{"issuer": "https://a.example", "audience": "a"}, {"issuer": "https://a.example", "audience": "b"}]"#,
                "is named twice",
            ),
        ] {
            let problem = issuers(json).unwrap_err();
            assert!(problem.contains(TRUSTED_ISSUERS) && problem.contains(expected), "{json}: {problem}");
        }
    }
}
