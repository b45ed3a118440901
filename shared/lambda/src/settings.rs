//! What the functions of the API are configured by.

use domain::capacity::RepositoryLimit;
use domain::image::Organization;
use domain::policy::Policy;

use crate::environment::{ConfigurationError, Environment};
use crate::policy;

/// What an answer about a request is made from, besides the request.
#[derive(Debug)]
pub struct Settings {
    /// The organisation whose registry images are added to.
    pub organization: Organization,
    /// How many repositories it may have.
    pub repository_limit: RepositoryLimit,
    /// The API's base address; empty for paths alone.
    pub public_url: String,
    /// The policy in force.
    pub policy: Policy,
}

/// Reads them.
pub fn load(environment: &Environment) -> Result<Settings, ConfigurationError> {
    Ok(Settings {
        organization: environment.parsed("ORGANIZATION")?,
        repository_limit: environment.parsed("REPOSITORY_LIMIT")?,
        public_url: environment.optional("PUBLIC_URL").unwrap_or_default().to_owned(),
        policy: policy::load(environment)?,
    })
}
