//! Rate limits across nodes, in `es.rate_buckets`: for each bucket the moment at which it is full again.

use std::{collections::HashMap, time::Duration};

use application::{
    error::Error,
    ports::quotas::{Quotas, Used},
};
use async_trait::async_trait;
use sqlx::PgPool;

#[derive(Debug, Clone)]
pub struct PgQuotas {
    pool: PgPool,
}

impl PgQuotas {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Quotas for PgQuotas {
    async fn settle(&self, used: &[Used]) -> Result<Vec<Duration>, Error> {
        if used.is_empty() {
            return Ok(Vec::new());
        }
        let buckets: Vec<&str> = used.iter().map(|used| used.bucket.as_str()).collect();
        let spent: Vec<i64> = used.iter().map(|used| micros(used.spent)).collect();
        let since: Vec<i64> = used.iter().map(|used| micros(used.since)).collect();
        // In one order on every node, so that two of them cannot wait for each other.
        let settled: Vec<(String, i64)> = sqlx::query_as(
            "with used as (
               select bucket, sum(spent)::bigint * interval '1 microsecond' as spent,
                      statement_timestamp() - max(since) * interval '1 microsecond' as began
                 from unnest($1::text[], $2::bigint[], $3::bigint[]) as u (bucket, spent, since) group by bucket)
             insert into es.rate_buckets as b (bucket, full_at)
             select bucket, began + spent from used order by bucket
             on conflict (bucket) do update
               set full_at = (select greatest(b.full_at, used.began) + used.spent
                                from used where used.bucket = excluded.bucket)
             returning bucket, (extract(epoch from full_at - statement_timestamp()) * 1000000)::bigint",
        )
        .bind(&buckets)
        .bind(&spent)
        .bind(&since)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| {
            tracing::debug!(%error, "rate limits cannot be shared");
            Error::unavailable()
        })?;
        let settled: HashMap<String, i64> = settled.into_iter().collect();
        let of_bucket = |bucket: &str| settled.get(bucket).copied().unwrap_or_default().max(0).unsigned_abs();
        Ok(buckets.into_iter().map(|bucket| Duration::from_micros(of_bucket(bucket))).collect())
    }
}

/// A year at most: no bucket takes longer, and a time beyond all calendars is none.
fn micros(spent: Duration) -> i64 {
    let spent = spent.min(Duration::from_hours(365 * 24));
    i64::try_from(spent.as_micros()).unwrap_or(i64::MAX)
}
