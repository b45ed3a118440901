//! A fake Chainguard behind a socket, a secret that can be changed, and clients of both.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chainguard::{Backoff, Chainguard, Endpoints};
use domain::image::{Organization, RepositoryName};
use domain::ports::{PortError, ReadSecret};
use fake_chainguard::{FakeChainguard, Options, Route};
use tokio::net::TcpListener;

/// The organisation of the fake and of the samples.
pub(crate) const ORG: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

/// A credential that the fake lets in, with its default options.
pub(crate) const STORED_TOKEN: &str = r#"{"kind":"token","token":"stored-token"}"#;

/// A credential that is exchanged first.
pub(crate) const EXCHANGE: &str = r#"{"kind":"exchange","identity":"a1b2c3d4e5f60718293a4b5c6d7e8f9001122334/6666666666666666","token":"upstream-token"}"#;

/// A secret's versions: each read moves on to the next one, and the last one stays. Clones are the same secret.
#[derive(Clone)]
pub(crate) struct Secrets {
    versions: Arc<Mutex<Vec<Result<String, bool>>>>,
    reads: Arc<AtomicUsize>,
}

impl Secrets {
    pub(crate) fn with(text: &str) -> Self {
        Self::versions([Ok(text.to_owned())])
    }

    /// A version is a text, or for a secret that cannot be read, whether it can be later.
    pub(crate) fn versions<const N: usize>(versions: [Result<String, bool>; N]) -> Self {
        let versions = versions.into_iter().rev().collect();
        Self { versions: Arc::new(Mutex::new(versions)), reads: Arc::default() }
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

impl ReadSecret for Secrets {
    async fn read_secret(&self, id: &str) -> Result<String, PortError> {
        assert_eq!(id, "chainguard");
        self.reads.fetch_add(1, Ordering::SeqCst);
        let mut versions = self.versions.lock().unwrap();
        let version = if versions.len() > 1 { versions.pop() } else { versions.last().cloned() };
        version.expect("a secret has a version").map_err(|retryable| PortError {
            operation: "read the secret",
            retryable,
            source: "no luck".into(),
        })
    }
}

/// Where a listener on loopback is all of Chainguard's hosts.
pub(crate) fn endpoints(address: SocketAddr) -> Endpoints {
    let base = format!("http://{address}");
    Endpoints {
        api: base.parse().unwrap(),
        issuer: base.parse().unwrap(),
        catalog: Some(format!("{base}/query").parse().unwrap()),
    }
}

/// A client with the usual number of attempts, and no pauses between them.
pub(crate) fn client(address: SocketAddr, organization: &str, secrets: Secrets) -> Chainguard<Secrets> {
    client_with_timeout(address, organization, secrets, Duration::from_secs(30))
}

pub(crate) fn client_with_timeout(
    address: SocketAddr,
    organization: &str,
    secrets: Secrets,
    timeout: Duration,
) -> Chainguard<Secrets> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .unwrap();
    let organization: Organization = organization.parse().unwrap();
    Chainguard::new(http, endpoints(address), organization, secrets, "chainguard".to_owned())
        .with_backoff(Backoff::new([Duration::ZERO; 3]))
}

/// A fake that is being served until the test's runtime ends.
pub(crate) struct Running {
    pub(crate) fake: FakeChainguard,
    pub(crate) address: SocketAddr,
}

impl Running {
    pub(crate) async fn start(options: Options) -> Self {
        let fake = FakeChainguard::new(options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = fake.clone();
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        Self { fake, address }
    }

    /// A client of the fake's organisation.
    pub(crate) fn client(&self, secret: &str) -> Chainguard<Secrets> {
        self.client_of(Secrets::with(secret))
    }

    pub(crate) fn client_of(&self, secrets: Secrets) -> Chainguard<Secrets> {
        client(self.address, "acme", secrets)
    }

    pub(crate) fn count(&self, route: Route) -> u64 {
        self.fake.count_calls(route)
    }
}

pub(crate) fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}
