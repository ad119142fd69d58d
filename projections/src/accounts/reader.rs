//! Reading accounts. The rows make up the lists; one account is folded from its stream, because whoever is let in by its
//! password and its role must not be let in by those of before.

use application::{
    error::Error,
    queries::keys::{AccountQueries, AccountView},
};
use async_trait::async_trait;
use cqrs_es::Aggregate as _;
use domain::{account::Account, values::AccountId};
use sqlx::{PgPool, types::Json};
use uuid::Uuid;

use super::Accounts;
use crate::per_stream::{Folded, folded};

#[derive(Debug, Clone)]
pub struct PgAccounts {
    pool: PgPool,
}

impl PgAccounts {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Nobody is let in by what this build reads only in part.
    async fn folded(&self, id: AccountId) -> Result<Option<AccountView>, Error> {
        match folded::<Accounts>(&self.pool, Account::TYPE, id).await {
            Ok(Folded { view, is_whole: true }) => Ok(view),
            Ok(Folded { is_whole: false, .. }) => {
                tracing::error!(%id, "a stream holds what this build cannot read");
                Err(Error::unavailable())
            }
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn half(&self, limit: u32) -> Result<Vec<AccountId>, sqlx::Error> {
        let ids: Vec<Uuid> = sqlx::query_scalar(
            "select a.account_id from read.accounts a
              where a.view ->> 'erased_at' is not null
                and (exists (select from es.subject_keys s
                              where s.subject = 'account/' || a.account_id and s.erased_at is null)
                  or exists (select from read.api_keys k
                              where k.account_id = a.account_id and k.revoked_at is null
                                and coalesce((k.view ->> 'expires_at')::timestamptz > clock_timestamp(), true)))
              limit $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(ids.into_iter().map(AccountId).collect())
    }

    async fn page(&self, limit: u32, offset: u32) -> Result<(Vec<AccountView>, u64), sqlx::Error> {
        let total: i64 =
            sqlx::query_scalar("select count(*) from read.accounts").fetch_one(&self.pool).await?;
        let views: Vec<Json<AccountView>> = sqlx::query_scalar(
            "select view from read.accounts order by registered_at desc, account_id limit $1 offset $2",
        )
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .fetch_all(&self.pool)
        .await?;
        Ok((views.into_iter().map(|view| view.0).collect(), u64::try_from(total).unwrap_or(0)))
    }
}

#[async_trait]
impl AccountQueries for PgAccounts {
    async fn account(&self, id: AccountId) -> Result<Option<AccountView>, Error> {
        self.folded(id).await
    }

    async fn half_erased(&self, limit: u32) -> Result<Vec<AccountId>, Error> {
        self.half(limit).await.map_err(unavailable)
    }

    async fn accounts(&self, limit: u32, offset: u32) -> Result<(Vec<AccountView>, u64), Error> {
        self.page(limit, offset).await.map_err(unavailable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err takes")]
fn unavailable(error: sqlx::Error) -> Error {
    tracing::debug!(%error, "accounts cannot be read");
    Error::unavailable()
}
