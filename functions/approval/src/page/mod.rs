//! Pages: HTML without scripts that loads nothing from anywhere, and the headers that see to it.

mod cards;
mod notice;
mod outcome;
mod request;

use std::sync::LazyLock;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::journal::Digest;
use http::HeaderName;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use lambda::http::Answer;

pub(crate) use notice::Notice;
pub(crate) use request::{Draft, Material, RequestPage, Wrong};

/// What pages look like. Stands in the page, where the policy below allows exactly this text.
pub(crate) const STYLE: &str = include_str!("../../templates/style.css");

const CROSS_ORIGIN_OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// What is sent if a page cannot be written: nothing that could fail.
const BARE: &str = "<!doctype html><html lang=\"en\"><title>Not shown</title><h1>This page cannot be shown</h1>\
                    <p>Nothing was decided. Open the link again in a moment.</p></html>";

/// Nothing is loaded, nothing runs, nobody frames it, and its form goes back where it came from.
static CONTENT_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(Digest::of(STYLE.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// A few words on how things stand, in front of everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chip {
    /// The words.
    pub(crate) label: &'static str,
    /// How they are meant.
    pub(crate) tone: Tone,
}

/// How something is meant; its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Somebody has to do something.
    Waiting,
    /// It is well.
    Good,
    /// It is not.
    Bad,
    /// It is as it is.
    Neutral,
}

impl Tone {
    /// The class that colours it.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Neutral => "neutral",
        }
    }
}

/// A page as an answer.
pub(crate) fn answer(status: u16, page: &impl Template) -> Answer {
    match page.render() {
        Ok(html) => html_answer(status, html),
        Err(error) => {
            tracing::error!(function = "approval", %error, "failed to write a page");
            html_answer(500, BARE.to_owned())
        }
    }
}

fn html_answer(status: u16, html: String) -> Answer {
    guarded(Answer::text(status, "text/html; charset=utf-8", html))
}

/// With the headers that every answer here has.
pub(crate) fn guarded(answer: Answer) -> Answer {
    answer
        .with_header(CONTENT_SECURITY_POLICY, &CONTENT_POLICY)
        // The address is the authority: it goes nowhere else.
        .with_header(REFERRER_POLICY, "no-referrer")
        .with_header(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with_header(X_FRAME_OPTIONS, "DENY")
        .with_header(X_ROBOTS_TAG, "noindex")
        .with_header(CROSS_ORIGIN_OPENER_POLICY, "same-origin")
}
