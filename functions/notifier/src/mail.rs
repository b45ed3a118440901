//! A message as mail: subject, plain text and HTML.

use std::fmt::Write as _;

use askama::Template;
use domain::event::EventType;
use domain::id::RequestId;
use domain::journal::Record;
use domain::ports::Mail;

use crate::content::Content;
use crate::wording::Tone;

/// Width of the column of labels in plain text.
const LABEL_WIDTH: usize = 14;
/// Longest image in a subject, and longest team: with the longest status they make 120 characters.
const MAX_IMAGE: usize = 32;
const MAX_TEAM: usize = 20;
/// Stands for what was cut off a name.
const CUT: &str = "...";
/// How many of the id's last digits a subject shows: random ones, which tell requests of the same day apart.
const ID_DIGITS: usize = 8;

/// A mail that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("failed to write the mail as HTML")]
pub struct MailError(#[source] askama::Error);

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    content: &'a Content,
    badge: Badge,
}

/// Colours that can be read on light and on dark.
struct Badge {
    background: &'static str,
    ink: &'static str,
}

/// The mail that tells `to` about `record`.
pub fn mail(content: &Content, record: &Record, to: Vec<String>) -> Result<Mail, MailError> {
    Ok(Mail {
        to,
        subject: subject(content.status, record),
        text: text(content),
        html: Html { content, badge: Badge::of(content.tone) }.render().map_err(MailError)?,
        event: record.event_id(),
    })
}

/// Image, team and id first and always the same, so that the mails about one request lie beside each other when
/// sorted; at most 120 characters. Nothing in it was written freely: names and ids are of a narrow charset, so it is
/// one line of ASCII.
///
/// One subject does not sort: that of a broken glass, which nobody may overlook.
fn subject(status: &str, record: &Record) -> String {
    let loud = if record.event_type == EventType::BreakGlassUsed { "BREAK GLASS: " } else { "" };
    format!(
        "{loud}[cgr-request] {} for {} (req-...{}): {status}",
        within(record.image.to_string(), MAX_IMAGE),
        within(record.team.to_string(), MAX_TEAM),
        tail(record.request_id)
    )
}

/// `name`, cut where it is longer than `limit` characters.
fn within(name: String, limit: usize) -> String {
    if name.chars().count() <= limit {
        return name;
    }
    name.chars().take(limit.saturating_sub(CUT.len())).collect::<String>() + CUT
}

fn tail(id: RequestId) -> String {
    let id = id.to_string();
    id.chars().skip(id.len().saturating_sub(ID_DIGITS)).collect()
}

fn text(content: &Content) -> String {
    let mut text = format!("{}\n\n{}\n\n", content.title, content.lead);
    if let Some(command) = &content.command {
        line(&mut text, format_args!("    {command}\n"));
    }
    if let Some(action) = &content.action {
        line(&mut text, format_args!("{}:\n{}\n", action.label, action.target.url()));
    }
    if let Some(note) = &content.note {
        line(&mut text, format_args!("{note}\n"));
    }
    if let Some(by_token) = &content.by_token {
        line(&mut text, format_args!("{}\n", by_token.lead));
        for command in &by_token.commands {
            line(&mut text, format_args!("    {command}\n"));
        }
    }
    for passage in &content.passages {
        line(&mut text, format_args!("{}:", passage.label));
        // Marked line by line, so that what people write cannot pass for what this mail says.
        for quoted in passage.text.as_str().split('\n') {
            line(&mut text, format_args!("> {quoted}"));
        }
        text.push('\n');
    }
    for fact in &content.facts {
        line(&mut text, format_args!("{:<LABEL_WIDTH$}  {}", fact.label, fact.value));
    }
    line(&mut text, format_args!("\n-- \n{}\n{}", content.reason, content.reference));
    text
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    writeln!(text, "{line}").ok();
}

impl Badge {
    const fn of(tone: Tone) -> Self {
        match tone {
            Tone::Waiting => Self { background: "#fdf0d0", ink: "#7a4b00" },
            Tone::Good => Self { background: "#daf3e2", ink: "#14602f" },
            Tone::Bad => Self { background: "#fce1de", ink: "#98201a" },
            Tone::Alarm => Self { background: "#b3150c", ink: "#ffffff" },
            Tone::Neutral => Self { background: "#e6eaef", ink: "#3d4753" },
        }
    }
}

#[cfg(test)]
mod tests;
