//! Tells people of one event, through every channel once.
//!
//! A queue delivers an event at least once, and a failure brings all of it back. So each message is claimed before it
//! is sent and marked when it is: what one channel has got, another channel's failure does not send again.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use domain::envelope::Detail;
use domain::id::EventId;
use domain::ports::{ClaimNotification, Clock, NotificationClaim, PortError, ReadSecret, SendMail};
use lambda::batch::chain;

use crate::audience::{Occasion, Reader, recipients};
use crate::content::{Content, Installation};
use crate::mail::{MailError, mail};
use crate::post::{Post, PostError, Posting, deliver};
use crate::settings::{Settings, SettingsError};
use crate::{slack, webhook};

/// How long a claim keeps others from sending: longer than an invocation lives, shorter than the queue keeps a
/// failed message back.
const CLAIM_LEASE: Duration = Duration::from_secs(35);

/// What the function acts on.
#[derive(Debug)]
pub struct Ports<'a, C, M, S, K, P> {
    /// Who has been told.
    pub claims: &'a C,
    /// Mail.
    pub mailer: &'a M,
    /// The settings.
    pub secrets: &'a S,
    /// The present.
    pub clock: &'a K,
    /// HTTP.
    pub http: &'a P,
}

/// Why a message did not go out.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// Somebody has claimed it and not finished. They may have died over it, so it has to come again.
    #[error("it is being sent by somebody else")]
    Busy,
    /// It could not be claimed.
    #[error("failed to claim the message")]
    Claim(#[source] PortError),
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] MailError),
    /// Mail did not take it.
    #[error(transparent)]
    Mail(PortError),
    /// The secret could not be read.
    #[error(transparent)]
    Secret(PortError),
    /// The secret cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The receiver did not take it.
    #[error(transparent)]
    Post(#[from] PostError),
}

impl ChannelError {
    /// Whether the same message may go out later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Write(_) | Self::Settings(_) => false,
            Self::Claim(error) | Self::Mail(error) | Self::Secret(error) => error.retryable,
            Self::Post(error) => error.is_retryable(),
        }
    }
}

/// Not every channel got its message.
#[derive(Debug)]
pub struct NotifyError {
    /// The channels that did not, and why. At least one.
    pub failures: Vec<(&'static str, ChannelError)>,
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to notify")?;
        self.failures.iter().try_for_each(|(channel, error)| write!(f, "; {channel}: {}", chain(error)))
    }
}

impl std::error::Error for NotifyError {}

/// The message channels; the names are part of stored keys. Mail has one a reader, since each is a mail of its own.
const fn mail_channel(reader: Reader) -> &'static str {
    match reader {
        Reader::Requester => "mail-requester",
        Reader::Approvers => "mail-approvers",
        Reader::Administrators => "mail-administrators",
        Reader::Everybody => "mail-everybody",
    }
}
const SLACK: &str = "slack";
const WEBHOOK: &str = "webhook";
/// No channel, but what two of them need.
const SETTINGS: &str = "settings";

/// Tells whoever should know of `detail`: people by mail and Slack, programs by webhook. The webhook gets every event
/// that comes here; people get those that mean something to them.
pub async fn notify<C, M, S, K, P>(
    ports: Ports<'_, C, M, S, K, P>,
    installation: &Installation,
    detail: &Detail,
) -> Result<(), NotifyError>
where
    C: ClaimNotification,
    M: SendMail,
    S: ReadSecret,
    K: Clock,
    P: Post,
{
    let desk = Desk { claims: ports.claims, clock: ports.clock, event: detail.metadata.id };
    let occasion = Occasion::of(detail.data.event_type, detail.data.approval_tier);
    let (mails, postings) = tokio::join!(
        send_mails(&desk, ports.mailer, installation, detail, occasion),
        send_postings(&desk, ports.secrets, ports.http, installation, detail, occasion),
    );
    let failures: Vec<_> = mails.into_iter().chain(postings).collect();
    for (channel, error) in failures.iter().filter(|(_, error)| !error.is_retryable()) {
        tracing::error!(
            function = "notifier",
            event.id = %detail.metadata.id,
            request_id = %detail.data.request_id,
            channel,
            error = %chain(error),
            "failed to notify through {channel}, and trying again will not help"
        );
    }
    if failures.is_empty() { Ok(()) } else { Err(NotifyError { failures }) }
}

type Failures = Vec<(&'static str, ChannelError)>;

async fn send_mails<C: ClaimNotification, K: Clock>(
    desk: &Desk<'_, C, K>,
    mailer: &impl SendMail,
    installation: &Installation,
    detail: &Detail,
    occasion: Option<Occasion>,
) -> Failures {
    let mut failures = Vec::new();
    let Some(occasion) = occasion else {
        return failures;
    };
    for to in recipients(occasion, &detail.data, &installation.policy) {
        let channel = mail_channel(to.reader);
        let sent = desk
            .once(channel, async {
                let content = Content::new(occasion, to.reader, &detail.data, installation);
                let mail = mail(&content, &detail.data, to.addresses)?;
                mailer.send_mail(&mail).await.map_err(ChannelError::Mail)
            })
            .await;
        failures.extend(sent.err().map(|error| (channel, error)));
    }
    failures
}

async fn send_postings<C: ClaimNotification, K: Clock>(
    desk: &Desk<'_, C, K>,
    secrets: &impl ReadSecret,
    http: &impl Post,
    installation: &Installation,
    detail: &Detail,
    occasion: Option<Occasion>,
) -> Failures {
    let settings = match secrets.read_secret(&installation.secret_id).await {
        Ok(text) => Settings::from_json(&text).map_err(ChannelError::Settings),
        Err(error) => Err(ChannelError::Secret(error)),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => return vec![(SETTINGS, error)],
    };
    let to_slack = settings.slack.zip(occasion).map(|(slack, occasion)| {
        let content = Content::new(occasion, Reader::Everybody, &detail.data, installation);
        slack::posting(&slack, &content, detail.metadata.id)
    });
    let to_webhook = settings.webhook.map(|webhook| webhook::posting(&webhook, detail, desk.clock.now()));
    let (slack, webhook) =
        tokio::join!(send_posting(desk, SLACK, http, to_slack), send_posting(desk, WEBHOOK, http, to_webhook));
    [(SLACK, slack), (WEBHOOK, webhook)]
        .into_iter()
        .filter_map(|(channel, sent)| Some((channel, sent.err()?)))
        .collect()
}

async fn send_posting<C: ClaimNotification, K: Clock>(
    desk: &Desk<'_, C, K>,
    channel: &'static str,
    http: &impl Post,
    posting: Option<Posting>,
) -> Result<(), ChannelError> {
    match posting {
        Some(posting) => desk.once(channel, async { Ok(deliver(http, &posting).await?) }).await,
        None => Ok(()),
    }
}

/// Sees to it that an event's messages go out once each.
struct Desk<'a, C, K> {
    claims: &'a C,
    clock: &'a K,
    event: EventId,
}

impl<C: ClaimNotification, K: Clock> Desk<'_, C, K> {
    /// Runs `send`, unless the message has gone out.
    async fn once(
        &self,
        channel: &'static str,
        send: impl Future<Output = Result<(), ChannelError>>,
    ) -> Result<(), ChannelError> {
        let now = self.clock.now();
        let claim = self.claims.claim_notification(self.event, channel, now, now.plus(CLAIM_LEASE)).await;
        match claim.map_err(ChannelError::Claim)? {
            NotificationClaim::Send => {}
            NotificationClaim::Sent => return Ok(()),
            NotificationClaim::Busy => return Err(ChannelError::Busy),
        }
        if let Err(error) = send.await {
            if let Err(error) = self.claims.release_notification(self.event, channel, self.clock.now()).await {
                tracing::warn!(
                    function = "notifier",
                    event.id = %self.event,
                    channel,
                    error = %chain(&error),
                    "failed to give the claim back: the next attempt has to wait for it to lapse"
                );
            }
            return Err(error);
        }
        tracing::info!(function = "notifier", event.id = %self.event, request_id = %self.event.request, channel, "notified");
        // It is out. Failing now would bring the event back and, once the claim has lapsed, send it a second time.
        if let Err(error) = self.claims.finish_notification(self.event, channel, self.clock.now()).await {
            tracing::warn!(
                function = "notifier",
                event.id = %self.event,
                channel,
                error = %chain(&error),
                "failed to remember that the message was sent: another delivery of the event sends it again"
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
