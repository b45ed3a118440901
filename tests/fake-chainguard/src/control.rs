//! The fake's own paths, for people: break something with `curl`, and look at what there is. They need no token.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use crate::{
    calls::Call,
    events::{self, Event},
    fake::FakeChainguard,
    faults::{Fault, Pending},
    repository::Repository,
    routing::Route,
    subscriptions::Subscription,
};

/// An element of the list of `PUT /_fake/faults`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultOrder {
    route: Route,
    fault: FaultKind,
    times: u32,
}

/// A [`Fault`] as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum FaultKind {
    Status { http: u16, grpc_code: i32, message: String },
    HtmlBadGateway,
    Delay { milliseconds: u64 },
    AnswerLate { milliseconds: u64 },
    DropBefore,
    DropAfter,
    MalformedJson,
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::Status { http, grpc_code, message } => Self::Status { http, grpc_code, message },
            FaultKind::HtmlBadGateway => Self::HtmlBadGateway,
            FaultKind::Delay { milliseconds } => Self::Delay(Duration::from_millis(milliseconds)),
            FaultKind::AnswerLate { milliseconds } => Self::AnswerLate(Duration::from_millis(milliseconds)),
            FaultKind::DropBefore => Self::DropBefore,
            FaultKind::DropAfter => Self::DropAfter,
            FaultKind::MalformedJson => Self::MalformedJson,
        }
    }
}

impl From<Fault> for FaultKind {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Status { http, grpc_code, message } => Self::Status { http, grpc_code, message },
            Fault::HtmlBadGateway => Self::HtmlBadGateway,
            Fault::Delay(delay) => Self::Delay { milliseconds: milliseconds(delay) },
            Fault::AnswerLate(delay) => Self::AnswerLate { milliseconds: milliseconds(delay) },
            Fault::DropBefore => Self::DropBefore,
            Fault::DropAfter => Self::DropAfter,
            Fault::MalformedJson => Self::MalformedJson,
        }
    }
}

fn milliseconds(delay: Duration) -> u64 {
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

/// `PUT /_fake/faults`: these faults and no others are to come. A list that is not understood changes nothing.
pub(crate) async fn put_faults(State(fake): State<FakeChainguard>, Json(orders): Json<Vec<FaultOrder>>) -> StatusCode {
    fake.faults().clear();
    for FaultOrder { route, fault, times } in orders {
        fake.faults().push(route, fault.into(), times);
    }
    StatusCode::NO_CONTENT
}

/// `DELETE /_fake/faults`: nothing more goes wrong.
pub(crate) async fn delete_faults(State(fake): State<FakeChainguard>) -> StatusCode {
    fake.faults().clear();
    StatusCode::NO_CONTENT
}

/// `POST /_fake/events`: delivers an event to every subscription, and answers how that went.
pub(crate) async fn post_event(State(fake): State<FakeChainguard>, Json(event): Json<Event>) -> Response {
    match events::deliver(fake.inner(), event).await {
        Ok(deliveries) => Json(deliveries).into_response(),
        Err(status) => status.into_response(),
    }
}

/// `GET /_fake/state`: what there is, what was asked, and what is still to go wrong.
pub(crate) async fn state(State(fake): State<FakeChainguard>) -> Response {
    #[derive(Serialize)]
    struct Everything {
        repositories: Vec<Repository>,
        subscriptions: Vec<Subscription>,
        calls: Vec<Call>,
        faults: Vec<FaultOrder>,
    }
    let order = |(route, Pending { fault, times })| FaultOrder { route, fault: fault.into(), times };
    let faults = fake.faults().pending().into_iter().map(order).collect();
    let (repositories, subscriptions) = (fake.repositories(), fake.subscriptions());
    Json(Everything { repositories, subscriptions, calls: fake.calls(), faults }).into_response()
}
