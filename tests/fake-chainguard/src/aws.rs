//! AWS, as far as Chainguard asks it who somebody is: one role, its keys, and the issuer that vouches for it.

use std::{fmt, time::Duration};

/// A role that a function runs as.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsRole {
    /// Twelve digits.
    pub account: String,
    /// Name of the role.
    pub role: String,
    /// Name of the session: for a function, its own.
    pub session: String,
    /// Which key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// What goes with it.
    pub session_token: Option<String>,
}

impl AwsRole {
    /// `iss` of the tokens in which AWS vouches for a role of the account; the part before `tokens` is the account's own.
    pub const ISSUER: &'static str = "https://0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f.tokens.sts.global.api.aws";

    /// The longest that STS vouches for a role; Chainguard's guide asks for five minutes.
    pub const LONGEST_TOKEN: Duration = Duration::from_hours(1);

    /// A role of a function, with a session token, and keys that open nothing.
    #[must_use]
    pub fn example() -> Self {
        Self {
            account: "123456789012".to_owned(),
            role: "broker".to_owned(),
            session: "broker-fn".to_owned(),
            access_key_id: "ASIAFAKECHAINGUARD00".to_owned(),
            secret_access_key: "not-a-secret/of/anything+at+all".to_owned(),
            session_token: Some("not-a-session-token/of/anything==".to_owned()),
        }
    }

    /// What a web identity token calls it: `arn:aws:iam::…:role/…`.
    #[must_use]
    pub fn role_arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{}", self.account, self.role)
    }

    /// What `GetCallerIdentity` calls it: `arn:aws:sts::…:assumed-role/…/…`.
    #[must_use]
    pub fn assumed_role_arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", self.account, self.role, self.session)
    }

    /// What `GetCallerIdentity` calls the session: `AROA…:…`.
    #[must_use]
    pub fn user_id(&self) -> String {
        format!("AROAFAKECHAINGUARD00:{}", self.session)
    }
}

/// Shows which key, never the key.
impl fmt::Debug for AwsRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsRole({}, {})", self.assumed_role_arn(), self.access_key_id)
    }
}
