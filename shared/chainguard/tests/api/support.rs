//! A fake Chainguard behind a socket, secrets that can be changed, an AWS role, and clients of all of them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chainguard::{Backoff, Chainguard, Endpoints};
use domain::image::{Organization, RepositoryName};
use domain::ports::{AwsCredentials, AwsIdentity, Clock, PortError, Proof, ReadSecret};
use domain::time::Timestamp;
use fake_chainguard::{AwsRole, FakeChainguard, Options, Route};
use tokio::net::TcpListener;
use tokio::time::Instant;

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

/// A secret that is read as the functions read theirs: what was fetched is remembered for a minute. Clones are the same.
#[derive(Clone)]
pub(crate) struct MinuteOld {
    stored: Arc<Mutex<String>>,
    remembered: Arc<Mutex<Option<(String, Instant)>>>,
    fetches: Arc<AtomicUsize>,
}

impl MinuteOld {
    pub(crate) fn with(text: &str) -> Self {
        Self { stored: Arc::new(Mutex::new(text.to_owned())), remembered: Arc::default(), fetches: Arc::default() }
    }

    pub(crate) fn store(&self, text: &str) {
        text.clone_into(&mut self.stored.lock().unwrap());
    }

    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }
}

impl ReadSecret for MinuteOld {
    async fn read_secret(&self, _: &str) -> Result<String, PortError> {
        let mut remembered = self.remembered.lock().unwrap();
        if let Some((text, until)) = remembered.as_ref()
            && Instant::now() < *until
        {
            return Ok(text.clone());
        }
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let text = self.stored.lock().unwrap().clone();
        *remembered = Some((text.clone(), Instant::now() + Duration::from_mins(1)));
        Ok(text)
    }
}

/// The role of the fake's options, for which the fake vouches in AWS's place. Clones are the same role.
#[derive(Clone)]
pub(crate) struct Role {
    fake: FakeChainguard,
    proofs: Arc<AtomicUsize>,
    /// Whether AWS may be asked again later; AWS answers if this is not set.
    failure: Option<bool>,
}

impl Role {
    pub(crate) fn of(fake: &FakeChainguard) -> Self {
        Self { fake: fake.clone(), proofs: Arc::default(), failure: None }
    }

    pub(crate) fn failing(fake: &FakeChainguard, retryable: bool) -> Self {
        Self { failure: Some(retryable), ..Self::of(fake) }
    }

    /// How often it was proved.
    pub(crate) fn proofs(&self) -> usize {
        self.proofs.load(Ordering::SeqCst)
    }

    fn prove(&self) -> Result<(), PortError> {
        self.proofs.fetch_add(1, Ordering::SeqCst);
        match self.failure {
            None => Ok(()),
            Some(retryable) => Err(PortError { operation: "ask AWS", retryable, source: "no luck".into() }),
        }
    }
}

impl AwsIdentity for Role {
    fn web_identity_token<'a>(&'a self, audience: &'a str) -> Proof<'a, String> {
        Box::pin(async {
            self.prove()?;
            Ok(self.fake.aws_web_identity_token(audience, Duration::from_mins(5)).unwrap())
        })
    }

    fn credentials(&self) -> Proof<'_, AwsCredentials> {
        Box::pin(async {
            self.prove()?;
            let AwsRole { access_key_id, secret_access_key, session_token, .. } = AwsRole::example();
            Ok(AwsCredentials { access_key_id, secret_access_key, session_token })
        })
    }
}

/// The machine's clock, so many seconds fast.
pub(crate) struct Fast(pub(crate) i64);

impl Clock for Fast {
    #[expect(clippy::disallowed_methods, reason = "the fake that judges the dates has the machine's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(jiff::Timestamp::now().as_millisecond() + self.0 * 1000)
    }
}

/// Lets time pass. Only while nobody waits for an answer: the clock jumps when everybody waits.
pub(crate) async fn pass(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
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
pub(crate) fn client<S>(address: SocketAddr, organization: &str, secrets: S) -> Chainguard<S> {
    client_with_timeout(address, organization, secrets, Duration::from_secs(30))
}

pub(crate) fn client_with_timeout<S>(
    address: SocketAddr,
    organization: &str,
    secrets: S,
    timeout: Duration,
) -> Chainguard<S> {
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

    pub(crate) fn client_of<S>(&self, secrets: S) -> Chainguard<S> {
        client(self.address, "acme", secrets)
    }

    pub(crate) fn count(&self, route: Route) -> u64 {
        self.fake.count_calls(route)
    }
}

pub(crate) fn name(text: &str) -> RepositoryName {
    text.parse().unwrap()
}

/// The names of what was listed.
pub(crate) fn names(listed: Vec<domain::registry::ListedRepository>) -> Vec<String> {
    listed.into_iter().map(|repository| repository.name).collect()
}
