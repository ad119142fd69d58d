//! Reading keys. A key that was just issued is folded from its stream when its row is not there yet; by its secret it
//! is found only once it has one.

use application::{
    error::Error,
    queries::keys::{Changes, KeyQueries, KeyView},
};
use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{
    api_key::ApiKey,
    recorded::Stream,
    values::{AccountId, Digest, KeyId},
};
use infrastructure::event_log::Feed;
use sqlx::{PgPool, Row, types::Json};
use uuid::Uuid;

use super::fold::fold;

#[derive(Debug, Clone)]
pub struct PgKeys {
    pool: PgPool,
}

impl PgKeys {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn shown(&self, id: KeyId) -> Result<Option<KeyView>, sqlx::Error> {
        let row: Option<Json<KeyView>> =
            sqlx::query_scalar("select view from read.api_keys where key_id = $1")
                .bind(id.0)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|view| view.0))
    }

    async fn folded(&self, id: KeyId) -> Result<Option<KeyView>, sqlx::Error> {
        let stream = Stream { aggregate_type: ApiKey::TYPE.to_owned(), aggregate_id: id.to_string() };
        let mut row = None;
        for raw in Feed::stream(&self.pool, &stream).await? {
            // What this build cannot read, the projection parks: the view stays as it was before.
            let Ok(events) = raw.read() else { break };
            for recorded in events {
                row = fold(row, &recorded);
            }
        }
        Ok(row)
    }

    async fn page(
        &self,
        account: Option<AccountId>,
        limit: u32,
        offset: u32,
    ) -> Result<(Vec<KeyView>, u64), sqlx::Error> {
        const WHICH: &str = "from read.api_keys where $1::uuid is null or account_id = $1";
        let account = account.map(|account| account.0);
        let total: i64 = sqlx::query_scalar(&format!("select count(*) {WHICH}"))
            .bind(account)
            .fetch_one(&self.pool)
            .await?;
        let query = format!("select view {WHICH} order by issued_at desc, key_id limit $2 offset $3");
        let views: Vec<Json<KeyView>> = sqlx::query_scalar(&query)
            .bind(account)
            .bind(i64::from(limit))
            .bind(i64::from(offset))
            .fetch_all(&self.pool)
            .await?;
        Ok((views.into_iter().map(|view| view.0).collect(), u64::try_from(total).unwrap_or(0)))
    }

    /// Both in one statement, so that they are of one moment. A token that was only issued has not changed.
    async fn changes(&self, after: Option<i64>) -> Result<Changes, sqlx::Error> {
        let row = sqlx::query(
            "select array(select key_id from read.api_keys
                           where change > $1 and (revoked_at is not null or kind = 'session')) as keys,
                    coalesce((select max(change) from read.api_keys), 0) as newest",
        )
        .bind(after.unwrap_or(i64::MAX))
        .fetch_one(&self.pool)
        .await?;
        let keys: Vec<Uuid> = row.try_get("keys")?;
        Ok(Changes { keys: keys.into_iter().map(KeyId).collect(), newest: row.try_get("newest")? })
    }
}

#[async_trait]
impl KeyQueries for PgKeys {
    async fn by_secret(&self, sha256: &Digest) -> Result<Option<KeyView>, Error> {
        let row: Result<Option<Json<KeyView>>, _> =
            sqlx::query_scalar("select view from read.api_keys where secret_sha256 = $1")
                .bind(sha256.as_str())
                .fetch_optional(&self.pool)
                .await;
        row.map(|row| row.map(|view| view.0)).map_err(unavailable)
    }

    async fn by_id(&self, id: KeyId) -> Result<Option<KeyView>, Error> {
        match self.shown(id).await.map_err(unavailable)? {
            Some(view) => Ok(Some(view)),
            None => self.folded(id).await.map_err(unavailable),
        }
    }

    async fn list(
        &self,
        account: Option<AccountId>,
        limit: u32,
        offset: u32,
    ) -> Result<(Vec<KeyView>, u64), Error> {
        self.page(account, limit, offset).await.map_err(unavailable)
    }

    async fn changed_after(&self, change: Option<i64>) -> Result<Changes, Error> {
        self.changes(change).await.map_err(unavailable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err takes")]
fn unavailable(error: sqlx::Error) -> Error {
    tracing::debug!(%error, "keys cannot be read");
    Error::unavailable()
}
