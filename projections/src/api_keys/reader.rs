//! Reading keys. The rows say where to look, and make up the lists; what a decision is taken by is folded from the one
//! stream, because a revocation holds although some foreign transaction, or a reader that has halted, keeps its row from
//! changing. What the rows do not show yet is found beyond the checkpoint that serves.

use application::{
    error::Error,
    queries::keys::{Changes, KeyQueries, KeyView},
};
use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{
    api_key::{ApiKey, KeyKind},
    values::{AccountId, Digest, KeyId},
};
use sqlx::{PgPool, Row, types::Json};
use uuid::Uuid;

use super::ApiKeys;
use crate::per_stream::{Folded, folded};

/// The events of keys that the rows do not show yet, horizon or not. The order makes a generic plan take the index.
const BEYOND: &str = "(select e.aggregate_id, e.event_type, e.payload
       from es.checkpoints c
      cross join lateral (select * from es.events e
                           where e.aggregate_type = 'api_key'
                             and (e.epoch, e.transaction_id, e.global_position)
                                 > (c.epoch, c.transaction_id, c.global_position)
                           order by e.epoch, e.transaction_id, e.global_position) e
      where c.subscription = 'api_keys' and c.status in ('live', 'halted')) beyond";
/// More than anybody's memory forgets one by one.
const MOST_BEYOND: u32 = 10_000;

#[derive(Debug, Clone)]
pub struct PgKeys {
    pool: PgPool,
}

impl PgKeys {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// By its newest secret.
    async fn found(&self, sha256: &Digest) -> Result<Option<KeyView>, Error> {
        let query = format!(
            "select key_id from read.api_keys where secret_sha256 = $1
             union all
             select aggregate_id::uuid from {BEYOND} where payload ->> 'secret_sha256' = $1
             limit 1"
        );
        let query = sqlx::query_scalar(&query).bind(sha256.as_str());
        let id: Option<Uuid> = query.fetch_optional(&self.pool).await.map_err(unavailable)?;
        let Some(id) = id else { return Ok(None) };
        Ok(self.folded(KeyId(id)).await?.filter(|key| key.secret_sha256 == *sha256))
    }

    async fn held(&self, account: AccountId, kind: Option<KeyKind>) -> Result<Vec<KeyId>, sqlx::Error> {
        let query = format!(
            "select key_id from read.api_keys
              where account_id = $1 and revoked_at is null and ($2::text is null or kind = $2)
             union
             select aggregate_id::uuid from {BEYOND}
              where event_type = 'ApiKeyIssued' and (payload ->> 'account_uid')::uuid = $1
                and ($2::text is null or payload ->> 'kind' = $2)"
        );
        let query = sqlx::query_scalar(&query).bind(account.0).bind(kind.map(super::name_of));
        let ids: Vec<Uuid> = query.fetch_all(&self.pool).await?;
        Ok(ids.into_iter().map(KeyId).collect())
    }

    /// Nobody is let in by what this build reads only in part.
    async fn folded(&self, id: KeyId) -> Result<Option<KeyView>, Error> {
        match folded::<ApiKeys>(&self.pool, ApiKey::TYPE, id).await {
            Ok(Folded { view, is_whole: true }) => Ok(view),
            Ok(Folded { is_whole: false, .. }) => {
                tracing::error!(%id, "a stream holds what this build cannot read");
                Err(Error::unavailable())
            }
            Err(error) => Err(unavailable(error)),
        }
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

    /// All in one statement, so that it is of one moment. A token that was only issued has not changed.
    async fn changes(&self, after: Option<i64>) -> Result<Changes, sqlx::Error> {
        let query = format!(
            "select array(select key_id from read.api_keys
                           where change > $1 and (revoked_at is not null or kind = 'session'))
                    || array(select aggregate_id::uuid from {BEYOND}
                              where event_type <> 'ApiKeyIssued' limit {MOST_BEYOND}) as keys,
                    coalesce((select max(change) from read.api_keys), 0) as newest"
        );
        let row = sqlx::query(&query).bind(after.unwrap_or(i64::MAX)).fetch_one(&self.pool).await?;
        let keys: Vec<Uuid> = row.try_get("keys")?;
        Ok(Changes { keys: keys.into_iter().map(KeyId).collect(), newest: row.try_get("newest")? })
    }
}

#[async_trait]
impl KeyQueries for PgKeys {
    async fn by_secret(&self, sha256: &Digest) -> Result<Option<KeyView>, Error> {
        self.found(sha256).await
    }

    async fn by_id(&self, id: KeyId) -> Result<Option<KeyView>, Error> {
        self.folded(id).await
    }

    async fn held_by(&self, account: AccountId, kind: Option<KeyKind>) -> Result<Vec<KeyId>, Error> {
        self.held(account, kind).await.map_err(unavailable)
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
