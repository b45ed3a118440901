//! The keys that signed links are made and read with.

use domain::id::RequestId;
use domain::link::{KeyRing, KeyRingError, Link, LinkError};
use domain::ports::{PortError, ReadSecret};
use domain::time::Timestamp;

/// Why a link cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is not good.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The keys cannot be read.
    #[error(transparent)]
    Keys(#[from] PortError),
}

/// The key ring in the secret `id`, at most a minute old.
pub async fn key_ring(secrets: &impl ReadSecret, id: &str) -> Result<KeyRing, PortError> {
    ring(&secrets.read_secret(id).await?)
}

/// What the link for `request` with this query says, if it is ours and can be used at `now`.
///
/// A link may be signed with a key that is younger than the ring that is remembered here: then the ring is read anew,
/// however many links name a key that there is not, once in ten seconds.
pub async fn verify(
    secrets: &impl ReadSecret,
    id: &str,
    request: RequestId,
    query: &str,
    now: Timestamp,
) -> Result<Link, VerifyError> {
    match key_ring(secrets, id).await?.verify(request, query, now) {
        Err(LinkError::UnknownKey) => {
            let anew = ring(&secrets.read_secret_anew(id).await?)?;
            Ok(anew.verify(request, query, now)?)
        }
        outcome => Ok(outcome?),
    }
}

fn ring(text: &str) -> Result<KeyRing, PortError> {
    KeyRing::from_json(text).map_err(unusable)
}

fn unusable(error: KeyRingError) -> PortError {
    PortError { operation: "read the link keys", retryable: false, source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use domain::journal::Digest;

    use super::*;

    const ID: &str = "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f";

    /// A ring that is remembered, the one that is there, and how often it was asked for anew.
    struct Rotated {
        remembered: String,
        stored: String,
        anew: Mutex<u32>,
    }

    impl ReadSecret for Rotated {
        async fn read_secret(&self, _: &str) -> Result<String, PortError> {
            Ok(self.remembered.clone())
        }

        async fn read_secret_anew(&self, _: &str) -> Result<String, PortError> {
            *self.anew.lock().unwrap() += 1;
            Ok(self.stored.clone())
        }
    }

    fn first() -> KeyRing {
        KeyRing::from_json(&format!(r#"{{"currentId":"k1","current":"{}"}}"#, "a".repeat(64))).unwrap()
    }

    fn rotated(ring: &KeyRing, id: &str) -> KeyRing {
        ring.rotated(id.to_owned(), id.repeat(32)).unwrap()
    }

    async fn follow(secrets: &Rotated, signed_with: &KeyRing) -> Result<Link, VerifyError> {
        let now: Timestamp = "2026-11-23T18:51:45Z".parse().unwrap();
        let link = Link {
            request: ID.parse().unwrap(),
            approver: "dana@acme.example".to_owned(),
            digest: Digest::of(b""),
            expires: now.plus(std::time::Duration::from_hours(1)),
        };
        let text = signed_with.link(&link);
        verify(secrets, "keys", link.request, text.split_once('?').unwrap().1, now).await
    }

    #[tokio::test]
    async fn a_link_that_is_signed_with_a_key_younger_than_the_remembered_ring_is_good() {
        let second = rotated(&first(), "k2");
        let secrets = Rotated { remembered: first().to_json(), stored: second.to_json(), anew: Mutex::default() };
        assert!(follow(&secrets, &second).await.is_ok());
        assert_eq!(*secrets.anew.lock().unwrap(), 1);
        assert!(follow(&secrets, &first()).await.is_ok());
        assert_eq!(*secrets.anew.lock().unwrap(), 1, "a key that is known needs no second look");
    }

    #[tokio::test]
    async fn a_key_that_is_nowhere_stays_unknown() {
        let third = rotated(&rotated(&first(), "k2"), "k3");
        let stored = third.to_json();
        let secrets = Rotated { remembered: stored.clone(), stored, anew: Mutex::default() };
        let error = follow(&secrets, &first()).await.unwrap_err();
        assert!(matches!(error, VerifyError::Link(LinkError::UnknownKey)), "{error}");
    }
}
