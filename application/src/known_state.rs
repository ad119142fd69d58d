//! The state of the read models as this node knows it, so that not every answer has to ask for it. What this node has
//! projected, or has waited for, is always in; what other nodes project is seen a tenth of a second later.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use domain::recorded::Cursor;
use futures::FutureExt as _;
use tokio::{sync::Mutex, time::Instant};

use crate::{
    error::Error,
    ports::freshness::Freshness,
    queries::catalogue::{CatalogueQueries, State},
    signal::{Signal, Waiter},
};

const BELIEVED: Duration = Duration::from_millis(100);

pub struct KnownState {
    catalogue: Arc<dyn CatalogueQueries>,
    known: Mutex<Known>,
}

struct Known {
    state: Option<(Instant, State)>,
    changes: Vec<Waiter>,
}

impl KnownState {
    /// Any of the signals makes it ask again.
    pub fn new(catalogue: Arc<dyn CatalogueQueries>, changes: &[&Signal]) -> Self {
        let changes = changes.iter().map(|signal| signal.waiter()).collect();
        Self { catalogue, known: Mutex::new(Known { state: None, changes }) }
    }

    pub async fn get(&self) -> Result<State, Error> {
        let mut known = self.known.lock().await;
        // Before the question: what changes while it is on its way is another change.
        if known.has_changed() {
            known.state = None;
        }
        if let Some((asked, state)) = &known.state
            && asked.elapsed() < BELIEVED
        {
            return Ok(state.clone());
        }
        let asked = Instant::now();
        let state = self.catalogue.state().await?;
        known.state = Some((asked, state.clone()));
        Ok(state)
    }
}

impl Known {
    fn has_changed(&mut self) -> bool {
        let raised = self.changes.iter_mut().map(|change| change.raised().now_or_never().is_some());
        raised.fold(false, |any, one| any | one)
    }
}

/// A [`Freshness`] that tells whenever somebody has waited for a read model: what he then asks for must show it.
pub struct Noticing {
    pub freshness: Arc<dyn Freshness>,
    pub noticed: Signal,
}

#[async_trait]
impl Freshness for Noticing {
    async fn reached(&self, read_model: &str, cursor: Cursor) -> bool {
        let reached = self.freshness.reached(read_model, cursor).await;
        self.noticed.raise();
        reached
    }

    async fn lag(&self, read_model: &str) -> u64 {
        self.freshness.lag(read_model).await
    }

    async fn has_all_before(&self, read_model: &str, age: Duration) -> bool {
        self.freshness.has_all_before(read_model, age).await
    }
}
