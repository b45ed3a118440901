//! The command: what `cargo run` starts.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program talks to a person")]

use std::io::IsTerminal as _;

use anyhow::Context as _;
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::options::Options;
use crate::runtime::Runtime;

/// Request Chainguard images, approve them, and see them added: the whole system on one machine.
#[derive(clap::Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    options: Options,

    /// What is logged to standard error: `warn`, `info`, `debug`.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: String,
}

/// Starts the system as the command line says, and ends it at Ctrl-C or SIGTERM.
pub async fn run() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_new(format!(
        "{},aws_smithy_runtime=warn,aws_config=warn,hyper=warn,dynoxide=error,metric=off",
        arguments.log
    ))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let options = arguments.options;
    if !options.listen.ip().is_loopback() {
        eprintln!(
            "warning: {} can be reached from other machines, and /_local/tokens hands out tokens to anybody.",
            options.listen
        );
    }
    let runtime = Runtime::start(&options, |step| eprintln!("starting: {step} …")).await?;
    greet(&runtime, &options);
    let mut terminate = signal(SignalKind::terminate()).context("failed to listen for SIGTERM")?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.context("failed to listen for Ctrl-C")?,
        _ = terminate.recv() => {}
    }
    eprintln!("stopping: finishing what is under way …");
    runtime.stop().await;
    Ok(())
}

fn greet(runtime: &Runtime, options: &Options) {
    let base = runtime.base_url();
    let data = if options.ephemeral {
        "in a temporary folder, removed at the end".to_owned()
    } else {
        format!("in {}", runtime.data_dir().display())
    };
    let chainguard = match &options.chainguard_url {
        Some(_) => runtime.chainguard_url().to_owned(),
        None => format!("a stand-in at {}; docs/local.md says how to make it fail", runtime.chainguard_url()),
    };
    println!(
        "
cgr-request serves {base}
  data        {data}
  Chainguard  {chainguard}
  mail, chat  {base}/_local/outbox
  people      {base}/_local/tokens

Ask for an image as Jane, a developer; it is approved at once, for it is not for production:
  curl -s {base}/request -H \"authorization: Bearer $(curl -s {base}/_local/tokens/jane)\" -d '{{\"image\":\"python:latest-dev\",\"justification\":\"ML pipeline\",\"team\":\"data-engineering\",\"environment\":\"dev\"}}'
See how far it has come; soon it is `available`, with the line that pulls it:
  curl -s {base}/requests -H \"authorization: Bearer $(curl -s {base}/_local/tokens/jane)\"
Ask for one for production, which waits for Dana, a lead:
  curl -s {base}/request -H \"authorization: Bearer $(curl -s {base}/_local/tokens/jane)\" -d '{{\"image\":\"node\",\"justification\":\"web shop\",\"team\":\"data-engineering\"}}'

Ctrl-C stops it."
    );
}
