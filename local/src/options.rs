//! What the runtime is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use domain::capacity::RepositoryLimit;
use url::Url;

/// Options of the embedded runtime.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the HTTP API listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// The folder in which everything is kept.
    #[arg(long, value_name = "FOLDER", default_value = ".local")]
    pub data_dir: PathBuf,

    /// Keep nothing: the data goes into a temporary folder that is removed at the end.
    #[arg(long)]
    pub ephemeral: bool,

    /// Chainguard's platform API. Without it a stand-in runs in this process.
    #[arg(long, value_name = "URL")]
    pub chainguard_url: Option<Url>,

    /// A policy instead of the default one.
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,

    /// A catalog for the stand-in instead of its small sample: JSON, `{"images":[{"name","tier","aliases"}]}`.
    #[arg(long, value_name = "FILE", conflicts_with = "chainguard_url")]
    pub catalog: Option<PathBuf>,

    /// The organisation's name in pull references.
    #[arg(long, value_name = "NAME", default_value = "acme")]
    pub organization: String,

    /// How many repositories the organisation may have.
    #[arg(long, value_name = "COUNT", default_value = "2500")]
    pub repository_limit: RepositoryLimit,

    /// How often a schedule runs: on one machine nobody wants to wait for the minutes that the template says.
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = humantime::parse_duration)]
    pub schedules_every: Duration,

    /// For tests: how long a function remembers a secret.
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = humantime::parse_duration, hide = true)]
    pub secrets_kept_for: Duration,

    /// For tests: how often every message of a queue is delivered.
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5), hide = true)]
    pub deliveries: u32,

    /// For tests: by how much, at random, every delivery is late, so that messages overtake each other.
    #[arg(long, value_name = "SPAN", default_value = "0s", value_parser = humantime::parse_duration, hide = true)]
    pub late_by: Duration,
}

impl Default for Options {
    /// What tests want: any free port, nothing kept.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            data_dir: PathBuf::new(),
            ephemeral: true,
            chainguard_url: None,
            policy: None,
            catalog: None,
            organization: "acme".to_owned(),
            repository_limit: RepositoryLimit::USUAL,
            schedules_every: Duration::from_millis(200),
            secrets_kept_for: Duration::from_mins(1),
            deliveries: 1,
            late_by: Duration::ZERO,
        }
    }
}
