//! Short pages: they say why there is nothing to decide, and what to do.

use askama::Template;
use domain::time::Timestamp;

use super::{Chip, Tone};
use crate::form::FormError;
use crate::moment::Moment;
use crate::sentence::Sentence;

/// A short page.
#[derive(Template)]
#[template(path = "notice.html")]
pub(crate) struct Notice {
    /// Its HTTP status.
    pub(crate) status: u16,
    title: String,
    chip: Chip,
    heading: &'static str,
    lines: Vec<Sentence>,
    /// The query that leads to the request's page, where there is a way back.
    back: Option<String>,
    /// The id under which the log has the call, where somebody may have to look it up.
    reference: Option<String>,
}

const NOT_VALID: Chip = Chip { label: "Link not valid", tone: Tone::Bad };
const NOT_YOURS: Chip = Chip { label: "Not for you to decide", tone: Tone::Neutral };
const NOT_DECIDED: Chip = Chip { label: "Nothing decided", tone: Tone::Waiting };

impl Notice {
    fn new(status: u16, chip: Chip, heading: &'static str, lines: Vec<Sentence>) -> Self {
        let title = format!("{}: {heading}", chip.label);
        Self { status, title, chip, heading, lines, back: None, reference: None }
    }

    fn with_way_back(mut self, query: &str) -> Self {
        self.back = Some(query.to_owned());
        self
    }

    fn with_reference(mut self, instance: Option<&str>) -> Self {
        self.reference = instance.map(str::to_owned);
        self
    }

    /// The link is not one of ours, or not any more. Says the same whatever is wrong with it, and whether or not there
    /// is such a request.
    pub(crate) fn not_a_link() -> Self {
        Self::new(
            403,
            NOT_VALID,
            "This link cannot be used",
            vec![
                Sentence::of("It is not complete, was changed on its way, or is too old. Nothing was decided."),
                Sentence::of("Open it from the mail itself, or copy all of it: its end is easily lost."),
                fresh_link(),
            ],
        )
    }

    /// The link is ours, but there is no such request.
    pub(crate) fn no_request() -> Self {
        let line = "The link is in order, but the request that it leads to is not there any more.";
        Self::new(404, NOT_VALID, "There is no such request", vec![Sentence::of(line)])
    }

    /// The link's time has passed.
    pub(crate) fn expired(at: Timestamp, now: Timestamp) -> Self {
        let chip = Chip { label: "Link expired", tone: Tone::Neutral };
        let when = Sentence::of("It could be used until ").time(Moment::new(at, now)).say(". Nothing was decided.");
        Self::new(410, chip, "This link has expired", vec![when, fresh_link()])
    }

    /// The request was sent round again after the link was made.
    pub(crate) fn superseded() -> Self {
        let chip = Chip { label: "Replaced by a fresh link", tone: Tone::Neutral };
        Self::new(
            410,
            chip,
            "This request was sent round again",
            vec![
                Sentence::of(
                    "It had been approved, could not be carried out, and now needs to be decided anew. This link is for \
                     the round before.",
                ),
                Sentence::of("A fresh link was mailed to you when that happened: look for the latest mail."),
            ],
        )
    }

    /// Whoever the link is for is not among the approvers.
    pub(crate) fn not_an_approver(approver: &str) -> Self {
        let who = Sentence::default().name(approver).say(
            " is not among those who may decide this request. The policy or a delegation may have changed since the \
             link was mailed.",
        );
        let next = "If you should be able to decide, ask whoever keeps the policy. Nothing was decided.";
        Self::new(403, NOT_YOURS, "You may not decide this request", vec![who, Sentence::of(next)])
    }

    /// Nobody decides their own request.
    pub(crate) fn own_request() -> Self {
        Self::new(
            403,
            NOT_YOURS,
            "This is your own request",
            vec![
                Sentence::of(
                    "Nobody decides their own request, whatever their groups. Somebody else has been asked, too.",
                ),
                Sentence::of("To take it back, cancel it through the API. Nothing was decided."),
            ],
        )
    }

    /// What was sent is no form of ours.
    pub(crate) fn not_a_form(error: FormError, query: &str) -> Self {
        let what = Sentence::of(format!("{} Nothing was decided.", lambda::problem::sentence(&error.to_string())));
        Self::new(error.status(), NOT_DECIDED, "That could not be read", vec![what]).with_way_back(query)
    }

    /// More was sent than is read.
    pub(crate) fn too_large(query: &str) -> Self {
        let what = "A comment has at most 2,000 characters, and what was sent is far more. Nothing was decided.";
        Self::new(413, NOT_DECIDED, "That is too long", vec![Sentence::of(what)]).with_way_back(query)
    }

    /// A method that no page has.
    pub(crate) fn wrong_method() -> Self {
        let what = "A link is opened in a browser, and decided with the buttons on its page. Nothing was decided.";
        Self::new(405, NOT_DECIDED, "That is not possible here", vec![Sentence::of(what)])
    }

    /// Something behind this does not answer; nothing has changed.
    pub(crate) fn try_again(instance: Option<&str>) -> Self {
        let what = "Something that this page needs does not answer at the moment. Nothing was decided; try again.";
        Self::new(503, NOT_DECIDED, "This does not work right now", vec![Sentence::of(what)]).with_reference(instance)
    }

    /// Others changed the request at the same time, again and again.
    pub(crate) fn conflict(instance: Option<&str>) -> Self {
        let what = "Others were changing this request at the same time. Nothing was decided; try again.";
        Self::new(503, NOT_DECIDED, "Somebody else was faster", vec![Sentence::of(what)]).with_reference(instance)
    }

    /// The store did not answer in the middle of a decision.
    pub(crate) fn not_certain(query: &str, instance: Option<&str>) -> Self {
        let chip = Chip { label: "Not certain", tone: Tone::Waiting };
        Self::new(
            503,
            chip,
            "Your decision may not have been recorded",
            vec![
                Sentence::of("The store did not answer in time, so nobody can say yet whether your decision counts."),
                Sentence::of(
                    "Open the request again in a moment. It shows how things stand, and if nothing was decided, try \
                     again: deciding twice does no harm.",
                ),
            ],
        )
        .with_way_back(query)
        .with_reference(instance)
    }
}

fn fresh_link() -> Sentence {
    Sentence::of(
        "Each mail about a request has a link of its own: look for the latest. While the request waits, you can also \
         decide through the API with a token, if the policy lets you.",
    )
}
