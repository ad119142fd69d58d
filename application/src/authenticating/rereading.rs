//! What a node changes about a key holds for its own next request; other nodes look for themselves.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::recorded::Cursor;

use super::Authenticating;
use crate::{identity::KEYS, ports::freshness::Freshness};

/// A read model of keys has been reached only when the keys in memory are asked for anew.
pub struct Rereading {
    pub freshness: Arc<dyn Freshness>,
    pub authenticating: Arc<Authenticating>,
}

#[async_trait]
impl Freshness for Rereading {
    async fn reached(&self, read_model: &str, cursor: Cursor) -> bool {
        let reached = self.freshness.reached(read_model, cursor).await;
        if read_model == KEYS {
            self.authenticating.look().await;
        }
        reached
    }

    async fn lag(&self, read_model: &str) -> u64 {
        self.freshness.lag(read_model).await
    }

    async fn has_all_before(&self, read_model: &str, age: Duration) -> bool {
        self.freshness.has_all_before(read_model, age).await
    }
}
