//! Signed links: the page about a request, and its form.
//!
//! Whoever holds a link needs no token. `GET` and `HEAD` show and never change anything, because programs that check
//! mail open every link; only the form's `POST` decides, and everything is judged anew at that moment.

use std::time::Duration;

use domain::execute::ExecuteError;
use domain::lifecycle::{Context, Rejection, Voice};
use domain::link::{Link, LinkError};
use domain::listing::Page;
use domain::person::Principal;
use domain::ports::{Clock, CommitError, CommitRequest, ListRequests, LoadCatalog, LoadRequest, PortError, ReadSecret};
use domain::request::{Channel, Request, Status};
use domain::text::TextError;
use domain::time::Timestamp;
use http::Method;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use lambda::batch::chain;
use lambda::catalog::CatalogCache;
use lambda::http::{Answer, Call};
use lambda::links::{self, VerifyError};
use lambda::settings::Settings;

use crate::decision;
use crate::evidence::{self, Evidence};
use crate::form::{Form, FormError};
use crate::page::{self, Draft, Material, Notice, RequestPage, Wrong};
use crate::situation::{Reason, Situation, Stage};

/// The path of every link.
pub(crate) const PATH: &str = "/approval/{id}";

/// What pages do not refuse.
const METHODS: &str = "GET, HEAD, POST";

/// How long anybody waits for a page. Below the 15 s after which Lambda ends the call, and the answer is no page.
const PATIENCE: Duration = Duration::from_secs(12);

/// Seconds after which somebody may try again when something behind us does not answer.
const RETRY_AFTER_SECONDS: &str = "5";

/// What a link carries behind its path, for the API's description: [`links::verify`] is what reads it.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes and is never made")]
struct Parameters {
    /// For whom the link is.
    approver: String,
    /// What was asked when the link was made.
    digest: String,
    /// Until when it can be used, in seconds since 1970.
    expires: i64,
    /// Which key it is signed with.
    key: String,
    /// HMAC-SHA256 over path and the other parameters.
    signature: String,
}

/// What links are read and followed with.
#[derive(Debug)]
pub struct Ports<'a, S, K, C> {
    /// Requests and the catalog.
    pub store: &'a S,
    /// Where the keys are.
    pub secrets: &'a K,
    /// Which secret holds them.
    pub keys_id: &'a str,
    /// The present.
    pub clock: &'a C,
    /// The catalog in memory.
    pub catalog: &'a CatalogCache,
    /// What the installation adds.
    pub settings: &'a Settings,
}

/// Answers whatever comes to the path of a link, always with a page.
pub(crate) async fn follow<S, K, C>(ports: &Ports<'_, S, K, C>, call: &Call) -> Answer
where
    S: LoadRequest + CommitRequest + LoadCatalog + ListRequests + Sync,
    K: ReadSecret + Sync,
    C: Clock + Sync,
{
    let answer = async {
        match *call.method() {
            Method::GET => show(ports, call).await,
            Method::HEAD => probe(ports, call).await,
            Method::POST => decide(ports, call).await,
            _ => notice(&Notice::wrong_method()).with_header(ALLOW, METHODS),
        }
    };
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| {
        tracing::error!(function = "approval", "failed to answer with a page in time");
        match *call.method() {
            Method::POST => notice(&Notice::not_certain(call.raw_query(), call.instance())),
            Method::HEAD => notice(&Notice::try_again(call.instance())).without_body(),
            _ => notice(&Notice::try_again(call.instance())),
        }
    })
}

/// Shows the request that a signed link leads to, with a form if its approver may decide it so. Changes nothing.
#[utoipa::path(
    get,
    path = "/approval/{id}",
    tag = "links",
    operation_id = "showApproval",
    params(("id" = String, Path, description = "The request's id."), Parameters),
    responses(
        (status = 200, description = "How the request stands, and what its approver can do.", body = String, content_type = "text/html"),
        (status = 403, description = "The link is not valid, or its approver may not decide.", body = String, content_type = "text/html"),
        (status = 404, description = "The link is valid, and the request is not there.", body = String, content_type = "text/html"),
        (status = 410, description = "The link has expired, or the request was sent round again since.", body = String, content_type = "text/html"),
        (status = 503, description = "Something behind this does not answer.", body = String, content_type = "text/html"),
    ),
)]
pub async fn show<S, K, C>(ports: &Ports<'_, S, K, C>, call: &Call) -> Answer
where
    S: LoadRequest + LoadCatalog + ListRequests + Sync,
    K: ReadSecret + Sync,
    C: Clock + Sync,
{
    let now = ports.clock.now();
    match open(ports, call, now).await {
        Ok(link) => display(ports, call, &link, now, None).await,
        Err(refused) => notice(&refused),
    }
}

/// What a signed link would show, without showing it.
#[utoipa::path(
    head,
    path = "/approval/{id}",
    tag = "links",
    operation_id = "probeApproval",
    params(("id" = String, Path, description = "The request's id.")),
    responses(
        (status = 200, description = "How the request stands can be shown."),
        (status = 403, description = "The link is not valid, or its approver may not decide."),
        (status = 404, description = "The link is valid, and the request is not there."),
        (status = 410, description = "The link has expired, or the request was sent round again since."),
        (status = 503, description = "Something behind this does not answer."),
    ),
)]
pub async fn probe<S, K, C>(ports: &Ports<'_, S, K, C>, call: &Call) -> Answer
where
    S: LoadRequest + LoadCatalog + ListRequests + Sync,
    K: ReadSecret + Sync,
    C: Clock + Sync,
{
    show(ports, call).await.without_body()
}

/// Decides the request that a signed link leads to, and leads back to its page.
#[utoipa::path(
    post,
    path = "/approval/{id}",
    tag = "links",
    operation_id = "decideApproval",
    params(("id" = String, Path, description = "The request's id."), Parameters),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "`decision`, `approve` or `reject`, and `comment`, which a rejection needs."),
    responses(
        (status = 303, description = "Decided. `Location` is the page that says so."),
        (status = 400, description = "What was sent is not the page's form.", body = String, content_type = "text/html"),
        (status = 403, description = "The link is not valid, its approver may not decide, or not by link.", body = String, content_type = "text/html"),
        (status = 404, description = "The link is valid, and the request is not there.", body = String, content_type = "text/html"),
        (status = 409, description = "It has been decided, or its approver has said yes before.", body = String, content_type = "text/html"),
        (status = 410, description = "The link has expired, or the request was sent round again since.", body = String, content_type = "text/html"),
        (status = 413, description = "The body is larger than 16 KiB.", body = String, content_type = "text/html"),
        (status = 415, description = "What was sent is no form.", body = String, content_type = "text/html"),
        (status = 422, description = "The reason is missing, or the comment too long.", body = String, content_type = "text/html"),
        (status = 503, description = "Something behind this does not answer; the page says whether anything was decided.", body = String, content_type = "text/html"),
    )
)]
pub async fn decide<S, K, C>(ports: &Ports<'_, S, K, C>, call: &Call) -> Answer
where
    S: LoadRequest + CommitRequest + LoadCatalog + ListRequests + Sync,
    K: ReadSecret + Sync,
    C: Clock + Sync,
{
    let now = ports.clock.now();
    let link = match open(ports, call, now).await {
        Ok(link) => link,
        Err(refused) => return notice(&refused),
    };
    let form = match read_form(call) {
        Ok(form) => form,
        Err(refused) => return notice(&refused),
    };
    let wrong = |wrong| Draft { typed: &form.typed, wrong };
    let comment = match form.comment() {
        Ok(comment) => comment,
        Err(TextError::TooLong(most)) => {
            return display(ports, call, &link, now, Some(wrong(Wrong::TooLong(most)))).await;
        }
        Err(TextError::Empty) => None,
    };
    let by = Principal::by_address(&link.approver);
    let voice = Voice { by, comment, channel: Channel::Link, seen: Some(link.digest) };
    let policy = &ports.settings.policy;
    match decision::decide(ports.store, ports.clock, policy, link.request, form.answer, voice).await {
        Ok(_) => back_to_page(call, &link),
        Err(ExecuteError::Rejected(Rejection::ReasonMissing)) => {
            display(ports, call, &link, now, Some(wrong(Wrong::ReasonMissing))).await
        }
        Err(ExecuteError::Rejected(rejection)) => {
            display(ports, call, &link, now, Some(wrong(Wrong::Refused(rejection)))).await
        }
        Err(ExecuteError::Commit(CommitError::Port(error))) => {
            log(&error);
            notice(&Notice::not_certain(call.raw_query(), call.instance()))
        }
        Err(ExecuteError::Commit(
            CommitError::VersionConflict
            | CommitError::NameTaken { .. }
            | CommitError::KeyUsed { .. }
            | CommitError::QuotaExceeded
            | CommitError::PlaceTaken,
        )) => notice(&Notice::conflict(call.instance())),
        Err(ExecuteError::Port(error)) => {
            log(&error);
            notice(&Notice::try_again(call.instance()))
        }
    }
}

/// The link, if it is one of ours and can be used. Until its signature holds, nothing about the request is read.
async fn open<S, K, C>(ports: &Ports<'_, S, K, C>, call: &Call, now: Timestamp) -> Result<Link, Box<Notice>>
where
    S: LoadRequest + Sync,
    K: ReadSecret + Sync,
    C: Sync,
{
    let refused = |error: LinkError| {
        // Says nothing of the link itself.
        let reason = match error {
            LinkError::Malformed => "malformed",
            LinkError::UnknownKey => "unknown key",
            LinkError::Forged => "forged",
            LinkError::Expired(_) => "expired",
        };
        tracing::info!(function = "approval", reason, "a link cannot be used");
        match error {
            LinkError::Malformed | LinkError::UnknownKey | LinkError::Forged => Box::new(Notice::not_a_link()),
            LinkError::Expired(link) => Box::new(Notice::expired(link.expires, now)),
        }
    };
    let id = call.request_id().map_err(|_| refused(LinkError::Malformed))?;
    let try_again = |error: PortError| {
        log(&error);
        Box::new(Notice::try_again(call.instance()))
    };
    match links::verify(ports.secrets, ports.keys_id, id, call.raw_query(), now).await {
        Ok(link) => Ok(link),
        // It is ours, and there is nothing left to decide: it goes on telling how it was decided.
        Err(VerifyError::Link(LinkError::Expired(link))) => {
            let stored = ports.store.load_request(link.request).await.map_err(try_again)?;
            let is_over = stored.is_some_and(|stored| stored.request.status() != Status::Pending);
            if is_over { Ok(link) } else { Err(refused(LinkError::Expired(link))) }
        }
        Err(VerifyError::Link(error)) => Err(refused(error)),
        Err(VerifyError::Keys(error)) => Err(try_again(error)),
    }
}

fn read_form(call: &Call) -> Result<Form, Box<Notice>> {
    let back = call.raw_query();
    let body = call.body().map_err(|error| {
        Box::new(match error.0.status {
            413 => Notice::too_large(back),
            _ => Notice::not_a_form(FormError::Unreadable, back),
        })
    })?;
    let form = Form::read(call.header(CONTENT_TYPE.as_str()), &body);
    form.map_err(|error| Box::new(Notice::not_a_form(error, back)))
}

/// The page, as things stand at this moment; with what was sent, if that was not taken.
async fn display<S, K, C>(
    ports: &Ports<'_, S, K, C>,
    call: &Call,
    link: &Link,
    now: Timestamp,
    draft: Option<Draft<'_>>,
) -> Answer
where
    S: LoadRequest + LoadCatalog + ListRequests + Sync,
    K: Sync,
    C: Sync,
{
    let reading = async {
        let stored = ports.store.load_request(link.request).await?;
        let Some(stored) = stored else { return Ok(None) };
        let requests = match stored.request.status() {
            Status::Pending => evidence::requests(ports.store, &stored.request.submission).await,
            Status::Approved
            | Status::Provisioning
            | Status::Provisioned
            | Status::Available
            | Status::Rejected
            | Status::Cancelled
            | Status::Expired
            | Status::Failed => None,
        };
        Ok::<_, PortError>(Some((stored.request, requests)))
    };
    let (read, catalog) = tokio::join!(reading, evidence::catalog(ports.store, ports.catalog, now));
    let (request, requests): (Request, Option<Page>) = match read {
        Ok(Some(read)) => read,
        Ok(None) => return notice(&Notice::no_request()),
        Err(error) => {
            log(&error);
            return notice(&Notice::try_again(call.instance()));
        }
    };
    let context = Context { now, policy: &ports.settings.policy };
    let stage = match Situation::of(&request, link, &context) {
        Situation::Shown(stage) => stage,
        Situation::Withheld(Reason::Superseded) => return notice(&Notice::superseded()),
        Situation::Withheld(Reason::Own) => return notice(&Notice::own_request()),
        Situation::Withheld(Reason::NotTheirs) => return notice(&Notice::not_an_approver(&link.approver)),
    };
    let evidence =
        Evidence::new(&request.submission, catalog.as_deref(), ports.settings.repository_limit, requests.as_ref());
    let material = Material { request: &request, link, evidence: Some(&evidence), settings: ports.settings, now };
    let status = match (&draft, &stage) {
        (None, _) => 200,
        (Some(_), Stage::NotByLink) => 403,
        (Some(_), Stage::SaidYes | Stage::Over) => 409,
        (Some(draft), Stage::Open(_)) => match draft.wrong {
            Wrong::ReasonMissing | Wrong::TooLong(_) => 422,
            Wrong::Refused(_) => 409,
        },
    };
    page::answer(status, &RequestPage::new(material, &stage, draft.as_ref()))
}

/// To the page that says what was decided. Relative, so that it is found whatever the API's address is in front of it.
fn back_to_page(call: &Call, link: &Link) -> Answer {
    let location = format!("{}?{}", link.request, call.raw_query());
    page::guarded(Answer::text(303, "text/html; charset=utf-8", "")).with_header(LOCATION, &location)
}

fn notice(notice: &Notice) -> Answer {
    let answer = page::answer(notice.status, notice);
    if notice.status == 503 { answer.with_header(RETRY_AFTER, RETRY_AFTER_SECONDS) } else { answer }
}

fn log(error: &PortError) {
    tracing::error!(function = "approval", error = %chain(error), "failed to show or decide a request: {error}");
}
