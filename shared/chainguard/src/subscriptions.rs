//! Subscriptions to the organisation's events (FACTS §5).

use domain::ports::{ChainguardError, ReadSecret};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::Chainguard;
use crate::call::Call;
use crate::repositories::gone_is_as_good;
use crate::uidp::Uidp;
use crate::wire::nullable;

const SUBSCRIBE: &str = "subscribe to events";

/// A subscription: every event of the organisation is posted to its sink, for there are no filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its UIDP.
    pub id: String,
    /// Where events are posted to, as Chainguard keeps it.
    pub sink: String,
}

#[derive(Deserialize)]
struct WireSubscription {
    #[serde(default, deserialize_with = "nullable")]
    id: String,
    #[serde(default, deserialize_with = "nullable")]
    sink: String,
}

#[derive(Deserialize)]
struct Subscriptions {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<WireSubscription>,
}

impl From<WireSubscription> for Subscription {
    fn from(WireSubscription { id, sink }: WireSubscription) -> Self {
        Self { id, sink }
    }
}

impl Subscription {
    /// Whether its events go there; how an address is spelled does not matter.
    #[must_use]
    pub fn goes_to(&self, sink: &Url) -> bool {
        self.sink.parse::<Url>().is_ok_and(|own| own == *sink)
    }
}

impl<S: ReadSecret + Send + Sync> Chainguard<S> {
    /// The organisation's subscriptions.
    ///
    /// Needs [`Capability::SubscriptionsList`](crate::Capability::SubscriptionsList).
    pub async fn list_subscriptions(&self) -> Result<Vec<Subscription>, ChainguardError> {
        let organization = self.organization_id().await?;
        let found: Subscriptions = self.call(&self.list_call(&organization)).await?;
        Ok(own(found, &organization))
    }

    /// Subscribes `sink`, unless it is subscribed: the platform would make a second subscription, and every event would
    /// come twice. So each attempt looks first, also one that follows an attempt whose answer was lost.
    ///
    /// Needs [`Capability::SubscriptionsCreate`](crate::Capability::SubscriptionsCreate) and
    /// [`SubscriptionsList`](crate::Capability::SubscriptionsList).
    pub async fn create_subscription(&self, sink: &Url) -> Result<Subscription, ChainguardError> {
        let organization = self.organization_id().await?;
        let url = self.api(&format!("/events/v1/subscriptions/{organization}"), &[]);
        let create = Call::post(SUBSCRIBE, url, json!({"sink": sink.as_str()}));
        let list = self.list_call(&organization);
        let attempt = || async {
            let found = own(self.attempt::<Subscriptions>(&list).await?, &organization);
            if let Some(subscription) = found.into_iter().find(|subscription| subscription.goes_to(sink)) {
                return Ok(subscription);
            }
            let created: Subscription = self.attempt::<WireSubscription>(&create).await?.into();
            if !organization.is_parent_of(&created.id) {
                return Err(ChainguardError::Unavailable("subscribing answered without a subscription".to_owned()));
            }
            Ok(created)
        };
        self.backoff.retry(SUBSCRIBE, &self.counters, attempt).await
    }

    /// Ends a subscription of the organisation, by its UIDP. That it is gone already is as good.
    ///
    /// Needs [`Capability::SubscriptionsDelete`](crate::Capability::SubscriptionsDelete).
    pub async fn delete_subscription(&self, id: &str) -> Result<(), ChainguardError> {
        let organization = self.organization_id().await?;
        if !organization.is_parent_of(id) {
            return Err(ChainguardError::Refused("it is no subscription of the organisation".to_owned()));
        }
        let call = Call::delete("end the subscription", self.api(&format!("/events/v1/subscriptions/{id}"), &[]));
        gone_is_as_good(self.call_for_nothing(&call).await)
    }

    fn list_call(&self, organization: &Uidp) -> Call {
        let query = [("uidp.childrenOf", organization.as_str())];
        Call::get("list the subscriptions", self.api("/events/v1/subscriptions", &query))
    }
}

/// A list that ignored its filter shows what others have.
fn own(found: Subscriptions, organization: &Uidp) -> Vec<Subscription> {
    let own = found.items.into_iter().filter(|subscription| organization.is_parent_of(&subscription.id));
    own.map(Subscription::from).collect()
}
