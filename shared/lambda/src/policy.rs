//! The policy in force.

use domain::policy::{DEFAULT_POLICY, Policy};

use crate::environment::{ConfigurationError, Environment};

/// Names the file that replaces the default policy: on Lambda `/opt/policy.yaml`, put there by the policy layer.
pub const POLICY_FILE: &str = "POLICY_FILE";

/// Reads the policy file, or takes the policy that is compiled in.
///
/// A file that is missing or wrong is an error, never a reason to fall back to the default.
pub fn load(environment: &Environment) -> Result<Policy, ConfigurationError> {
    let invalid = |problem: String| ConfigurationError::Invalid { variable: POLICY_FILE, problem };
    match environment.optional(POLICY_FILE) {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).map_err(|error| invalid(format!("failed to read {path}: {error}")))?;
            Policy::from_yaml(&text).map_err(|error| invalid(format!("{path}: {error}")))
        }
        None => Policy::from_yaml(DEFAULT_POLICY).map_err(|error| invalid(error.to_string())),
    }
}
