//! Where an image is to run.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The environment an image is asked for. A request that names none is for production: the strictest reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Development.
    Dev,
    /// Staging.
    Staging,
    /// Production.
    #[default]
    Production,
}

impl Environment {
    /// As written in requests and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}
