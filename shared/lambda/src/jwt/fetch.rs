//! Fetching an issuer's keys.

use std::future::Future;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::{Issuer, KeySet, KeysAt, secure_url};
use crate::batch::chain;
use crate::environment::ConfigurationError;
use crate::http_client;

/// Longest wait for one document. Both together stay below the 10 s that API Gateway waits for an authorizer.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The largest document that is read.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Fetches keys.
pub trait FetchKeys: Send + Sync {
    /// All keys that the issuer publishes.
    fn fetch_keys(&self, issuer: &Issuer) -> impl Future<Output = Result<KeySet, FetchError>> + Send;
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No answer, or none to the end.
    #[error("failed to read {url}: {reason}")]
    Transport {
        /// Where.
        url: Url,
        /// Why not.
        reason: String,
    },
    /// No document.
    #[error("{url} answered {status}")]
    Status {
        /// Where.
        url: Url,
        /// The HTTP status.
        status: u16,
    },
    /// The document there is too large.
    #[error("{0} has more than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge(Url),
    /// The document there cannot be used.
    #[error("{url} is not what it should be: {reason}")]
    Document {
        /// Where.
        url: Url,
        /// Why not.
        reason: String,
    },
}

/// Keys by HTTP.
pub struct HttpKeys {
    client: reqwest::Client,
}

/// An issuer's description of itself. Source: `OpenID` Connect Discovery 1.0, section 3.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

impl HttpKeys {
    /// A client of its own.
    pub fn new() -> Result<Self, ConfigurationError> {
        let client = http_client::build(TIMEOUT).map_err(|error| ConfigurationError::Invalid {
            // The only thing that the client reads from outside.
            variable: "SSL_CERT_FILE",
            problem: error.to_string(),
        })?;
        Ok(Self { client })
    }

    async fn discover(&self, issuer: &Issuer, url: &Url) -> Result<Url, FetchError> {
        let wrong = |reason: String| FetchError::Document { url: url.clone(), reason };
        let discovery: Discovery =
            serde_json::from_slice(&self.get(url).await?).map_err(|error| wrong(error.to_string()))?;
        // Section 4.3: otherwise one issuer could speak for another.
        if discovery.issuer != issuer.name {
            return Err(wrong("it describes another issuer".to_owned()));
        }
        secure_url(&discovery.jwks_uri).map_err(|problem| wrong(format!("jwks_uri {problem}")))
    }

    async fn get(&self, url: &Url) -> Result<Vec<u8>, FetchError> {
        let transport =
            |error: reqwest::Error| FetchError::Transport { url: url.clone(), reason: chain(&error.without_url()) };
        let mut response = self.client.get(url.clone()).send().await.map_err(transport)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status { url: url.clone(), status: response.status().as_u16() });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                return Err(FetchError::TooLarge(url.clone()));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl FetchKeys for HttpKeys {
    async fn fetch_keys(&self, issuer: &Issuer) -> Result<KeySet, FetchError> {
        let url = match &issuer.keys_at {
            KeysAt::Jwks(url) => url.clone(),
            KeysAt::Discovery(url) => self.discover(issuer, url).await?,
        };
        let document = self.get(&url).await?;
        KeySet::from_json(&document).map_err(|error| FetchError::Document { url, reason: error.to_string() })
    }
}
