//! The real clock, real randomness.

use application::ports::system::{Clock, Ids};
use chrono::{DateTime, Utc};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

impl Ids for System {
    fn secret(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// An id that sorts by its time, for events.
#[expect(clippy::disallowed_methods, reason = "this is the source of event ids")]
pub(crate) fn event_id() -> Uuid {
    Uuid::now_v7()
}
