//! The outbox `es.notices`, as the process that posts uses it. Times go by the database's clock.

use application::{
    error::Error,
    ports::notices::{Fate, News, Notice, Notices},
};
use async_trait::async_trait;
use domain::values::PluginId;
use sqlx::{PgPool, Row, postgres::PgRow};

#[derive(Debug, Clone)]
pub struct PgNotices {
    pool: PgPool,
}

impl PgNotices {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn claimed(&self, most: u32) -> Result<Vec<Notice>, sqlx::Error> {
        // An idle outbox must not write.
        sqlx::query(
            "update es.notices set state = 'given_up', ended_at = clock_timestamp()
              where notice in (select notice from es.notices
                                where state = 'waiting' and happened_at < clock_timestamp() - interval '1 day'
                                  for update skip locked)",
        )
        .execute(&self.pool)
        .await?;
        let rows = sqlx::query(
            "with due as (
               select notice from es.notices where state = 'waiting' and due_at <= clock_timestamp()
                order by due_at, happened_at, notice limit $1 for update skip locked)
             update es.notices n set tries = n.tries + 1, due_at = clock_timestamp() + interval '30 seconds'
               from due where n.notice = due.notice
             returning n.notice, n.plugin_id, n.kind, n.version, n.threshold, n.tries - 1 as tries, n.happened_at",
        )
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?;
        let mut claimed = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        claimed.sort_by_key(|(happened_at, _)| *happened_at);
        Ok(claimed.into_iter().map(|(_, notice)| notice).collect())
    }

    async fn settled(&self, id: &str, fate: Fate) -> Result<(), sqlx::Error> {
        let (state, pause) = match fate {
            Fate::Posted => ("posted", 0.0),
            Fate::Withheld => ("withheld", 0.0),
            Fate::GivenUp => ("given_up", 0.0),
            Fate::Later(pause) => ("waiting", pause.as_secs_f64()),
        };
        sqlx::query(
            "update es.notices
                set state = $2, due_at = clock_timestamp() + $3 * interval '1 second',
                    ended_at = case when $2 = 'waiting' then null else clock_timestamp() end
              where notice = $1 and state = 'waiting'",
        )
        .bind(id)
        .bind(state)
        .bind(pause)
        .execute(&self.pool)
        .await
        .map(drop)
    }
}

#[async_trait]
impl Notices for PgNotices {
    async fn claim(&self, most: u32) -> Result<Vec<Notice>, Error> {
        self.claimed(most).await.map_err(|error| unavailable(&error))
    }

    async fn settle(&self, id: &str, fate: Fate) -> Result<(), Error> {
        self.settled(id, fate).await.map_err(|error| unavailable(&error))
    }
}

fn unavailable(error: &sqlx::Error) -> Error {
    tracing::debug!(%error, "the outbox of news did not answer");
    Error::unavailable()
}

fn read(row: &PgRow) -> Result<(chrono::DateTime<chrono::Utc>, Notice), sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    let (version, threshold): (Option<String>, Option<i64>) =
        (row.try_get("version")?, row.try_get("threshold")?);
    let tries: i32 = row.try_get("tries")?;
    let news = match kind.as_str() {
        "milestone" => News::Milestone(threshold.unwrap_or_default().unsigned_abs()),
        "release" => News::Release(version.unwrap_or_default()),
        _ => News::Package,
    };
    let notice = Notice {
        id: row.try_get("notice")?,
        plugin: PluginId(row.try_get("plugin_id")?),
        news,
        tries: tries.unsigned_abs(),
    };
    Ok((row.try_get("happened_at")?, notice))
}
