//! What exists on one machine only, under `/_local/`: tokens, the outbox, the bus, dead letters.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extension};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use domain::ports::Clock as _;
use domain::problem::ProblemType;
use lambda::clock::SystemClock;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calls::Calls;
use crate::people::{Issuer, Token};
use crate::refusal::refuse;
use crate::state::{Outgoing, State};

/// Entries that a list shows, at most.
const MAX_ENTRIES: u32 = 10_000;

/// The outbox page shows mail in frames without scripts and loads nothing from anywhere.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; base-uri 'none'; form-action 'none'";

/// What the pages show.
pub struct Pages {
    /// Outbox and bus.
    pub state: Arc<State>,
    /// The development issuer.
    pub issuer: Arc<Issuer>,
    /// Names of the dead-letter queues.
    pub dead_letter_queues: Vec<String>,
    /// Calls to AWS so far.
    pub calls: Calls,
}

/// Where the pages are.
pub const HOME: &str = "/_local";

/// The routes.
pub fn router(pages: Arc<Pages>) -> axum::Router {
    let below = axum::Router::new()
        .route("/", get(index))
        .route("/tokens", get(tokens))
        .route("/tokens/{name}", get(token))
        .route("/outbox", get(outbox))
        .route("/events", get(events))
        .route("/dead-letters", get(dead_letters))
        .route("/calls", get(calls))
        .route("/slack", post(slack))
        .route("/webhook", post(webhook))
        .route("/issuer/.well-known/openid-configuration", get(configuration))
        .route("/issuer/jwks.json", get(jwks))
        .with_state(pages);
    // Nesting answers at the path itself, but not with a slash behind it.
    axum::Router::new().nest(HOME, below).route(&format!("{HOME}/"), get(index))
}

type Shared = Extension<Arc<Pages>>;

fn failed(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(%error, "failed to show a local page");
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}

fn page(title: &str, content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head>\
         <body><header><a href=\"{HOME}\">cgr-request</a> <span>on one machine</span></header><main>{content}</main></body></html>"
    );
    ([(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY)], Html(html)).into_response()
}

const STYLE: &str = "
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:CanvasText;background:Canvas}
header{padding:.8rem 1rem;border-bottom:1px solid var(--line)}header a{font-weight:700;color:inherit;text-decoration:none}
header span{opacity:.7}main{max-width:52rem;margin:0 auto;padding:1rem}
h1{font-size:1.4rem;margin:.5rem 0 1rem}li{margin:.4rem 0}
details{border:1px solid var(--line);border-radius:.5rem;margin:.6rem 0}
summary{padding:.6rem .8rem;cursor:pointer;display:grid;gap:.1rem}
summary b{overflow-wrap:anywhere}summary small{opacity:.75;overflow-wrap:anywhere}
.tag{font:600 .75rem system-ui;background:var(--soft);border-radius:1rem;padding:.05rem .5rem;margin-right:.4rem}
iframe{width:100%;height:30rem;border:0;border-top:1px solid var(--line);background:#fff}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;padding:.8rem;border-top:1px solid var(--line)}
";

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // HTML has no way to write it.
            '\0' => html.push('\u{2400}'),
            other => html.push(other),
        }
    }
    html
}

async fn index() -> Response {
    page(
        "cgr-request",
        "<h1>What only exists here</h1><ul>\
         <li><a href=\"/_local/outbox\">Outbox</a>: mail and chat that people would have got</li>\
         <li><a href=\"/_local/tokens\">Tokens</a> of sample people (JSON); <code>/_local/tokens/jane</code> is one as text</li>\
         <li><a href=\"/_local/events\">Events</a> of the bus (JSON)</li>\
         <li><a href=\"/_local/dead-letters\">Dead letters</a> (JSON)</li>\
         <li><a href=\"/_local/calls\">Calls to AWS</a> by function (JSON)</li></ul>\
         <p>The API itself is described in <a href=\"/openapi.json\">/openapi.json</a>.</p>",
    )
}

async fn tokens(Extension(pages): Shared) -> Response {
    match pages.issuer.tokens(SystemClock.now()) {
        Ok(tokens) => Json(tokens).into_response(),
        Err(error) => failed(&error),
    }
}

async fn token(Extension(pages): Shared, Path(name): Path<String>) -> Response {
    let tokens = match pages.issuer.tokens(SystemClock.now()) {
        Ok(tokens) => tokens,
        Err(error) => return failed(&error),
    };
    if let Some(token) = tokens.iter().find(|token| token.login() == name) {
        return token.token.clone().into_response();
    }
    let names: Vec<&str> = tokens.iter().map(Token::login).collect();
    refuse(ProblemType::RouteNotFound, format!("There is nobody called `{name}`; there are {}.", names.join(", ")))
}

async fn outbox(Extension(pages): Shared, headers: HeaderMap) -> Response {
    let outgoing = match pages.state.outbox(MAX_ENTRIES) {
        Ok(outgoing) => outgoing,
        Err(error) => return failed(&error),
    };
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accepts.contains("text/html") {
        // The newest mail is open: it is what people come for.
        let newest_mail = outgoing.iter().position(|entry| !entry.html.is_empty());
        let shown: String = outgoing
            .iter()
            .take(200)
            .enumerate()
            .map(|(index, entry)| show(entry, Some(index) == newest_mail))
            .collect();
        let empty = if outgoing.is_empty() { "<p>Nobody has been told anything yet.</p>" } else { "" };
        page("Outbox", &format!("<h1>Outbox</h1>{empty}{shown}"))
    } else {
        Json(outgoing).into_response()
    }
}

fn show(entry: &Outgoing, open: bool) -> String {
    let content = if entry.html.is_empty() {
        let json = serde_json::from_str::<Value>(&entry.text).and_then(|value| serde_json::to_string_pretty(&value));
        format!("<pre dir=\"auto\">{}</pre>", escape(&json.unwrap_or_else(|_| entry.text.clone())))
    } else {
        format!("<iframe sandbox title=\"The mail\" srcdoc=\"{}\"></iframe>", escape(&entry.html))
    };
    format!(
        "<details{}><summary><b><span class=\"tag\">{}</span><bdi>{}</bdi></b><small>to {} · {}</small></summary>{content}</details>",
        if open { " open" } else { "" },
        escape(&entry.channel),
        escape(&entry.subject),
        escape(&entry.to.join(", ")),
        escape(&entry.sent_at),
    )
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: i64,
}

async fn events(Extension(pages): Shared, Query(After { after }): Query<After>) -> Response {
    match pages.state.events_after(after, MAX_ENTRIES) {
        Ok(events) => Json(events).into_response(),
        Err(error) => failed(&error),
    }
}

async fn dead_letters(Extension(pages): Shared) -> Response {
    let queues: Vec<&str> = pages.dead_letter_queues.iter().map(String::as_str).collect();
    match pages.state.dead_letters(&queues, 1000) {
        Ok(letters) => Json(letters).into_response(),
        Err(error) => failed(&error),
    }
}

async fn calls(Extension(pages): Shared) -> Response {
    let calls: Vec<Value> = pages
        .calls
        .counts()
        .into_iter()
        .map(|(call, count)| json!({"function": call.function, "operation": call.operation, "count": count}))
        .collect();
    Json(calls).into_response()
}

async fn slack(Extension(pages): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let message: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let text = message.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
    let subject = text.lines().next().unwrap_or_default().to_owned();
    keep(&pages, "slack", subject, text, &headers)
}

async fn webhook(Extension(pages): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let event: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let kind = event.pointer("/metadata/type").and_then(Value::as_str).unwrap_or("webhook").to_owned();
    keep(&pages, "webhook", kind, String::from_utf8_lossy(&body).into_owned(), &headers)
}

fn keep(pages: &Pages, channel: &str, subject: String, text: String, headers: &HeaderMap) -> Response {
    let event_id = headers.get("x-cgr-request-event-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let outgoing = Outgoing {
        channel: channel.to_owned(),
        to: vec![format!("/_local/{channel}")],
        subject,
        text,
        html: String::new(),
        event_id: event_id.to_owned(),
        sent_at: SystemClock.now().to_string(),
    };
    match pages.state.tell(&outgoing) {
        Ok(()) => "ok".into_response(),
        Err(error) => failed(&error),
    }
}

async fn configuration(Extension(pages): Shared) -> Json<Value> {
    Json(pages.issuer.configuration())
}

async fn jwks(Extension(pages): Shared) -> Response {
    Json(pages.issuer.jwks()).into_response()
}
