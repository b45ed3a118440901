//! A message as Slack's incoming webhooks take it: JSON with blocks.
//!
//! What people write can neither mention anybody nor make a link: `&`, `<` and `>` are escaped, without which there
//! is no `<!channel>`, `<@…>` or `<https://…|…>`, and `verbatim` keeps Slack from looking for names and addresses in
//! plain words. Source: docs.slack.dev, "Formatting message text" and "Text object".

use serde_json::{Value, json};

use crate::content::{Content, Fact, Passage};
use crate::post::Posting;
use crate::settings::SlackSettings;
use crate::visible::Line;

/// Longest header. Source: docs.slack.dev, "Header block".
const MAX_HEADER: usize = 150;
/// Longest text of a section; 3 000, with room for the label. Source: docs.slack.dev, "Section block".
const MAX_PASSAGE: usize = 2_800;
/// Longest field of a section; 2 000, with room for the label.
const MAX_FIELD: usize = 1_900;
/// Most fields of a section.
const MAX_FIELDS: usize = 10;
/// Stands for what was cut.
const CUT: &str = " … (cut; the request has all of it)";

/// The message to the channel.
#[must_use]
pub fn posting(settings: &SlackSettings, content: &Content) -> Posting {
    Posting { to: settings.webhook_url.clone(), headers: Vec::new(), body: message(content).to_string() }
}

fn message(content: &Content) -> Value {
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": header(&content.title), "emoji": false}}),
        section(&format!("*{}*\n{}", content.status, escaped(content.lead.as_str(), MAX_FIELD))),
    ];
    if let Some(command) = &content.command {
        blocks.push(section(&format!("```{}```", escaped(command.as_str(), MAX_FIELD))));
    }
    blocks.extend(content.passages.iter().map(passage));
    for facts in content.facts.chunks(MAX_FIELDS) {
        blocks.push(json!({"type": "section", "fields": facts.iter().map(field).collect::<Vec<_>>()}));
    }
    // The address is the operator's and an id; a bar would end it early.
    let url = escaped(&content.action.url, MAX_FIELD).replace('|', "%7C");
    blocks.push(section(&format!("<{url}|{}>", content.action.label)));
    blocks.push(json!({"type": "context", "elements": [mrkdwn(&escaped(content.reference.as_str(), MAX_FIELD))]}));
    json!({
        // Shown in notifications, where there is no room for blocks.
        "text": format!("{} ({})", escaped(content.title.as_str(), MAX_FIELD), content.status),
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
    let marks = passage.text.as_str().matches('\n').count();
    let quoted = escaped(passage.text.as_str(), MAX_PASSAGE.saturating_sub(marks)).replace('\n', "\n>");
    section(&format!("*{}*\n>{quoted}", passage.label))
}

/// Plain text, in which Slack looks for nothing but emoji, and those are off.
fn header(title: &Line) -> String {
    let title = title.as_str();
    match title.char_indices().nth(MAX_HEADER / 2) {
        // Counted as UTF-16 at worst: two units a character.
        Some((end, _)) if title.encode_utf16().count() > MAX_HEADER => {
            format!("{}…", title.get(..end).unwrap_or_default())
        }
        _ => title.to_owned(),
    }
}

/// `text` escaped, in at most `limit` UTF-16 units and a remark if that was too few.
fn escaped(text: &str, limit: usize) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut used = 0;
    for c in text.chars() {
        let mut buffer = [0; 4];
        let piece = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => &*c.encode_utf8(&mut buffer),
        };
        used += piece.encode_utf16().count();
        if used > limit {
            shown.push_str(CUT);
            break;
        }
        shown.push_str(piece);
    }
    shown
}

#[cfg(test)]
mod tests;
