//! The keys that signed links are made and read with.

use domain::link::{KeyRing, KeyRingError};
use domain::ports::{PortError, ReadSecret};

/// The key ring in the secret `id`, at most a minute old.
pub async fn key_ring(secrets: &impl ReadSecret, id: &str) -> Result<KeyRing, PortError> {
    let text = secrets.read_secret(id).await?;
    KeyRing::from_json(&text).map_err(unusable)
}

fn unusable(error: KeyRingError) -> PortError {
    PortError { operation: "read the link keys", retryable: false, source: Box::new(error) }
}
