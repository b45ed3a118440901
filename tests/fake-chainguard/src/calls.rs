//! What the fake has been asked: a bounded record of calls and a count of all of them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::http::{Method, Uri};
use serde::Serialize;
use tokio::sync::watch;

use crate::routing::Route;

/// How many calls are remembered; the counts go on for ever.
const REMEMBERED: usize = 1000;

/// A call, in the order of arrival. Neither bodies nor headers are kept, so no token is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Which call; `None` for a path or a method that the platform does not have.
    pub route: Option<Route>,
    /// `POST`, …
    pub method: String,
    /// The path as it came.
    pub path: String,
    /// The query as it came, without the question mark; empty where there is none.
    pub query: String,
    /// The HTTP status of the answer; `None` while there is none, which for a dropped connection is for ever.
    pub status: Option<u16>,
}

/// All calls so far.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    log: Mutex<Log>,
    /// By call, how many have been settled.
    settled: watch::Sender<BTreeMap<Route, u64>>,
}

#[derive(Debug, Default)]
struct Log {
    /// Number of the oldest call that is remembered.
    first: u64,
    remembered: VecDeque<Call>,
    counts: BTreeMap<Route, u64>,
}

/// Which call an answer belongs to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallNumber(u64);

impl Calls {
    /// Records a call on arrival: one that a client gives up on has been made all the same.
    pub(crate) fn arrived(&self, route: Option<Route>, method: &Method, uri: &Uri) -> CallNumber {
        let mut log = self.log();
        if let Some(route) = route {
            *log.counts.entry(route).or_default() += 1;
        }
        if log.remembered.len() >= REMEMBERED {
            log.remembered.pop_front();
            log.first += 1;
        }
        let number = CallNumber(log.first + log.remembered.len() as u64);
        log.remembered.push_back(Call {
            route,
            method: method.to_string(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            status: None,
        });
        number
    }

    /// Adds the outcome to a call that is still remembered.
    pub(crate) fn answered(&self, CallNumber(number): CallNumber, status: Option<u16>) {
        let mut log = self.log();
        let index = number.checked_sub(log.first).and_then(|index| usize::try_from(index).ok());
        if let Some(call) = index.and_then(|index| log.remembered.get_mut(index)) {
            call.status = status;
        }
    }

    /// Counts a call of which nothing but the answer is left.
    pub(crate) fn settled(&self, route: Option<Route>) {
        if let Some(route) = route {
            self.settled.send_modify(|settled| *settled.entry(route).or_default() += 1);
        }
    }

    /// Waits until `count` calls of `route` have been settled.
    pub(crate) async fn until_settled(&self, route: Route, count: u64) {
        let mut settled = self.settled.subscribe();
        // The sender lives as long as `self`: nothing but the count ends this.
        settled.wait_for(|settled| settled.get(&route).copied().unwrap_or_default() >= count).await.ok();
    }

    pub(crate) fn remembered(&self) -> Vec<Call> {
        self.log().remembered.iter().cloned().collect()
    }

    pub(crate) fn count(&self, route: Route) -> u64 {
        self.log().counts.get(&route).copied().unwrap_or_default()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_for_ever_and_remembered_up_to_a_bound() {
        let calls = Calls::default();
        let uri = Uri::from_static("/ping/v1/ping?n=1");
        let first = calls.arrived(Some(Route::Ping), &Method::GET, &uri);
        for _ in 0..REMEMBERED {
            let number = calls.arrived(Some(Route::Ping), &Method::GET, &uri);
            calls.answered(number, Some(200));
        }
        calls.answered(first, Some(500));
        assert_eq!(calls.count(Route::Ping), 1 + REMEMBERED as u64);
        let remembered = calls.remembered();
        assert_eq!(remembered.len(), REMEMBERED);
        assert!(remembered.iter().all(|call| call.status == Some(200) && call.query == "n=1"));
    }
}
