//! `cargo xtask policy`: whether a policy file can be used, and what it makes of a request.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use domain::catalog::CatalogTier;
use domain::environment::Environment;
use domain::image::ImageReference;
use domain::person::{Person, Principal};
use domain::policy::{Explanation, Policy, PolicyError, Subject};
use domain::ports::Clock as _;
use domain::text::TeamName;
use domain::time::Timestamp;
use lambda::clock::SystemClock;

/// The policy that is compiled in, from the repository's top level.
const DEFAULT: &str = "infra/policy.yaml";
/// Stands in full references for the organisation, of which the policy knows nothing.
const ORGANIZATION: &str = "acme";

/// What to do with a policy.
#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Says whether a policy file can be used: every problem with its line and what to do, and exit code 1
    Validate {
        /// The policy file; infra/policy.yaml unless given
        file: Option<PathBuf>,
    },
    /// Says which rule decides a request, why, and who may approve it
    Explain(Request),
}

/// A request as somebody might make it.
#[derive(Args, Debug)]
pub(crate) struct Request {
    /// The image: python, python:latest-dev, base-image/wolfi-base
    #[arg(long)]
    image: String,
    /// The team it is for
    #[arg(long, value_parser = |text: &str| TeamName::new(text))]
    team: TeamName,
    /// Where it is to run: dev, staging or production
    #[arg(long, default_value = "production", value_parser = environment)]
    environment: Environment,
    /// Who asks, by e-mail address: they are left out of those who may approve
    #[arg(long)]
    requester: Option<String>,
    /// The tier in which the catalog lists the image: APPLICATION, BASE, FIPS, AI, DEVTOOLS or COMMERCIAL
    #[arg(long, default_value = "UNKNOWN", value_parser = catalog_tier)]
    catalog_tier: CatalogTier,
    /// The policy file; infra/policy.yaml unless given
    #[arg(long)]
    policy: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(task: &Task) -> anyhow::Result<ExitCode> {
    let path = match task {
        Task::Validate { file } => file,
        Task::Explain(request) => &request.policy,
    };
    let file = File::read(path.as_deref())?;
    let policy = match file.policy() {
        Ok(policy) => policy,
        Err(problems) => {
            eprint!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    match task {
        Task::Validate { .. } => println!("{}: policy {} can be used", file.name, policy.version),
        Task::Explain(request) => {
            let explanation = explain(&policy, request, SystemClock.now())?;
            if request.json {
                println!("{}", serde_json::to_string_pretty(&explanation)?);
            } else {
                println!("{explanation}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn explain(policy: &Policy, request: &Request, now: Timestamp) -> anyhow::Result<Explanation> {
    let image = ImageReference::parse(&request.image, &ORGANIZATION.parse()?)?;
    let subject = Subject {
        image: &image,
        catalog_tier: request.catalog_tier,
        team: &request.team,
        environment: request.environment,
    };
    let requester: Option<Person> = request.requester.as_deref().map(|email| Principal::by_address(email).person);
    Ok(policy.explain(subject, requester.as_ref(), now))
}

/// A policy file and what it is called in front of its problems.
#[derive(Debug)]
struct File {
    name: String,
    text: String,
}

impl File {
    fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let (path, name) = if let Some(path) = path {
            (path.to_owned(), path.display().to_string())
        } else {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no folder above it")?;
            (root.join(DEFAULT), DEFAULT.to_owned())
        };
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("failed to read the policy {}", path.display()))?;
        Ok(Self { name, text })
    }

    fn policy(&self) -> Result<Policy, Problems<'_>> {
        Policy::from_yaml(&self.text).map_err(|error| Problems { file: &self.name, error })
    }
}

/// Problems as compilers write them: editors jump to `FILE:line`.
#[derive(Debug)]
struct Problems<'a> {
    file: &'a str,
    error: PolicyError,
}

impl fmt::Display for Problems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.error.problems {
            writeln!(f, "{}:{}: {}", self.file, problem.line, problem.message())?;
        }
        match self.error.left_out {
            0 => Ok(()),
            more => writeln!(f, "{}: and {more} more problems", self.file),
        }
    }
}

fn environment(text: &str) -> Result<Environment, String> {
    let all = [Environment::Dev, Environment::Staging, Environment::Production];
    all.into_iter().find(|one| one.as_str() == text).ok_or_else(|| "dev, staging or production".to_owned())
}

fn catalog_tier(text: &str) -> Result<CatalogTier, String> {
    let all = [
        CatalogTier::Application,
        CatalogTier::Base,
        CatalogTier::Fips,
        CatalogTier::Ai,
        CatalogTier::Devtools,
        CatalogTier::Commercial,
        CatalogTier::Unknown,
    ];
    let found = all.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "APPLICATION, BASE, FIPS, AI, DEVTOOLS or COMMERCIAL".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[command(subcommand)]
        task: Task,
    }

    fn parse(arguments: &[&str]) -> Result<Task, clap::Error> {
        Arguments::try_parse_from([&["policy"], arguments].concat()).map(|arguments| arguments.task)
    }

    #[test]
    fn the_default_policy_is_explained() {
        let task = parse(&["explain", "--image", "base-image/wolfi-base", "--team", "data-engineering"]).unwrap();
        let Task::Explain(request) = task else { panic!("{task:?}") };
        let file = File::read(request.policy.as_deref()).unwrap();
        let explanation = explain(&file.policy().unwrap(), &request, Timestamp::UNIX_EPOCH).unwrap();
        let text = explanation.to_string();
        assert!(text.starts_with("base-image/wolfi-base:latest for data-engineering in production"), "{text}");
        assert!(text.contains("security-review"), "{text}");
    }

    #[test]
    fn problems_stand_behind_file_and_line() {
        let file = File { name: "my.yaml".to_owned(), text: "version: \"1\"\nrule: []\n".to_owned() };
        let problems = file.policy().unwrap_err().to_string();
        assert!(problems.lines().all(|line| line.starts_with("my.yaml:")), "{problems}");
        assert!(problems.contains("my.yaml:2: the file: there is no field `rule`; write `rules`\n"), "{problems}");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let explain = |more: &[&str]| parse(&[&["explain", "--image", "python", "--team", "a"], more].concat());
        assert!(explain(&["--catalog-tier", "fips", "--environment", "dev", "--json"]).is_ok());
        assert!(explain(&["--catalog-tier", "QUANTUM"]).is_err());
        assert!(explain(&["--environment", "prod"]).is_err());
        assert!(parse(&["explain", "--image", "python", "--team", "A B"]).is_err());
    }
}
