//! A message as mail: subject, plain text and HTML.

use std::fmt::Write as _;

use askama::Template;
use domain::id::RequestId;
use domain::journal::Record;
use domain::ports::Mail;

use crate::content::Content;
use crate::wording::Tone;

/// Width of the column of labels in plain text.
const LABEL_WIDTH: usize = 14;

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

/// Image and team first, so that mails about one request lie beside each other when sorted. Nothing in it was
/// written freely: names and ids are of a narrow charset, so it is one line of ASCII.
fn subject(status: &str, record: &Record) -> String {
    format!("[cgr-request] {} for {}: {status} (req-...{})", record.image, record.team, tail(record.request_id))
}

/// The id's last part: the random one, which tells requests of the same day apart.
fn tail(id: RequestId) -> String {
    let id = id.to_string();
    id.rsplit_once('-').map(|(_, tail)| tail.to_owned()).unwrap_or(id)
}

fn text(content: &Content) -> String {
    let mut text = format!("{}\n\n{}\n\n", content.title, content.lead);
    if let Some(command) = &content.command {
        line(&mut text, format_args!("    {command}\n"));
    }
    line(&mut text, format_args!("{}:\n{}\n", content.action.label, content.action.url));
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
            Tone::Neutral => Self { background: "#e6eaef", ink: "#3d4753" },
        }
    }
}

#[cfg(test)]
mod tests;
