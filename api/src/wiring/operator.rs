//! What the operator asks of the read models: how far they are, to make one again, to try parked events again.

use std::sync::Arc;

use application::{Error, Kind, signal::Signal};
use async_trait::async_trait;
use infrastructure::{
    event_log::{Feed, Life, life},
    postgres::Pools,
    subscription::{Projection, RebuildError, Runner, Signals, rebuild, statuses},
    uv::Uv,
};
use serde_json::{Value, json};

use crate::{
    admin::Projections,
    health::{Fallback, Health},
};

/// A reader this far behind would show the past.
const READY_WITHIN: i64 = 1_000;
const READY_WITHIN_SECONDS: f64 = 60.0;

pub(crate) struct Operator {
    pools: Pools,
    projections: Vec<Arc<dyn Projection>>,
    projected: Signal,
    uv: Option<Arc<Uv>>,
}

impl Operator {
    pub(crate) fn new(pools: Pools, projections: Vec<Arc<dyn Projection>>, projected: Signal) -> Self {
        Self { pools, projections, projected, uv: None }
    }

    /// Tells of these tools too.
    pub(super) fn with_tools(self, uv: Arc<Uv>) -> Self {
        Self { uv: Some(uv), ..self }
    }

    fn named(&self, name: &str) -> Result<Arc<dyn Projection>, Error> {
        let found = self.projections.iter().find(|projection| projection.name() == name);
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = self.projections.iter().map(|projection| projection.name()).collect();
            Error::not_found(format!("No projection {name}; there are: {}", known.join(", ")))
        })
    }
}

#[async_trait]
impl Projections for Operator {
    async fn list(&self) -> Result<Value, Error> {
        let head = Feed::head(&self.pools.reads).await.map_err(|error| unavailable(&error))?;
        let statuses = statuses(&self.pools.reads).await.map_err(|error| unavailable(&error))?;
        let rows: Vec<_> = statuses
            .iter()
            .map(|status| {
                json!({
                    "subscription": status.subscription,
                    "generation": status.generation,
                    "status": status.status,
                    "position": status.position,
                    "lag": status.lag,
                    "parked": status.parked,
                    "error": status.error,
                })
            })
            .collect();
        Ok(json!({"log": {"position": head.position, "epoch": head.epoch}, "projections": rows}))
    }

    async fn rebuild(&self, name: &str) -> Result<Value, Error> {
        let projection = self.named(name)?;
        let mut owner = self.pools.own_connection().await.map_err(|error| unavailable(&error))?;
        let rebuilt =
            rebuild(&mut owner, &self.pools.writes, projection.as_ref(), |_| {}).await.map_err(|error| {
                match error {
                    interrupted @ RebuildError::Interrupted(_) => {
                        tracing::warn!(error = %interrupted, "a read model was not made again");
                        Error::unavailable()
                    }
                    RebuildError::Apply(infrastructure::subscription::ApplyError::Database(error)) => {
                        unavailable(&error)
                    }
                    busy @ RebuildError::Busy(_) => Error::new(Kind::Conflict, busy.to_string()),
                    other @ (RebuildError::Apply(_)
                    | RebuildError::NotLive(_)
                    | RebuildError::NotRebuildable(_)
                    | RebuildError::Unreadable(..)) => Error::invalid(other.to_string()),
                }
            })?;
        self.projected.raise();
        Ok(json!({
            "projection": name,
            "generation": rebuilt.generation,
            "events": rebuilt.events,
            "same_as_before": rebuilt.same_as_before,
            "swap_ms": u64::try_from(rebuilt.swap.as_millis()).unwrap_or(u64::MAX),
        }))
    }

    async fn retry(&self, name: &str) -> Result<Value, Error> {
        let runner = Runner::new(self.named(name)?, self.pools.writes.clone(), Signals::default());
        let applied = runner.retry().await.map_err(|error| unavailable(&error))?;
        self.projected.raise();
        Ok(json!({"projection": name, "applied": applied}))
    }
}

#[async_trait]
impl Health for Operator {
    async fn ready(&self) -> Result<(), &'static str> {
        let life = life(&self.pools.reads).await.map_err(|_unreachable| "DATABASE")?;
        if life == Life::Moved {
            return Err("LOG_MOVED");
        }
        let statuses = statuses(&self.pools.reads).await.map_err(|_unreachable| "DATABASE")?;
        let behind = statuses.iter().any(|status| {
            let parked = i64::try_from(status.parked.len()).unwrap_or(i64::MAX);
            let late = status.lag - parked > READY_WITHIN || status.lag_seconds > READY_WITHIN_SECONDS;
            status.status == "halted" || (status.status == "live" && late)
        });
        if behind { Err("PROJECTIONS") } else { Ok(()) }
    }

    fn fallback(&self) -> Fallback {
        let status = self.uv.as_ref().map(|uv| uv.status()).unwrap_or_default();
        Fallback { uv: status.uv, uv_is_fetched_on_need: status.to_be_fetched, python: status.python }
    }
}

fn unavailable(error: &impl std::fmt::Display) -> Error {
    tracing::debug!(%error, "the database did not answer");
    Error::unavailable()
}
