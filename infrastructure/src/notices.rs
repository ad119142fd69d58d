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

    async fn claimed(&self) -> Result<Option<Notice>, sqlx::Error> {
        // An idle outbox must not write.
        sqlx::query(
            "update es.notices set state = 'given_up', ended_at = clock_timestamp()
              where notice in (select notice from es.notices
                                where state = 'waiting' and happened_at < clock_timestamp() - interval '1 day'
                                  for update skip locked)",
        )
        .execute(&self.pool)
        .await?;
        let claimed = sqlx::query(
            "with due as (
               select notice from es.notices where state = 'waiting' and due_at <= clock_timestamp()
                order by due_at, happened_at, notice limit 1 for update skip locked)
             update es.notices n set tries = n.tries + 1, due_at = clock_timestamp() + interval '30 seconds'
               from due where n.notice = due.notice
             returning n.notice, n.plugin_id, n.kind, n.version, n.threshold, n.tries - 1 as tries, n.due_at",
        )
        .fetch_optional(&self.pool)
        .await?;
        claimed.as_ref().map(read).transpose()
    }

    async fn settled(&self, notice: &Notice, fate: Fate) -> Result<(), sqlx::Error> {
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
              where notice = $1 and state = 'waiting' and tries = $4 + 1 and ($2 <> 'withheld' or due_at = $5)",
        )
        .bind(&notice.id)
        .bind(state)
        .bind(pause)
        .bind(i32::try_from(notice.tries).unwrap_or(i32::MAX))
        .bind(notice.until)
        .execute(&self.pool)
        .await
        .map(drop)
    }
}

#[async_trait]
impl Notices for PgNotices {
    async fn claim(&self) -> Result<Option<Notice>, Error> {
        self.claimed().await.map_err(|error| unavailable(&error))
    }

    async fn settle(&self, notice: &Notice, fate: Fate) -> Result<(), Error> {
        self.settled(notice, fate).await.map_err(|error| unavailable(&error))
    }
}

fn unavailable(error: &sqlx::Error) -> Error {
    tracing::debug!(%error, "the outbox of news did not answer");
    Error::unavailable()
}

fn read(row: &PgRow) -> Result<Notice, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    let (version, threshold): (Option<String>, Option<i64>) =
        (row.try_get("version")?, row.try_get("threshold")?);
    let tries: i32 = row.try_get("tries")?;
    let news = match kind.as_str() {
        "milestone" => News::Milestone(threshold.unwrap_or_default().unsigned_abs()),
        "release" => News::Release(version.unwrap_or_default()),
        _ => News::Package,
    };
    Ok(Notice {
        id: row.try_get("notice")?,
        plugin: PluginId(row.try_get("plugin_id")?),
        news,
        tries: tries.unsigned_abs(),
        until: row.try_get("due_at")?,
    })
}
