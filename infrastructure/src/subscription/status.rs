//! How far the readers are: for people, for `/readyz`, and for whoever waits for a write to show.

use std::{collections::HashMap, time::Duration};

use application::ports::freshness::Freshness;
use async_trait::async_trait;
use domain::recorded::Cursor;
use sqlx::{PgPool, Row};
use tokio::{sync::watch, time::Instant};
use uuid::Uuid;

use super::{Runner, checkpoint};

/// Counting stops here: a reader this far behind is simply far behind.
const MOST_LAG: i64 = 100_000;
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionStatus {
    pub subscription: String,
    pub generation: i32,
    /// `building`, `live`, `halted` or `retired`.
    pub status: String,
    pub position: i64,
    /// Events not yet applied, parked ones included.
    pub lag: i64,
    /// Age of the oldest event not yet applied.
    pub lag_seconds: f64,
    pub parked: Vec<Uuid>,
    pub error: Option<String>,
}

/// Every generation but the retired ones.
pub async fn statuses(pool: &PgPool) -> Result<Vec<SubscriptionStatus>, sqlx::Error> {
    let rows = sqlx::query(
        "select c.subscription, c.generation, c.status, c.global_position as position,
                coalesce(c.error, (select p.error from es.parked_events p
                                    where p.subscription = c.subscription and p.generation = c.generation
                                    order by p.tries desc, p.parked_at limit 1)) as error,
                array(select p.event_id from es.parked_events p
                       where p.subscription = c.subscription and p.generation = c.generation
                       order by p.parked_at, p.sequence) as parked,
                (select count(*) from (select 1 from es.events e
                   where (e.epoch, e.transaction_id, e.global_position)
                         > (c.epoch, c.transaction_id, c.global_position)
                   order by e.epoch, e.transaction_id, e.global_position limit $1) l) as lag,
                coalesce((select extract(epoch from clock_timestamp() - e.recorded_at)::float8 from es.events e
                   where (e.epoch, e.transaction_id, e.global_position)
                         > (c.epoch, c.transaction_id, c.global_position)
                   order by e.epoch, e.transaction_id, e.global_position limit 1), 0) as lag_seconds
           from es.checkpoints c where c.status <> 'retired' order by c.subscription, c.generation",
    )
    .bind(MOST_LAG)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            let parked: Vec<Uuid> = row.try_get("parked")?;
            let behind: i64 = row.try_get("lag")?;
            Ok(SubscriptionStatus {
                subscription: row.try_get("subscription")?,
                generation: row.try_get("generation")?,
                status: row.try_get("status")?,
                position: row.try_get("position")?,
                lag: behind + i64::try_from(parked.len()).unwrap_or(i64::MAX),
                lag_seconds: row.try_get::<f64, _>("lag_seconds")?.max(0.0),
                error: row.try_get("error")?,
                parked,
            })
        })
        .collect()
}

/// About how many events the slowest of the live ones has not applied; zero only when there are none. Nothing is counted,
/// so that it can be asked again and again.
pub async fn behind(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let behind: Option<i64> = sqlx::query_scalar(
        "select greatest(1, h.global_position - c.global_position)
           from (select epoch, transaction_id, global_position from es.checkpoints where status = 'live'
                  order by epoch, transaction_id, global_position limit 1) c
          cross join lateral (select 1 from es.events e
                   where (e.epoch, e.transaction_id, e.global_position)
                         > (c.epoch, c.transaction_id, c.global_position)
                   order by e.epoch, e.transaction_id, e.global_position limit 1) after
          cross join lateral (select e.global_position from es.events e
                   order by e.epoch desc, e.transaction_id desc, e.global_position desc limit 1) h",
    )
    .fetch_optional(pool)
    .await?;
    Ok(behind.and_then(|behind| u64::try_from(behind).ok()).unwrap_or_default())
}

/// Waits for read models: on this node's runner, or on the checkpoint row when another node does the work.
pub struct Freshly {
    reached: HashMap<&'static str, watch::Receiver<Cursor>>,
    pool: PgPool,
}

impl Freshly {
    pub fn new(runners: &[std::sync::Arc<Runner>], pool: PgPool) -> Self {
        Self { reached: runners.iter().map(|runner| (runner.name(), runner.reached())).collect(), pool }
    }
}

#[async_trait]
impl Freshness for Freshly {
    async fn reached(&self, read_model: &str, cursor: Cursor) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut own = self.reached.get(read_model).cloned();
        while Instant::now() < deadline {
            let soon = (Instant::now() + Duration::from_millis(50)).min(deadline);
            let here = async {
                match &mut own {
                    Some(own) => own.wait_for(|reached| *reached >= cursor).await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            if let Ok(true) = tokio::time::timeout_at(soon, here).await {
                return true;
            }
            match checkpoint::live(&self.pool, read_model).await {
                Ok(Some(live)) if live.cursor >= cursor => return true,
                Ok(_) | Err(_) => {}
            }
        }
        false
    }

    async fn lag(&self, read_model: &str) -> u64 {
        let statuses = statuses(&self.pool).await.unwrap_or_default();
        let live = statuses.iter().find(|one| one.subscription == read_model && one.status != "building");
        live.and_then(|live| u64::try_from(live.lag).ok()).unwrap_or(0)
    }

    async fn has_all_before(&self, read_model: &str, age: Duration) -> bool {
        let statuses = statuses(&self.pool).await.unwrap_or_default();
        let live = statuses.iter().find(|one| one.subscription == read_model && one.status == "live");
        live.is_some_and(|live| live.parked.is_empty() && live.lag_seconds <= age.as_secs_f64())
    }
}
