//! Lists of requests, page by page.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::id::RequestId;
use crate::image::RepositoryName;
use crate::journal::Digest;
use crate::ports::StoredRequest;
use crate::request::Status;
use crate::text::TeamName;
use crate::time::Timestamp;

/// Requests a page may hold, at most.
pub const MAX_PAGE: u32 = 100;

/// Requests a page holds unless asked otherwise.
pub const DEFAULT_PAGE: u32 = 25;

/// Which requests are wanted. Each part leads to an index by itself; [`ListFilter::index`] says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListFilter {
    /// Only of this status.
    pub status: Option<Status>,
    /// Only for this team.
    pub team: Option<TeamName>,
    /// Only of this requester: e-mail address, in lower case.
    pub requester: Option<String>,
    /// Only for this image of the catalog, whatever the tag, and whether or not others are to be built on it.
    pub image: Option<RepositoryName>,
}

/// The index that answers a filter; what else the filter asks for is filtered from what the index returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index<'a> {
    /// By requester: the narrowest.
    Requester(&'a str),
    /// By image of the catalog.
    Image(&'a RepositoryName),
    /// By team.
    Team(&'a TeamName),
    /// By status.
    Status(Status),
}

impl ListFilter {
    /// The narrowest index; `None` if the filter is empty.
    #[must_use]
    pub fn index(&self) -> Option<Index<'_>> {
        match (&self.requester, &self.image, &self.team, self.status) {
            (Some(requester), _, _, _) => Some(Index::Requester(requester)),
            // A repository is added once: there are about as many requests for an image as teams want it under names
            // of their own.
            (None, Some(image), _, _) => Some(Index::Image(image)),
            // Few requests are open at a time, however many a team has made.
            (None, None, Some(_), Some(status)) if status.is_open() => Some(Index::Status(status)),
            (None, None, Some(team), _) => Some(Index::Team(team)),
            (None, None, None, Some(status)) => Some(Index::Status(status)),
            (None, None, None, None) => None,
        }
    }

    /// Whether a request fits all that the filter asks for.
    #[must_use]
    pub fn fits(&self, stored: &StoredRequest) -> bool {
        let submission = &stored.request.submission;
        self.status.is_none_or(|status| stored.request.status() == status)
            && self.team.as_ref().is_none_or(|team| *team == submission.team)
            && self.requester.as_ref().is_none_or(|requester| *requester == submission.requester.email.to_lowercase())
            && self.image.as_ref().is_none_or(|image| *image == submission.image.name)
    }
}

/// The place of a request in every list: newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// When it was submitted.
    pub submitted_at: Timestamp,
    /// Its id.
    pub id: RequestId,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.submitted_at, self.id)
    }
}

/// A page of requests, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The requests.
    pub requests: Vec<StoredRequest>,
    /// Where the next page starts; `None` at the end. A page may be short, even empty, and yet not the last.
    pub next: Option<Position>,
}

/// A text that is no cursor of this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this cursor was not issued for this list; start again without a cursor")]
pub struct CursorError;

#[derive(Serialize, Deserialize)]
struct Cursor {
    position: Position,
    check: Digest,
}

impl Position {
    /// As an opaque text that only this filter takes back.
    #[must_use]
    pub fn to_cursor(self, filter: &ListFilter) -> String {
        let cursor = Cursor { position: self, check: check(filter, self) };
        URL_SAFE_NO_PAD.encode(crate::journal::canonical_json(&cursor))
    }

    /// Reads what [`Position::to_cursor`] wrote for the same filter.
    ///
    /// The check is no secret: a position grants nothing that the list does not show anyway. It catches what was
    /// cut, changed or carried over from another list.
    pub fn from_cursor(text: &str, filter: &ListFilter) -> Result<Self, CursorError> {
        if text.len() > 512 {
            return Err(CursorError);
        }
        let json = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let cursor: Cursor = serde_json::from_slice(&json).map_err(|_| CursorError)?;
        if cursor.check == check(filter, cursor.position) { Ok(cursor.position) } else { Err(CursorError) }
    }
}

fn check(filter: &ListFilter, position: Position) -> Digest {
    Digest::of_json(&("cgr-request list cursor 1", filter, position))
}

/// A page's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageSize(u32);

/// A text that is no page size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("limit is a whole number from 1 to {MAX_PAGE}")]
pub struct PageSizeError;

impl PageSize {
    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Default for PageSize {
    fn default() -> Self {
        Self(DEFAULT_PAGE)
    }
}

impl FromStr for PageSize {
    type Err = PageSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(size @ 1..=MAX_PAGE) => Ok(Self(size)),
            _ => Err(PageSizeError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(status: Option<Status>, team: Option<&str>) -> ListFilter {
        ListFilter { status, team: team.map(|team| TeamName::new(team).unwrap()), requester: None, image: None }
    }

    #[test]
    fn a_cursor_is_taken_back_by_its_own_list_only() {
        let position = Position {
            submitted_at: "2026-11-23T18:51:45.123Z".parse().unwrap(),
            id: "req-01936f5e-7a2b-7c3d-8e4f-5a6b7c8d9e0f".parse().unwrap(),
        };
        let pending = filter(Some(Status::Pending), None);
        let cursor = position.to_cursor(&pending);
        assert_eq!(Position::from_cursor(&cursor, &pending), Ok(position));
        assert_eq!(Position::from_cursor(&cursor, &filter(Some(Status::Failed), None)), Err(CursorError));
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            // The last character carries unused bits; what decodes to the same bytes is the same cursor.
            if URL_SAFE_NO_PAD.decode(&changed) != URL_SAFE_NO_PAD.decode(&cursor) {
                assert_eq!(Position::from_cursor(&changed, &pending), Err(CursorError), "{at}");
            }
        }
        for forged in ["", "x", "e30", &"A".repeat(600)] {
            assert_eq!(Position::from_cursor(forged, &pending), Err(CursorError), "{forged}");
        }
    }

    #[test]
    fn the_narrowest_index_answers() {
        let team = TeamName::new("a").unwrap();
        let image: RepositoryName = "python".parse().unwrap();
        assert_eq!(filter(None, None).index(), None);
        assert_eq!(filter(None, Some("a")).index(), Some(Index::Team(&team)));
        assert_eq!(filter(Some(Status::Failed), Some("a")).index(), Some(Index::Team(&team)));
        assert_eq!(filter(Some(Status::Pending), Some("a")).index(), Some(Index::Status(Status::Pending)));
        assert_eq!(filter(Some(Status::Failed), None).index(), Some(Index::Status(Status::Failed)));
        let for_image = |filter: ListFilter| ListFilter { image: Some(image.clone()), ..filter };
        for filter in [filter(None, None), filter(None, Some("a")), filter(Some(Status::Pending), Some("a"))] {
            assert_eq!(for_image(filter).index(), Some(Index::Image(&image)));
        }
        let own = ListFilter { requester: Some("jane@acme.example".to_owned()), ..filter(None, None) };
        assert_eq!(for_image(own).index(), Some(Index::Requester("jane@acme.example")));
    }

    #[test]
    fn page_sizes_are_bounded() {
        assert!("1".parse::<PageSize>().is_ok() && "100".parse::<PageSize>().is_ok());
        for bad in ["0", "101", "-1", "x", ""] {
            assert_eq!(bad.parse::<PageSize>(), Err(PageSizeError));
        }
    }
}
