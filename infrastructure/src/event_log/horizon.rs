//! What holds the feed back, for whoever watches over it.

use std::time::Duration;

use sqlx::{PgPool, Row};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Horizon {
    /// Age of the oldest event that is stored and may not be read yet.
    pub held: Duration,
    pub oldest_writer: Option<OldestWriter>,
}

/// The oldest transaction of the whole cluster, other databases included, that may still write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldestWriter {
    pub database: String,
    pub application: String,
    pub age: Duration,
}

pub async fn horizon(pool: &PgPool) -> Result<Horizon, sqlx::Error> {
    let held: f64 = sqlx::query_scalar(
        "select coalesce(extract(epoch from clock_timestamp() - min(e.recorded_at)), 0)::float8 from es.events e
          where e.epoch = (select epoch from es.log_epoch)
            and e.transaction_id >= pg_snapshot_xmin(pg_current_snapshot())",
    )
    .fetch_one(pool)
    .await?;
    let writer = sqlx::query(
        "select coalesce(datname, '') as database, coalesce(application_name, '') as application,
                extract(epoch from clock_timestamp() - xact_start)::float8 as age
           from pg_stat_activity where backend_xid is not null and xact_start is not null
          order by xact_start limit 1",
    )
    .fetch_optional(pool)
    .await?;
    let oldest_writer = writer.map(|row| {
        Ok::<_, sqlx::Error>(OldestWriter {
            database: row.try_get("database")?,
            application: row.try_get("application")?,
            age: seconds(row.try_get("age")?),
        })
    });
    Ok(Horizon { held: seconds(held), oldest_writer: oldest_writer.transpose()? })
}

/// A clock that went back is no age.
fn seconds(age: f64) -> Duration {
    Duration::try_from_secs_f64(age).unwrap_or_default()
}
