//! Configuration, read once when a function starts.

use std::collections::BTreeMap;
use std::str::FromStr;

/// The variables that a function is configured by: the process's own on Lambda, the template's in the embedded runtime.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

/// A variable is missing or cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// It is not set, or empty.
    #[error("the environment variable {0} is not set")]
    Missing(&'static str),
    /// It is set to something else than it has to be.
    #[error("the environment variable {variable} cannot be used: {problem}")]
    Invalid {
        /// Which.
        variable: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Environment {
    /// The process's variables.
    #[must_use]
    pub fn of_process() -> Self {
        Self(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    /// These variables.
    #[must_use]
    pub const fn of(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }

    /// The variable's value, unless it is unset or empty.
    #[must_use]
    pub fn optional(&self, variable: &str) -> Option<&str> {
        self.0.get(variable).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variable's value.
    pub fn required(&self, variable: &'static str) -> Result<&str, ConfigurationError> {
        self.optional(variable).ok_or(ConfigurationError::Missing(variable))
    }

    /// The variable's value, parsed.
    pub fn parsed<T>(&self, variable: &'static str) -> Result<T, ConfigurationError>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        self.required(variable)?
            .parse()
            .map_err(|error: T::Err| ConfigurationError::Invalid { variable, problem: error.to_string() })
    }
}
