//! Reading one's own writes.

use std::time::Duration;

use async_trait::async_trait;
use domain::recorded::Cursor;

#[async_trait]
pub trait Freshness: Send + Sync {
    /// Waits, two seconds at most, until the read model has passed the cursor; false if it gave up.
    async fn reached(&self, read_model: &str, cursor: Cursor) -> bool;

    /// How many events the read model has not taken in yet; 0 if nobody can tell.
    async fn lag(&self, read_model: &str) -> u64;

    /// Whether the read model has taken in all that was recorded at least this long ago, and holds nothing back that it
    /// could not apply; false if nobody can tell.
    async fn has_all_before(&self, read_model: &str, age: Duration) -> bool;
}
