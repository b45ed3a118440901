//! Subscriptions to the organisation's events: made, listed and ended.

use std::fmt::Write as _;

use ::chainguard::{Chainguard, Subscription};
use domain::ports::{ChainguardError, ReadSecret};
use lambda::visible::Line;
use url::Url;

use super::Report;

/// Subscribes `sink`, unless it is subscribed.
pub(super) async fn subscribe<S: ReadSecret + Send + Sync>(
    client: &Chainguard<S>,
    sink: &Url,
    issuer: &str,
    dry_run: bool,
) -> Result<Report, ChainguardError> {
    let there = client.list_subscriptions().await?;
    let kept: Vec<&Subscription> = there.iter().filter(|subscription| subscription.goes_to(sink)).collect();
    Ok(match kept.as_slice() {
        [] if dry_run => Report::good(format!("Would subscribe {sink}. Nothing was done.")),
        [] => {
            let made = client.create_subscription(sink).await?;
            Report::good(format!("Subscribed {sink} as {}.\n{}", made.id, next_steps(&made.id, issuer)))
        }
        [kept] => Report::good(format!("{sink} is subscribed already, as {}. Nothing was done.", kept.id)),
        [first, others @ ..] => {
            let mut text = format!(
                "{sink} is subscribed already, {} times over: every event comes as often. Nothing was done.\n\
                 Keep {} and end the rest:",
                kept.len(),
                first.id
            );
            for other in others {
                // Writing to a string cannot fail.
                write!(text, "\n  cargo xtask chainguard unsubscribe {}", other.id).ok();
            }
            Report::good(text)
        }
    })
}

fn next_steps(id: &str, issuer: &str) -> String {
    format!(
        "Next:\n\
         - See that the stack's parameter ChainguardIssuerUrl is {issuer}, which signs every delivery.\n\
         - Ask for an image, or wait for an event of the organisation. If the log of chainguard-events has `refused a \
         delivery`, it says why.\n\
         - To end it: cargo xtask chainguard unsubscribe {id}"
    )
}

/// Lists what there is.
pub(super) async fn list<S: ReadSecret + Send + Sync>(client: &Chainguard<S>) -> Result<Report, ChainguardError> {
    let there = client.list_subscriptions().await?;
    if there.is_empty() {
        return Ok(Report::good("There are none. Subscribe with: cargo xtask chainguard subscribe --sink <https URL>"));
    }
    let lines: Vec<String> = there.iter().map(|one| line(one, &there)).collect();
    Ok(Report::good(lines.join("\n")))
}

/// One of `there`, with what is wrong with it.
fn line(subscription: &Subscription, there: &[Subscription]) -> String {
    let is_same = |other: &&Subscription| {
        other.sink == subscription.sink || subscription.sink.parse().is_ok_and(|sink| other.goes_to(&sink))
    };
    let note = match there.iter().filter(is_same).count() {
        0 | 1 => String::new(),
        several => format!("  (one of {several} to the same address: every event comes as often)"),
    };
    format!("{}  {}{note}", subscription.id, Line::new(&subscription.sink))
}

/// Ends the subscription `id`.
pub(super) async fn unsubscribe<S: ReadSecret + Send + Sync>(
    client: &Chainguard<S>,
    id: &str,
    dry_run: bool,
) -> Result<Report, ChainguardError> {
    let there = client.list_subscriptions().await?;
    let Some(subscription) = there.iter().find(|subscription| subscription.id == id) else {
        let text = format!(
            "The organisation has no subscription {}. Nothing was done; `cargo xtask chainguard subscriptions` lists what \
             there is.",
            Line::new(id)
        );
        return Ok(Report { text, is_good: false });
    };
    let what = format!("the subscription {id} of {}", Line::new(&subscription.sink));
    if dry_run {
        return Ok(Report::good(format!("Would end {what}. Nothing was done.")));
    }
    client.delete_subscription(id).await?;
    Ok(Report::good(format!(
        "Ended {what}.\nThe steward goes on looking for itself: images become available some minutes later than with events."
    )))
}
