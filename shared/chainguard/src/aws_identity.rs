//! The AWS role that the process runs as, as far as Chainguard has to be shown it (FACTS §4.4).
//!
//! Nothing here knows the AWS SDK: whoever has it implements [`AwsIdentity`].

use std::fmt;
use std::pin::Pin;

use domain::ports::PortError;

/// A proof that is being made.
pub type Proof<'a, T> = Pin<Box<dyn Future<Output = Result<T, PortError>> + Send + 'a>>;

/// Proves to others than AWS which role the process runs as.
pub trait AwsIdentity: Send + Sync {
    /// A JSON Web Token in which AWS vouches for the role to `audience`, an address: what STS's `GetWebIdentityToken`
    /// gives, signed with ES384 and good for 300 seconds at most.
    fn web_identity_token<'a>(&'a self, audience: &'a str) -> Proof<'a, String>;

    /// The role's credentials, good for some minutes more.
    fn credentials(&self) -> Proof<'_, AwsCredentials>;
}

/// An AWS role's credentials. `Debug` shows neither the key nor the token.
#[derive(Clone, PartialEq, Eq)]
pub struct AwsCredentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

impl AwsCredentials {
    /// Of these parts; a role's have a session token, a user's have none.
    #[must_use]
    pub const fn new(access_key_id: String, secret_access_key: String, session_token: Option<String>) -> Self {
        Self { access_key_id, secret_access_key, session_token }
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwsCredentials({}, …)", self.access_key_id)
    }
}
