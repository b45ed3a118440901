//! Counts of what the client did.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a client has done since it was made. Read twice, the difference is what happened in between.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Calls sent to Chainguard, the issuer and the catalog: every attempt counts.
    pub calls: u64,
    /// Attempts that were made because the one before found Chainguard unavailable.
    pub retries: u64,
    /// Tokens that were asked of the issuer.
    pub exchanges: u64,
    /// Tokens that Chainguard refused.
    pub refused_tokens: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    calls: AtomicU64,
    retries: AtomicU64,
    exchanges: AtomicU64,
    refused_tokens: AtomicU64,
}

impl Counters {
    pub(crate) fn count_call(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_exchange(&self) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refused_token(&self) {
        self.refused_tokens.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Statistics {
        Statistics {
            calls: self.calls.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            exchanges: self.exchanges.load(Ordering::Relaxed),
            refused_tokens: self.refused_tokens.load(Ordering::Relaxed),
        }
    }
}
