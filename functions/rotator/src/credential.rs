//! What Chainguard thinks of a credential.

use std::future::Future;

use chainguard::{Chainguard, Endpoints};
use domain::image::Organization;
use domain::ports::{ChainguardError, PortError, ReadSecret};
use domain::time::Timestamp;

/// Asks Chainguard what it thinks of a credential.
pub(crate) trait CheckCredential {
    /// When the token ends that the credential leads to, if Chainguard says so; an error if it leads to none.
    fn check_credential(&self, text: &str) -> impl Future<Output = Result<Option<Timestamp>, ChainguardError>> + Send;
}

/// Chainguard's API.
pub(crate) struct ChainguardApi {
    pub(crate) client: reqwest::Client,
    pub(crate) endpoints: Endpoints,
    /// Which one does not matter here: a token is checked without it.
    pub(crate) organization: Organization,
}

/// A secret whose text is at hand. Has no `Debug`.
struct AtHand(String);

impl ReadSecret for AtHand {
    async fn read_secret(&self, _: &str) -> Result<String, PortError> {
        Ok(self.0.clone())
    }
}

impl CheckCredential for ChainguardApi {
    async fn check_credential(&self, text: &str) -> Result<Option<Timestamp>, ChainguardError> {
        let client = Chainguard::new(
            self.client.clone(),
            self.endpoints.clone(),
            self.organization.clone(),
            AtHand(text.to_owned()),
            String::new(),
        );
        client.who_am_i().await.map(|who| who.expires_at.map(Timestamp::from))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::ports::Clock as _;
    use fake_chainguard::{FakeChainguard, Options, TokenCheck};
    use lambda::clock::SystemClock;
    use lambda::http_client;
    use tokio::net::TcpListener;

    use super::*;

    async fn api(options: Options) -> ChainguardApi {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let fake = FakeChainguard::new(options);
        tokio::spawn(async move { fake.serve(listener, std::future::pending()).await });
        ChainguardApi {
            client: http_client::build(Duration::from_secs(5)).unwrap(),
            endpoints: Endpoints { api: url.parse().unwrap(), issuer: url.parse().unwrap(), catalog: None },
            organization: "acme".parse().unwrap(),
        }
    }

    #[tokio::test]
    async fn a_token_that_works_says_when_it_ends() {
        let api = api(Options { token: TokenCheck::Exact(vec!["good".to_owned()]), ..Options::default() }).await;
        let ends_at = api.check_credential(r#"{"kind":"token","token":"good"}"#).await.unwrap().unwrap();
        let left = ends_at.since(SystemClock.now());
        assert!(left > Duration::from_mins(59) && left <= Duration::from_hours(1), "{left:?}");
        let exchange = r#"{"kind":"exchange","identity":"a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/6666666666666666","token":"upstream"}"#;
        assert!(api.check_credential(exchange).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_token_that_does_not_work_is_told() {
        let api = api(Options { token: TokenCheck::Exact(vec!["good".to_owned()]), ..Options::default() }).await;
        let error = api.check_credential(r#"{"kind":"token","token":"hush"}"#).await.unwrap_err();
        assert!(matches!(&error, ChainguardError::Unauthenticated(_)), "{error}");
        assert!(!error.to_string().contains("hush"));
    }
}
