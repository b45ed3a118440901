//! The present, and names that nobody has used before.

use domain::id::RequestId;
use domain::ports::{Clock, NewIds};
use domain::time::Timestamp;
use uuid::Uuid;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one adapter")]
    fn now(&self) -> Timestamp {
        jiff::Timestamp::now().into()
    }
}

/// `UUIDv7`s.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl NewIds for RandomIds {
    fn request_id(&self) -> RequestId {
        RequestId::from_uuid(Uuid::now_v7())
    }

    fn lease_id(&self) -> String {
        Uuid::now_v7().to_string()
    }
}
