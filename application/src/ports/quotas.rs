//! Rate limits that hold across nodes without a write per request: nodes tell each other now and then.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Error;

/// What one node has used of one bucket since it last said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Names principal or address in hashed form, and the limit.
    pub bucket: String,
    /// In the time it takes to refill.
    pub spent: Duration,
    /// How long ago the first of it was used: since then it refills.
    pub since: Duration,
}

#[async_trait]
pub trait Quotas: Send + Sync {
    /// Adds to the shared buckets in one statement and says for each, in the same order, how long it takes to be full
    /// again.
    async fn settle(&self, used: &[Used]) -> Result<Vec<Duration>, Error>;
}
