//! Mail, on SES.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageTag};
use aws_smithy_types::error::operation::BuildError;
use domain::id::EventId;
use domain::ports::{Mail, PortError, SendMail};

use crate::configuration::Configuration;
use crate::error::{port_error, request_error};

/// Most recipients of a call. Source: SES developer guide, "Service quotas".
const MAX_RECIPIENTS: usize = 50;
const CHARSET: &str = "UTF-8";
/// The tag that says which event a mail tells of, for whoever looks into SES's own events.
const EVENT_TAG: &str = "eventId";

const SEND: &str = "send a mail";

/// Sends from one address.
#[derive(Clone, Debug)]
pub struct Mailer {
    client: Client,
    from: String,
}

impl Mailer {
    /// Sends from an address that SES has verified, itself or by its domain.
    #[must_use]
    pub fn new(configuration: &Configuration, from: String) -> Self {
        Self { client: Client::new(configuration.sdk()), from }
    }
}

/// A mail to nobody.
#[derive(Debug, thiserror::Error)]
#[error("the mail has no recipient")]
struct NoRecipient;

impl SendMail for Mailer {
    /// More than 50 recipients take several calls. If a later one fails, the mail counts as not sent although the
    /// first ones have it: sent again, it reaches them twice.
    async fn send_mail(&self, mail: &Mail) -> Result<(), PortError> {
        if mail.to.is_empty() {
            return Err(PortError { operation: SEND, retryable: false, source: Box::new(NoRecipient) });
        }
        let content = content(mail).map_err(|error| request_error(SEND, error))?;
        let tag = event_tag(mail.event).map_err(|error| request_error(SEND, error))?;
        for recipients in mail.to.chunks(MAX_RECIPIENTS) {
            self.client
                .send_email()
                .from_email_address(&self.from)
                .destination(Destination::builder().set_to_addresses(Some(recipients.to_vec())).build())
                .content(content.clone())
                .email_tags(tag.clone())
                .send()
                .await
                .map_err(|error| port_error(SEND, error))?;
        }
        Ok(())
    }
}

fn content(mail: &Mail) -> Result<EmailContent, BuildError> {
    let text = |data: &str| Content::builder().data(data).charset(CHARSET).build();
    let body = Body::builder().text(text(&mail.text)?).html(text(&mail.html)?).build();
    let message = Message::builder().subject(text(&mail.subject)?).body(body).build();
    Ok(EmailContent::builder().simple(message).build())
}

/// The event's id with `_` for its `.`: SES takes letters, digits, `_` and `-`. Source: SES API v2, `MessageTag`.
fn event_tag(event: EventId) -> Result<MessageTag, BuildError> {
    MessageTag::builder().name(EVENT_TAG).value(event.to_string().replace('.', "_")).build()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::loopback::{Loopback, Reply, record};

    fn mail(recipients: usize) -> Mail {
        Mail {
            to: (0..recipients).map(|number| format!("lead{number}@acme.example")).collect(),
            subject: "jane möchte python:latest-dev".to_owned(),
            text: "Bitte prüfen.".to_owned(),
            html: "<p>Bitte prüfen.</p>".to_owned(),
            event: record(3).event_id(),
        }
    }

    fn mailer(server: &Loopback) -> Mailer {
        Mailer::new(&server.configuration(), "images@acme.example".to_owned())
    }

    fn accepted() -> Reply {
        Reply::json(&json!({"MessageId": "1"}))
    }

    #[tokio::test]
    async fn a_mail_says_who_what_and_about_which_event() {
        let server = Loopback::start(|_, _| accepted()).await;
        mailer(&server).send_mail(&mail(2)).await.unwrap();
        let call = server.received().remove(0);
        assert_eq!(call.target, "POST /v2/email/outbound-emails");
        let utf8 = |data: &str| json!({"Data": data, "Charset": "UTF-8"});
        assert_eq!(
            call.json(),
            json!({
                "FromEmailAddress": "images@acme.example",
                "Destination": {"ToAddresses": ["lead0@acme.example", "lead1@acme.example"]},
                "Content": {"Simple": {
                    "Subject": utf8("jane möchte python:latest-dev"),
                    "Body": {"Text": utf8("Bitte prüfen."), "Html": utf8("<p>Bitte prüfen.</p>")},
                }},
                "EmailTags": [{"Name": "eventId", "Value": "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f_3"}],
            })
        );
    }

    #[tokio::test]
    async fn everybody_gets_a_mail_to_more_than_fifty() {
        let server = Loopback::start(|_, _| accepted()).await;
        let mail = mail(101);
        mailer(&server).send_mail(&mail).await.unwrap();
        let calls: Vec<Vec<Value>> = server
            .received()
            .iter()
            .map(|call| call.json()["Destination"]["ToAddresses"].as_array().unwrap().clone())
            .collect();
        assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50, 1]);
        assert_eq!(calls.concat(), mail.to);
    }

    #[tokio::test]
    async fn a_mail_to_nobody_is_refused() {
        let server = Loopback::start(|_, _| accepted()).await;
        assert!(!mailer(&server).send_mail(&mail(0)).await.unwrap_err().retryable);
        assert!(server.received().is_empty());
    }

    #[tokio::test]
    async fn throttling_is_retryable_and_an_unverified_sender_is_not() {
        for (status, code, retryable) in
            [(429, "TooManyRequestsException", true), (400, "MailFromDomainNotVerifiedException", false)]
        {
            let server = Loopback::start(move |_, _| Reply::error(status, code)).await;
            let error = mailer(&server).send_mail(&mail(1)).await.unwrap_err();
            assert_eq!(error.retryable, retryable, "{code}");
        }
    }
}
