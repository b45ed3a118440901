//! `cargo xtask chainguard`: what an organisation's administrator asks and does once, with a token of their own or of the
//! functions' identity.

mod address;
mod check;
mod subscriptions;
mod token;

use std::process::ExitCode;
use std::time::Duration;

use ::chainguard::{Backoff, Capability, Chainguard, Endpoints};
use clap::{Args, Subcommand};
use domain::capacity::RepositoryLimit;
use domain::image::Organization;
use domain::ports::{ChainguardError, Clock as _};
use domain::time::Timestamp;
use lambda::clock::SystemClock;
use lambda::environment::Environment;
use lambda::http_client;
use url::Url;

use self::token::AccessToken;

/// Longest wait for one answer of Chainguard's.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The pause before the one repetition while Chainguard is unavailable: somebody waits in front of the terminal.
const PAUSE: Duration = Duration::from_secs(1);

/// What to ask or do.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Says whom a token stands for and what it may do, and exits with 1 if something needed is missing
    Check {
        /// How many repositories the organisation may have, if Chainguard agreed on another number
        #[arg(long, default_value_t = RepositoryLimit::USUAL)]
        repository_limit: RepositoryLimit,
        #[command(flatten)]
        connection: Connection,
    },
    /// Has Chainguard post the organisation's events to an address; one that is subscribed already is kept
    Subscribe {
        /// Where to: the stack's output `ChainguardEventsUrl`, https only
        #[arg(long, value_parser = address::sink)]
        sink: Url,
        /// Says what would be done and does nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        connection: Connection,
    },
    /// Lists the organisation's subscriptions to events
    Subscriptions {
        #[command(flatten)]
        connection: Connection,
    },
    /// Ends a subscription to events
    Unsubscribe {
        /// Its id, as `subscriptions` lists it
        id: String,
        /// Says what would be done and does nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        connection: Connection,
    },
}

/// Which organisation, where, and with which token.
#[derive(Args, Debug)]
pub(crate) struct Connection {
    /// The organisation, by its name at Chainguard
    #[arg(long)]
    organization: Organization,
    /// Chainguard's API
    #[arg(long, default_value = "https://console-api.enforce.dev", value_parser = address::api)]
    api_url: Url,
    /// Chainguard's token issuer, which signs deliveries of events; derived from the API's address unless given
    #[arg(long, value_parser = address::api)]
    issuer_url: Option<Url>,
    /// Reads the token from standard input instead of the environment variable `CHAINGUARD_TOKEN`
    #[arg(long)]
    token_stdin: bool,
}

/// What a command has to say, and whether all is well.
#[derive(Debug)]
struct Report {
    text: String,
    is_good: bool,
}

impl Report {
    fn good(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_good: true }
    }
}

pub(crate) fn run(task: &Task) -> anyhow::Result<ExitCode> {
    let token = if task.connection().token_stdin {
        AccessToken::from_stdin()?
    } else {
        AccessToken::from_environment(&Environment::of_process())?
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(perform(task, token, SystemClock.now()))?;
    println!("{}", report.text);
    Ok(if report.is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn perform(task: &Task, token: AccessToken, now: Timestamp) -> anyhow::Result<Report> {
    let connection = task.connection();
    let client = connection.client(token)?;
    let done = match task {
        Task::Check { repository_limit, .. } => {
            let limit = repository_limit.get();
            check::check(&client, connection.organization.as_str(), &connection.issuer(), limit, now).await
        }
        Task::Subscribe { sink, dry_run, .. } => {
            subscriptions::subscribe(&client, sink, &connection.issuer(), *dry_run).await
        }
        Task::Subscriptions { .. } => subscriptions::list(&client).await,
        Task::Unsubscribe { id, dry_run, .. } => subscriptions::unsubscribe(&client, id, *dry_run).await,
    };
    done.map_err(|error| {
        let advice = advice(&error, task);
        anyhow::Error::new(error).context(format!("failed to {}: {advice}", task.operation()))
    })
}

impl Task {
    const fn connection(&self) -> &Connection {
        match self {
            Self::Check { connection, .. }
            | Self::Subscribe { connection, .. }
            | Self::Subscriptions { connection }
            | Self::Unsubscribe { connection, .. } => connection,
        }
    }

    /// Completes "failed to …".
    const fn operation(&self) -> &'static str {
        match self {
            Self::Check { .. } => "check the token",
            Self::Subscribe { .. } => "subscribe to events",
            Self::Subscriptions { .. } => "list the subscriptions",
            Self::Unsubscribe { .. } => "end the subscription",
        }
    }

    /// What the token has to allow.
    const fn needs(&self) -> &'static [Capability] {
        match self {
            Self::Check { .. } => &[],
            Self::Subscribe { .. } => {
                &[Capability::GroupsList, Capability::SubscriptionsList, Capability::SubscriptionsCreate]
            }
            Self::Subscriptions { .. } => &[Capability::GroupsList, Capability::SubscriptionsList],
            Self::Unsubscribe { .. } => {
                &[Capability::GroupsList, Capability::SubscriptionsList, Capability::SubscriptionsDelete]
            }
        }
    }
}

impl Connection {
    fn client(&self, token: AccessToken) -> anyhow::Result<Chainguard<AccessToken>> {
        let endpoints = Endpoints { api: self.api_url.clone(), issuer: self.issuer().parse()?, catalog: None };
        let http = http_client::build(TIMEOUT)?;
        let client = Chainguard::new(http, endpoints, self.organization.clone(), token, String::new());
        Ok(client.with_backoff(Backoff::new([PAUSE])))
    }

    /// The API's address without a slash at its end: what tokens for it are made out to.
    fn audience(&self) -> &str {
        self.api_url.as_str().trim_end_matches('/')
    }

    /// The issuer's address without a slash at its end, derived as Chainguard's own Terraform provider does it.
    fn issuer(&self) -> String {
        match &self.issuer_url {
            Some(issuer) => issuer.as_str().trim_end_matches('/').to_owned(),
            None => self.audience().replace("console-api", "issuer"),
        }
    }
}

/// What to do about `error`.
fn advice(error: &ChainguardError, task: &Task) -> String {
    let connection = task.connection();
    match error {
        ChainguardError::Unauthenticated(_) => format!(
            "the token is expired or not one for this API. They live for an hour; get another with \
             `chainctl auth token --audience {}`",
            connection.audience()
        ),
        ChainguardError::Denied(_) => {
            let needs: Vec<&str> = task.needs().iter().map(|capability| capability.as_str()).collect();
            let needs = if needs.is_empty() { String::new() } else { format!(" It takes {} on it.", needs.join(", ")) };
            format!(
                "the token's roles do not allow it on the organisation.{needs} `cargo xtask chainguard check` says \
                 what there is; a role that was bound just before takes a while to count"
            )
        }
        ChainguardError::Credential(_) => format!(
            "look whether --organization is the name that Chainguard has, and whether the token counts there; \
             it was `{}`",
            connection.organization.as_str()
        ),
        ChainguardError::Unavailable(_) => {
            format!("try again, and look whether {} can be reached from here", connection.audience())
        }
        ChainguardError::QuotaExceeded(_) => "ask Chainguard for a larger quota, or free some of it".to_owned(),
        ChainguardError::AlreadyExists(_) | ChainguardError::NotFound(_) | ChainguardError::Refused(_) => {
            "Chainguard's own words are below".to_owned()
        }
    }
}

#[cfg(test)]
mod tests;
