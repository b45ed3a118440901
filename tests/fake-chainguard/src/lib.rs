//! A stand-in for Chainguard's platform API, as strict and as odd as the real one.
//!
//! It runs in the process that needs it: the embedded runtime serves it unless another API is named, and tests drive
//! it, look into it and break it. Its measure is the project's fact sheet (`chainguard/FACTS.md`) and the samples beside
//! it, every one of which a test replays. Where the sheet says that something is not known, the code that had to choose
//! says so in a comment.
//!
//! The three hosts of the real service (console API, issuer, console back end) are one listener here; their paths do
//! not collide.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use fake_chainguard::{Fault, FakeChainguard, Options, Route};
//!
//! let fake = FakeChainguard::new(Options::default());
//! fake.faults().push(Route::CreateRepo, Fault::DropAfter, 1);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! fake.serve(listener, std::future::pending()).await
//! # }
//! ```

mod aws;
mod body;
mod calls;
mod capabilities;
mod catalog;
mod control;
mod entitlements;
mod events;
mod fake;
mod faults;
mod graphql;
mod groups;
mod identities;
mod journal;
mod keys;
mod options;
mod paging;
mod query;
mod repos;
mod repos_v2;
mod repository;
mod routing;
mod signed_request;
mod state;
mod status;
mod sts;
mod subscriptions;
mod tags;
mod time;
mod tokens;
mod uidp;

pub use aws::AwsRole;
pub use calls::Call;
pub use catalog::{Catalog, CatalogError, Image, Tier};
pub use events::{Delivery, Dialect, Event, EventKind, Forgery};
pub use fake::{DeliveryError, FakeChainguard};
pub use faults::{Fault, Faults};
pub use identities::{Identity, Trust};
pub use journal::OpenError;
pub use options::{Entitlement, Options, TokenCheck};
pub use repository::{Reads, Repository, Source};
pub use routing::Route;
pub use state::StateError;
pub use subscriptions::Subscription;
