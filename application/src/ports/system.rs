//! Time and ids are ports, so that a whole run can be replayed in a test.

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub trait Clock: Send + Sync {
    fn now(&self) -> DateTime<Utc>;
}

pub trait Ids: Send + Sync {
    /// 122 random bits (UUIDv4): an id that may stand in for a credential.
    fn secret(&self) -> Uuid;
}
