//! Tells people of one event, through every channel once.
//!
//! A queue delivers an event at least once, and a failure brings all of it back. So each message is claimed before it
//! is sent and marked when it is: what one channel has got, another channel's failure does not send again.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use domain::envelope::Detail;
use domain::id::EventId;
use domain::link::KeyRing;
use domain::policy::ApprovalTier;
use domain::ports::{ClaimNotification, Clock, LoadRequest, NotificationClaim, PortError, ReadSecret, SendMail};
use domain::request::Request;
use domain::time::Timestamp;
use futures_util::{StreamExt as _, stream};
use lambda::batch::chain;
use lambda::links::key_ring;

use crate::audience::{Audience, Occasion, Reader, Recipients, audience};
use crate::content::{Content, Installation, Way};
use crate::invitation::Invitation;
use crate::mail::{MailError, mail};
use crate::post::{Post, PostError, Posting, deliver};
use crate::settings::{Settings, SettingsError};
use crate::situation::Situation;
use crate::{slack, webhook};

/// How long a claim keeps others from sending: longer than an invocation lives, shorter than the queue keeps a
/// failed message back.
const CLAIM_LEASE: Duration = Duration::from_secs(35);

/// How many mails of one event are being sent at the same time.
const MAILS_AT_ONCE: usize = 4;

/// How many failures an error lists.
const MAX_LISTED_FAILURES: usize = 5;

/// What the function acts on.
#[derive(Debug)]
pub struct Ports<'a, C, R, M, S, K, P> {
    /// Who has been told.
    pub claims: &'a C,
    /// The requests.
    pub requests: &'a R,
    /// Mail.
    pub mailer: &'a M,
    /// The settings, and the keys of signed links.
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
    /// The request could not be read.
    #[error(transparent)]
    Load(PortError),
    /// The event is of a request that is not stored.
    #[error("there is no such request")]
    NoRequest,
    /// Their own link is missing from a mail that should have it.
    #[error("no link can be made for the request")]
    NoLink,
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
            Self::NoRequest | Self::NoLink | Self::Write(_) | Self::Settings(_) => false,
            Self::Claim(error) | Self::Load(error) | Self::Mail(error) | Self::Secret(error) => error.retryable,
            Self::Post(error) => error.is_retryable(),
        }
    }
}

/// Not every channel got its message.
#[derive(Debug)]
pub struct NotifyError {
    /// The channels that did not, and why. At least one.
    pub failures: Vec<(String, ChannelError)>,
}

impl fmt::Display for NotifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to notify")?;
        let listed = self.failures.iter().take(MAX_LISTED_FAILURES);
        listed.into_iter().try_for_each(|(channel, error)| write!(f, "; {channel}: {}", chain(error)))?;
        match self.failures.len().saturating_sub(MAX_LISTED_FAILURES) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

impl std::error::Error for NotifyError {}

/// The message channels besides mail, which has one a mail; the names are part of stored keys.
const SLACK: &str = "slack";
const WEBHOOK: &str = "webhook";
/// No channels, but what several of them need.
const SETTINGS: &str = "settings";
const REQUEST: &str = "request";
const LINK_KEYS: &str = "link-keys";

/// Tells whoever should know of `detail`: people by mail and Slack, programs by webhook. The webhook gets every event
/// that comes here; people get those that mean something to them and are not superseded by what has happened since.
///
/// Signed links are in mails to one person and nowhere else. Without the keys those mails fail and come again; they
/// never go out without their link.
pub async fn notify<C, R, M, S, K, P>(
    ports: Ports<'_, C, R, M, S, K, P>,
    installation: &Installation,
    detail: &Detail,
) -> Result<(), NotifyError>
where
    C: ClaimNotification,
    R: LoadRequest,
    M: SendMail,
    S: ReadSecret,
    K: Clock,
    P: Post,
{
    let desk = Desk { claims: ports.claims, clock: ports.clock, event: detail.metadata.id };
    let mut failures = Failures::new();
    let (matters, settings) =
        tokio::join!(what_matters(ports.requests, detail), read_settings(ports.secrets, &installation.secret_id));
    let matters = matters.unwrap_or_else(|error| {
        failures.push((REQUEST.to_owned(), error));
        None
    });
    let settings = settings.map_err(|error| failures.push((SETTINGS.to_owned(), error))).ok();
    let situation = matters.as_ref().map(|(occasion, request)| Situation {
        occasion: *occasion,
        record: &detail.data,
        request: request.as_ref(),
        policy: &installation.policy,
    });
    let situation = situation.filter(|situation| is_to_be_told(situation, &desk));
    let (mails, postings) = tokio::join!(
        send_mails(&desk, ports.mailer, ports.secrets, installation, situation.as_ref()),
        send_postings(&desk, ports.http, installation, detail, settings, situation.as_ref()),
    );
    failures.extend(mails);
    failures.extend(postings);
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

type Failures = Vec<(String, ChannelError)>;

/// What the event means to people, and its request where they decide; `None` for what people need not know.
async fn what_matters(
    requests: &impl LoadRequest,
    detail: &Detail,
) -> Result<Option<(Occasion, Option<Request>)>, ChannelError> {
    let record = &detail.data;
    let Some(occasion) = Occasion::of(record.event_type, record.approval_tier) else {
        return Ok(None);
    };
    match record.approval_tier {
        // Nobody is asked and nothing is late: the record says all.
        ApprovalTier::AutoApprove => Ok(Some((occasion, None))),
        ApprovalTier::ManagerApproval | ApprovalTier::SecurityReview => {
            let stored = requests.load_request(record.request_id).await.map_err(ChannelError::Load)?;
            let stored = stored.ok_or(ChannelError::NoRequest)?;
            Ok(Some((occasion, Some(stored.request))))
        }
    }
}

async fn read_settings(secrets: &impl ReadSecret, id: &str) -> Result<Settings, ChannelError> {
    let text = secrets.read_secret(id).await.map_err(ChannelError::Secret)?;
    Ok(Settings::from_json(&text)?)
}

fn is_to_be_told<C, K: Clock>(situation: &Situation<'_>, desk: &Desk<'_, C, K>) -> bool {
    let Some(superseded) = situation.superseded(desk.clock.now()) else {
        return true;
    };
    tracing::info!(
        function = "notifier",
        event.id = %desk.event,
        request_id = %desk.event.request,
        reason = %superseded,
        "people are not told: {superseded}"
    );
    false
}

async fn send_mails<C: ClaimNotification, K: Clock>(
    desk: &Desk<'_, C, K>,
    mailer: &impl SendMail,
    secrets: &impl ReadSecret,
    installation: &Installation,
    situation: Option<&Situation<'_>>,
) -> Failures {
    let mut failures = Failures::new();
    let Some(situation) = situation else {
        return failures;
    };
    let mut audience = audience(situation);
    warn_of_untold(desk, situation, &audience);
    let asks = situation.occasion.asks_for_decision();
    let holders = if asks { audience.holders() } else { Vec::new() };
    let mut keys = None;
    if !holders.is_empty() {
        match key_ring(secrets, &installation.link_keys_secret_id).await {
            Ok(ring) => keys = Some(ring),
            Err(error) => {
                failures.push((LINK_KEYS.to_owned(), ChannelError::Secret(error)));
                audience.mails.retain(|mail| mail.reader != Reader::Approver);
            }
        }
    }
    let since = situation.links_count_from(desk.clock.now());
    let letters = Letters { situation, installation, holders: &holders, keys: keys.as_ref(), since };
    let sendings: Vec<_> = audience.mails.iter().map(|to| letters.send_once(desk, mailer, to)).collect();
    let sent: Vec<_> = stream::iter(sendings).buffer_unordered(MAILS_AT_ONCE).collect().await;
    failures.extend(sent.into_iter().filter_map(Result::err));
    failures
}

fn warn_of_untold<C, K>(desk: &Desk<'_, C, K>, situation: &Situation<'_>, audience: &Audience) {
    let (event, request) = (desk.event, desk.event.request);
    if audience.sharing > 0 {
        tracing::warn!(
            function = "notifier",
            event.id = %event,
            request_id = %request,
            sharing = audience.sharing,
            untold = audience.untold,
            "more people are to be told than get a mail of their own: {} share mails without a link, {} get none",
            audience.sharing,
            audience.untold
        );
    }
    let is_asked = |mail: &Recipients| matches!(mail.reader, Reader::Approver | Reader::Mailbox);
    if situation.occasion.asks_for_decision() && !audience.mails.iter().any(is_asked) {
        tracing::warn!(
            function = "notifier",
            event.id = %event,
            request_id = %request,
            "nobody can be asked by mail to decide: the policy names no address but the requester's"
        );
    }
}

/// What all mails about an event are written from.
#[derive(Clone, Copy)]
struct Letters<'a> {
    situation: &'a Situation<'a>,
    installation: &'a Installation,
    holders: &'a [String],
    keys: Option<&'a KeyRing>,
    /// From when the lifetime of the links counts.
    since: Timestamp,
}

impl Letters<'_> {
    async fn send_once<C: ClaimNotification, K: Clock>(
        self,
        desk: &Desk<'_, C, K>,
        mailer: &impl SendMail,
        to: &Recipients,
    ) -> Result<(), (String, ChannelError)> {
        desk.once(&to.channel, self.send(mailer, to)).await.map_err(|error| (to.channel.clone(), error))
    }

    async fn send(self, mailer: &impl SendMail, to: &Recipients) -> Result<(), ChannelError> {
        let asks = self.situation.occasion.asks_for_decision();
        let invitation = match to.reader {
            Reader::Approver if asks => Some(self.invitation(to).ok_or(ChannelError::NoLink)?),
            Reader::Requester | Reader::Approver | Reader::Mailbox | Reader::Administrators | Reader::Everybody => None,
        };
        let way = match (&invitation, to.reader) {
            (Some(invitation), _) => Way::Page(invitation),
            (None, Reader::Mailbox) if asks => Way::NoLink { holders: self.holders },
            (None, _) => Way::Request,
        };
        let content = Content::new(self.situation, to.reader, way, self.installation);
        let mail = mail(&content, self.situation.record, to.addresses.clone())?;
        mailer.send_mail(&mail).await.map_err(ChannelError::Mail)
    }

    /// The link of the one person who gets the mail.
    fn invitation(self, to: &Recipients) -> Option<Invitation> {
        let [address] = to.addresses.as_slice() else {
            return None;
        };
        Invitation::new(self.situation.request?, address, self.since, self.keys?, &self.installation.public_url)
    }
}

async fn send_postings<C: ClaimNotification, K: Clock>(
    desk: &Desk<'_, C, K>,
    http: &impl Post,
    installation: &Installation,
    detail: &Detail,
    settings: Option<Settings>,
    situation: Option<&Situation<'_>>,
) -> Failures {
    let Some(settings) = settings else {
        return Failures::new();
    };
    let to_slack = settings.slack.zip(situation).map(|(slack, situation)| {
        let content = Content::new(situation, Reader::Everybody, Way::Request, installation);
        slack::posting(&slack, &content, detail.metadata.id)
    });
    let to_webhook = settings.webhook.map(|webhook| webhook::posting(&webhook, detail, desk.clock.now()));
    let (slack, webhook) =
        tokio::join!(send_posting(desk, SLACK, http, to_slack), send_posting(desk, WEBHOOK, http, to_webhook));
    [(SLACK, slack), (WEBHOOK, webhook)]
        .into_iter()
        .filter_map(|(channel, sent)| Some((channel.to_owned(), sent.err()?)))
        .collect()
}

async fn send_posting<C: ClaimNotification, K: Clock>(
    desk: &Desk<'_, C, K>,
    channel: &str,
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
        channel: &str,
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
