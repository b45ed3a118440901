//! Tells people and programs what happens to requests: mail, Slack messages, signed webhook calls.
//!
//! How a receiver verifies a webhook call is described in [`webhook`].
// The futures of the AWS SDK nest deeper than the default allows.
#![recursion_limit = "256"]

pub mod audience;
pub mod content;
pub mod invitation;
pub mod mail;
pub mod notify;
pub mod post;
pub mod settings;
pub mod situation;
pub mod slack;
pub mod webhook;
pub mod wording;

#[cfg(test)]
mod fixtures;

use aws::configuration::Configuration;
use aws::mail::Mailer;
use aws::secrets::Secrets;
use aws::store::Store;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::image::Organization;
use lambda::batch;
use lambda::clock::SystemClock;
use lambda::environment::{ConfigurationError, Environment};
use lambda::function::{Error, Function};
use url::Url;

use crate::content::Installation;
use crate::notify::{Ports, notify};
use crate::post::HttpPost;

const PUBLIC_URL: &str = "PUBLIC_URL";

/// The function. Has no `Debug`, since its secrets have none.
pub struct Notifier {
    store: Store,
    mailer: Mailer,
    secrets: Secrets,
    http: HttpPost,
    installation: Installation,
}

impl Function for Notifier {
    type Event = SqsEvent;
    type Output = SqsBatchResponse;
    const NAME: &'static str = "notifier";

    fn from_environment(environment: &Environment, aws: &Configuration) -> Result<Self, ConfigurationError> {
        Ok(Self {
            store: Store::new(aws, environment.required("REQUESTS_TABLE")?.to_owned(), None),
            mailer: Mailer::new(aws, environment.required("MAIL_FROM")?.to_owned()),
            secrets: Secrets::new(aws),
            http: HttpPost::default(),
            installation: Installation {
                organization: environment.parsed::<Organization>("ORGANIZATION")?,
                public_url: public_url(environment)?,
                policy: lambda::policy::load(environment)?,
                secret_id: environment.required("NOTIFICATION_SECRET_ID")?.to_owned(),
                link_keys_secret_id: environment.required("LINK_KEYS_SECRET_ID")?.to_owned(),
            },
        })
    }

    async fn handle(&self, event: Self::Event) -> Result<Self::Output, Error> {
        let handled = batch::each_event(Self::NAME, event, |detail| async move {
            let ports = Ports {
                claims: &self.store,
                requests: &self.store,
                mailer: &self.mailer,
                secrets: &self.secrets,
                clock: &SystemClock,
                http: &self.http,
            };
            // Boxed: the SDK's futures make it too large for a stack that a whole batch shares.
            Ok(Box::pin(notify(ports, &self.installation, &detail)).await?)
        });
        Ok(handled.await)
    }
}

/// Where mails lead to: an address that a mail client opens as a page.
fn public_url(environment: &Environment) -> Result<String, ConfigurationError> {
    let url: Url = environment.parsed(PUBLIC_URL)?;
    match url.scheme() {
        "https" | "http" => Ok(url.as_str().trim_end_matches('/').to_owned()),
        _ => Err(ConfigurationError::Invalid {
            variable: PUBLIC_URL,
            problem: "it has to start with https:// or http://".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn mails_lead_to_pages_only() {
        let of = |url: &str| public_url(&Environment::of(BTreeMap::from([(PUBLIC_URL.to_owned(), url.to_owned())])));
        assert_eq!(of("https://images.acme.example/").unwrap(), "https://images.acme.example");
        assert_eq!(of("https://acme.example/images/").unwrap(), "https://acme.example/images");
        for bad in ["", "javascript:alert(1)", "images.acme.example", "data:text/html,x"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
