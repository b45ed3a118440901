//! A message as Slack's incoming webhooks take it: JSON with blocks.
//!
//! What people write can neither mention anybody nor make a link: `&`, `<` and `>` are escaped, without which there
//! is no `<!channel>`, `<@…>` or `<https://…|…>`, and `verbatim` keeps Slack from looking for names and addresses in
//! plain words. Source: docs.slack.dev, "Formatting message text" and "Text object".

use domain::id::EventId;
use serde_json::{Value, json};

use crate::content::{Action, Content, Fact, Passage, Target};
use crate::post::Posting;
use crate::settings::SlackSettings;
use crate::webhook::EVENT_ID_HEADER;

/// Longest header. Source: docs.slack.dev, "Header block".
const MAX_HEADER: usize = 150;
/// Longest text of a section; 3 000, with room for the label. Source: docs.slack.dev, "Section block".
const MAX_PASSAGE: usize = 2_600;
/// Longest label of such a text, which may name somebody.
const MAX_LABEL: usize = 380;
/// Longest field of a section; 2 000, with room for the label.
const MAX_FIELD: usize = 1_900;
/// Most fields of a section.
const MAX_FIELDS: usize = 10;
/// Stands for what was cut.
const CUT: &str = " … (cut; the request has all of it)";

/// The message to the channel. Many read it, so it has the request's address and never a signed link.
#[must_use]
pub fn posting(settings: &SlackSettings, content: &Content, event: EventId) -> Posting {
    // Slack does not look at the header; whoever reads the traffic in between does.
    let headers = vec![(EVENT_ID_HEADER, event.to_string())];
    Posting { to: settings.webhook_url.clone(), headers, body: message(content).to_string() }
}

fn message(content: &Content) -> Value {
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": escaped(content.title.as_str(), MAX_HEADER), "emoji": false}}),
        section(&format!("*{}*\n{}", content.status, escaped(content.lead.as_str(), MAX_FIELD))),
    ];
    if let Some(command) = &content.command {
        blocks.push(section(&format!("```{}```", escaped(command.as_str(), MAX_FIELD))));
    }
    blocks.extend(content.passages.iter().map(passage));
    for facts in content.facts.chunks(MAX_FIELDS) {
        blocks.push(json!({"type": "section", "fields": facts.iter().map(field).collect::<Vec<_>>()}));
    }
    if let Some(Action { label, target: Target::Request(url) }) = &content.action {
        // The address is the operator's and an id; a bar would end it early.
        let url = escaped(url, MAX_FIELD).replace('|', "%7C");
        let note =
            content.note.as_ref().map_or_else(String::new, |note| format!("\n{}", escaped(note.as_str(), MAX_LABEL)));
        blocks.push(section(&format!("<{url}|{label}>{note}")));
    }
    blocks.push(json!({"type": "context", "elements": [mrkdwn(&escaped(content.reference.as_str(), MAX_FIELD))]}));
    json!({
        // Shown in notifications, where there is no room for blocks.
        "text": escaped(content.title.as_str(), MAX_FIELD),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": mrkdwn(text)})
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn field(fact: &Fact) -> Value {
    mrkdwn(&format!("*{}*\n{}", fact.label, escaped(fact.value.as_str(), MAX_FIELD)))
}

fn passage(passage: &Passage) -> Value {
    // Marked line by line, so that what people write cannot pass for what this message says.
    let label = escaped(passage.label.as_str(), MAX_LABEL);
    section(&format!("*{label}*\n>{}", escaped(passage.text.as_str(), MAX_PASSAGE)))
}

/// `text` escaped, its lines marked as quoted from the second on, in at most `limit` UTF-16 units: cut between
/// characters where it is longer, and that is said.
fn escaped(text: &str, limit: usize) -> String {
    let whole = escaped_until(text, usize::MAX);
    if units(&whole) <= limit { whole } else { escaped_until(text, limit.saturating_sub(units(CUT))) + CUT }
}

fn escaped_until(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut used = 0;
    for c in text.chars() {
        let mut buffer = [0; 4];
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '\n' => "\n>",
            _ => &*c.encode_utf8(&mut buffer),
        };
        used += units(piece);
        if used > limit {
            break;
        }
        shown.push_str(piece);
    }
    shown
}

/// Length as Slack may count it at worst.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests;
