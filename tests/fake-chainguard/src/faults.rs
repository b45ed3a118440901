//! Faults on demand: what a network, a load balancer or an overloaded platform does to a call.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::{self, Body, Bytes},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use futures_util::stream;

use crate::{
    routing::Route,
    status::{self, Status},
};

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This answer, and nothing is done.
    Status {
        /// The HTTP status; what is none becomes 500.
        http: u16,
        /// The `code` of the body, which is what a client should decide on.
        grpc_code: i32,
        /// The `message` of the body.
        message: String,
    },
    /// What the load balancer answers when nobody is behind it: 502 with HTML. Nothing is done.
    HtmlBadGateway,
    /// The call takes this long and then goes its way. Nothing is done while it waits, so a client that gives up before
    /// the end has changed nothing.
    Delay(Duration),
    /// The call is carried out at once, and its answer takes this long: a client that gives up before the end has changed
    /// something.
    AnswerLate(Duration),
    /// The connection goes away without a byte of a response, and nothing is done.
    DropBefore,
    /// The connection goes away without a byte of a response, and the call was carried out.
    DropAfter,
    /// The call was carried out, and the response stops in the middle of its JSON.
    MalformedJson,
}

/// A fault and how many more calls it hits.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) fault: Fault,
    pub(crate) times: u32,
}

/// The faults that are still to come. Each call takes one at most, in the order in which its route's were pushed.
#[derive(Debug, Default)]
pub struct Faults {
    queues: Mutex<BTreeMap<Route, VecDeque<Pending>>>,
}

impl Faults {
    /// Lets the next `times` calls of `route` that have no fault yet run into this one. Zero times is never.
    pub fn push(&self, route: Route, fault: Fault, times: u32) {
        if times > 0 {
            self.queues().entry(route).or_default().push_back(Pending { fault, times });
        }
    }

    /// Takes back everything that has not happened yet.
    pub fn clear(&self) {
        self.queues().clear();
    }

    /// All that is still to come.
    pub(crate) fn pending(&self) -> Vec<(Route, Pending)> {
        self.queues().iter().flat_map(|(route, queue)| queue.iter().map(|pending| (*route, pending.clone()))).collect()
    }

    /// The fault of a call that has just come in.
    pub(crate) fn take(&self, route: Route) -> Option<Fault> {
        let mut queues = self.queues();
        let queue = queues.get_mut(&route)?;
        let next = queue.front_mut()?;
        next.times = next.times.saturating_sub(1);
        let fault = next.fault.clone();
        if next.times == 0 {
            queue.pop_front();
        }
        Some(fault)
    }

    fn queues(&self) -> MutexGuard<'_, BTreeMap<Route, VecDeque<Pending>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to a call, or that there is none.
pub(crate) enum Outcome {
    /// It is sent.
    Answered(Response),
    /// The connection is dropped instead.
    Dropped,
}

impl Outcome {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answered(response) => Some(response.status().as_u16()),
            Self::Dropped => None,
        }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        match self {
            Self::Answered(response) => response,
            Self::Dropped => dropped(),
        }
    }
}

/// Carries a call out with what goes wrong with it. `settled` is told of the moment at which nothing but the answer, or a
/// delay, is left of it.
pub(crate) async fn suffer(
    fault: Option<Fault>,
    call: impl Future<Output = Response>,
    settled: impl FnOnce(),
) -> Outcome {
    if let Some(Fault::Delay(delay)) = fault {
        settled();
        tokio::time::sleep(delay).await;
        return Outcome::Answered(call.await);
    }
    let late_by = if let Some(Fault::AnswerLate(delay)) = fault { Some(delay) } else { None };
    let outcome = carry_out(fault, call).await;
    settled();
    if let Some(delay) = late_by {
        tokio::time::sleep(delay).await;
    }
    outcome
}

async fn carry_out(fault: Option<Fault>, call: impl Future<Output = Response>) -> Outcome {
    match fault {
        None | Some(Fault::Delay(_) | Fault::AnswerLate(_)) => Outcome::Answered(call.await),
        Some(Fault::Status { http, grpc_code, message }) => {
            let http = StatusCode::from_u16(http).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Outcome::Answered(status::raw(http, grpc_code, &message))
        }
        Some(Fault::HtmlBadGateway) => {
            let page =
                "<html><head><title>502 Server Error</title></head><body><h1>Error: Server Error</h1></body></html>";
            Outcome::Answered((StatusCode::BAD_GATEWAY, Html(page)).into_response())
        }
        Some(Fault::DropBefore) => Outcome::Dropped,
        Some(Fault::DropAfter) => {
            call.await;
            Outcome::Dropped
        }
        Some(Fault::MalformedJson) => Outcome::Answered(cut_short(call.await).await),
    }
}

/// The first half of a response's body, under its own status and with a length of its own.
async fn cut_short(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    match body::to_bytes(body, usize::MAX).await {
        Ok(whole) => Response::from_parts(parts, Body::from(whole.slice(..whole.len() / 2))),
        Err(error) => Status::internal(error.to_string()).into_response(),
    }
}

/// A response that hyper never writes: it asks for the body before it flushes the head, and a body that fails makes it
/// close the connection with the head still in its buffer. A test holds it to that, byte by byte.
fn dropped() -> Response {
    let failing = stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted))]);
    Body::from_stream(failing).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_happen_in_order_as_often_as_asked_and_to_their_route_only() {
        let faults = Faults::default();
        faults.push(Route::CreateRepo, Fault::DropBefore, 2);
        faults.push(Route::CreateRepo, Fault::HtmlBadGateway, 1);
        faults.push(Route::CreateRepo, Fault::DropAfter, 0);
        assert_eq!(faults.take(Route::ListRepos), None);
        let taken: Vec<_> = std::iter::from_fn(|| faults.take(Route::CreateRepo)).collect();
        assert_eq!(taken, [Fault::DropBefore, Fault::DropBefore, Fault::HtmlBadGateway]);
    }

    #[test]
    fn cleared_faults_never_happen() {
        let faults = Faults::default();
        faults.push(Route::CreateRepo, Fault::DropBefore, 2);
        faults.clear();
        assert_eq!(faults.take(Route::CreateRepo), None);
    }
}
