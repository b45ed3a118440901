//! A signed link of one approver's own.

use std::fmt;

use domain::link::KeyRing;
use domain::request::Request;
use domain::time::Timestamp;

/// The way to the page where its holder looks at a request and decides. Whoever has it may act as its holder, so
/// `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    url: String,
    /// Until when it can be used.
    pub expires: Timestamp,
}

impl Invitation {
    /// For `approver`, with an event of `since`; `None` once the request is decided. The same event gives the same
    /// link, as long as the key is the same.
    #[must_use]
    pub fn new(request: &Request, approver: &str, since: Timestamp, keys: &KeyRing, public_url: &str) -> Option<Self> {
        let link = request.link_for(approver, since)?;
        Some(Self { url: format!("{public_url}{}", keys.link(&link)), expires: link.expires })
    }

    /// The link itself.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Invitation(until {})", self.expires)
    }
}
