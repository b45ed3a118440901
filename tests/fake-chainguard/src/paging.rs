//! v2's pages: `page_size`, `page_token`, `order_by`, `skip` (FACTS §2.0).

use std::{cmp::Ordering, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{query::Query, repository::Repository, status::Status, time::after, uidp};

const DEFAULT_SIZE: usize = 50;
/// A larger `page_size` is clamped, not refused (comment at v2's `ListCatalogImagesRequest`).
const MAX_SIZE: usize = 200;
const TOKEN_LIFETIME: Duration = Duration::from_hours(3 * 24);

/// By what a list is ordered. The fields are those of the documentation's examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Field {
    Uid,
    Name,
    CreatedAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Direction {
    Ascending,
    Descending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    field: Field,
    direction: Direction,
}

impl Order {
    /// `field [asc|desc]`; nothing means `uid asc`. What another field answers is not known, and it is refused here.
    fn parse(text: &str) -> Result<Self, Status> {
        let mut words = text.split_whitespace();
        let field = match words.next() {
            None | Some("uid") => Field::Uid,
            Some("name") => Field::Name,
            Some("created_at") => Field::CreatedAt,
            Some(_) => return Err(unordered(text)),
        };
        let direction = match (words.next(), words.next()) {
            (None | Some("asc"), None) => Direction::Ascending,
            (Some("desc"), None) => Direction::Descending,
            _ => return Err(unordered(text)),
        };
        Ok(Self { field, direction })
    }

    /// What a repository is ordered by; the id makes the order total.
    fn key(self, repository: &Repository) -> Key {
        let field = match self.field {
            Field::Uid => String::new(),
            Field::Name => repository.name.clone(),
            // Fixed width, so that text order is time order.
            Field::CreatedAt => format!("{:.9}", repository.create_time),
        };
        Key { field, uid: repository.id.clone() }
    }

    fn compare(self, left: &Key, right: &Key) -> Ordering {
        match self.direction {
            Direction::Ascending => left.cmp(right),
            Direction::Descending => right.cmp(left),
        }
    }
}

fn unordered(text: &str) -> Status {
    Status::invalid_argument(format!("order_by {text:?} is not \"field [asc|desc]\" of a known field"))
}

/// A place in an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    field: String,
    uid: String,
}

/// What an opaque page token holds: the last place of its page, so that what is created or deleted between two pages
/// neither repeats nor hides anything else.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    order: Order,
    last: Key,
    skipped: u32,
    expires: Timestamp,
}

impl Token {
    fn encode(&self) -> Result<String, Status> {
        let json = serde_json::to_vec(self).map_err(|error| Status::internal(error.to_string()))?;
        Ok(uidp::hex(&json))
    }

    fn decode(text: &str) -> Option<Self> {
        let digits: Vec<u8> = text
            .chars()
            .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let json: Vec<u8> = digits
            .chunks(2)
            .map(|pair| if let [high, low] = pair { Some(high << 4 | low) } else { None })
            .collect::<Option<_>>()?;
        serde_json::from_slice(&json).ok()
    }
}

/// Which page is asked for.
#[derive(Debug)]
pub(crate) struct PageRequest {
    size: usize,
    order: Order,
    token: Option<Token>,
    skip: u32,
}

/// A page.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) items: Vec<&'a Repository>,
    /// Empty on the last page.
    pub(crate) next_page_token: String,
    /// Of the whole list.
    pub(crate) total: usize,
    /// On this page and on those before it.
    pub(crate) skipped: u32,
}

impl PageRequest {
    pub(crate) fn from_query(query: &Query) -> Result<Self, Status> {
        let size = match usize::try_from(query.int32("page_size")?) {
            Ok(0) => DEFAULT_SIZE,
            Ok(size) => size.min(MAX_SIZE),
            Err(_negative) => return Err(Status::invalid_argument("page_size must not be negative")),
        };
        let skip = u32::try_from(query.int32("skip")?)
            .map_err(|_negative| Status::invalid_argument("skip must not be negative"))?;
        let order = Order::parse(&query.text("order_by")?.unwrap_or_default())?;
        let token = match query.text("page_token")? {
            None => None,
            Some(text) => match Token::decode(&text) {
                Some(token) if token.order == order => Some(token),
                // Changing the order invalidates the token; that this is refused rather than ignored is assumed.
                Some(_) | None => return Err(Status::invalid_argument("page_token is not valid for this list")),
            },
        };
        Ok(Self { size, order, token, skip })
    }

    /// The page of all that match. An expired token starts over without an error (FACTS §2.0).
    pub(crate) fn cut(self, matching: Vec<&Repository>, now: Timestamp) -> Result<Page<'_>, Status> {
        let Self { size, order, token, skip } = self;
        let total = matching.len();
        let token = token.filter(|token| now < token.expires);
        let skipped_before = token.as_ref().map_or(0, |token| token.skipped);
        let mut keyed: Vec<(Key, &Repository)> =
            matching.into_iter().map(|repository| (order.key(repository), repository)).collect();
        if let Some(token) = &token {
            keyed.retain(|(key, _)| order.compare(key, &token.last) == Ordering::Greater);
        }
        keyed.sort_by(|(left, _), (right, _)| order.compare(left, right));

        let skipping = usize::try_from(skip).unwrap_or(usize::MAX).min(keyed.len());
        let skipped = skipped_before.saturating_add(u32::try_from(skipping).unwrap_or(u32::MAX));
        let rest = keyed.split_off(skipping);
        let page: Vec<_> = rest.iter().take(size).collect();
        let next_page_token = match page.last() {
            Some((last, _)) if rest.len() > page.len() => {
                Token { order, last: last.clone(), skipped, expires: after(now, TOKEN_LIFETIME) }.encode()?
            }
            Some(_) | None => String::new(),
        };
        let items = page.into_iter().map(|(_, repository)| *repository).collect();
        Ok(Page { items, next_page_token, total, skipped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repos::blank;

    const ORG: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f9001122334";

    fn repositories(names: &[&str]) -> Vec<Repository> {
        names
            .iter()
            .map(|name| Repository {
                name: (*name).to_owned(),
                ..blank(uidp::named_child(ORG, name), Timestamp::UNIX_EPOCH)
            })
            .collect()
    }

    fn page<'a>(query: &str, repositories: &'a [Repository], now: Timestamp) -> Page<'a> {
        PageRequest::from_query(&Query::parse(query)).unwrap().cut(repositories.iter().collect(), now).unwrap()
    }

    fn names(page: &Page<'_>) -> Vec<String> {
        page.items.iter().map(|repository| repository.name.clone()).collect()
    }

    #[test]
    fn an_expired_token_starts_over_and_a_live_one_goes_on() {
        let all = repositories(&["a", "b", "c"]);
        let start = Timestamp::UNIX_EPOCH;
        let first = page("page_size=2&order_by=name", &all, start);
        assert_eq!(names(&first), ["a", "b"]);
        let query = format!("page_size=2&order_by=name&page_token={}", first.next_page_token);
        assert_eq!(names(&page(&query, &all, start)), ["c"]);
        assert_eq!(names(&page(&query, &all, after(start, TOKEN_LIFETIME))), ["a", "b"]);
    }

    #[test]
    fn what_is_deleted_between_two_pages_hides_nothing() {
        let mut all = repositories(&["a", "b", "c", "d"]);
        let first = page("page_size=2&order_by=name", &all, Timestamp::UNIX_EPOCH);
        let query = format!("page_size=2&order_by=name&page_token={}", first.next_page_token);
        all.remove(0);
        assert_eq!(names(&page(&query, &all, Timestamp::UNIX_EPOCH)), ["c", "d"]);
    }

    #[test]
    fn skipped_results_add_up_over_the_pages() {
        let all = repositories(&["a", "b", "c", "d", "e"]);
        let first = page("pageSize=1&orderBy=name%20desc&skip=1", &all, Timestamp::UNIX_EPOCH);
        assert_eq!((names(&first), first.skipped, first.total), (vec!["d".to_owned()], 1, 5));
        let query = format!("pageSize=1&orderBy=name%20desc&skip=1&pageToken={}", first.next_page_token);
        let second = page(&query, &all, Timestamp::UNIX_EPOCH);
        assert_eq!((names(&second), second.skipped), (vec!["b".to_owned()], 2));
    }

    #[test]
    fn what_is_not_a_page_is_refused() {
        for query in [
            "page_size=-1",
            "page_size=many",
            "skip=-1",
            "order_by=colour",
            "order_by=name%20down",
            "order_by=name%20asc%20uid",
            "page_token=xyz",
            "page_token=abc",
        ] {
            assert!(PageRequest::from_query(&Query::parse(query)).is_err(), "{query}");
        }
        let all = repositories(&["a", "b"]);
        let token = page("page_size=1&order_by=name", &all, Timestamp::UNIX_EPOCH).next_page_token;
        let other_order = format!("page_size=1&order_by=name%20desc&page_token={token}");
        assert!(PageRequest::from_query(&Query::parse(&other_order)).is_err());
    }

    #[test]
    fn the_page_size_defaults_to_50_and_is_clamped_to_200() {
        let size = |query: &str| PageRequest::from_query(&Query::parse(query)).unwrap().size;
        assert_eq!((size(""), size("page_size=0"), size("page_size=7"), size("page_size=999")), (50, 50, 7, 200));
    }
}
