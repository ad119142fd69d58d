//! The port [`PluginStorage`] over a table: one row a key, and a sum that is held to under a lock of its installation.

use application::{
    error::Error,
    ports::storage::{MOST_BYTES, PluginStorage, Put},
};
use async_trait::async_trait;
use domain::values::InstallationId;
use serde_json::Value;
use sqlx::{PgPool, types::Json};

#[derive(Debug, Clone)]
pub struct PgPluginStorage {
    pool: PgPool,
}

impl PgPluginStorage {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn kept(&self, of: InstallationId, key: &str, value: &Value) -> Result<Put, sqlx::Error> {
        let bytes = i64::try_from(value.to_string().len() + key.len()).unwrap_or(i64::MAX);
        let most = i64::try_from(MOST_BYTES).unwrap_or(i64::MAX);
        let mut transaction = self.pool.begin().await?;
        sqlx::query("select pg_advisory_xact_lock(hashtextextended('plugin storage:' || $1::text, 0))")
            .bind(of.0)
            .execute(&mut *transaction)
            .await?;
        let others: i64 = sqlx::query_scalar(
            "select coalesce(sum(bytes), 0)::bigint from es.plugin_storage where installation_id = $1 and key <> $2",
        )
        .bind(of.0)
        .bind(key)
        .fetch_one(&mut *transaction)
        .await?;
        if others.saturating_add(bytes) > most {
            return Ok(Put::Full);
        }
        sqlx::query(
            "insert into es.plugin_storage (installation_id, key, value, bytes) values ($1, $2, $3, $4)
             on conflict (installation_id, key) do update set value = excluded.value, bytes = excluded.bytes",
        )
        .bind(of.0)
        .bind(key)
        .bind(Json(value))
        .bind(bytes)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Put::Kept)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature that map_err takes")]
fn away(error: sqlx::Error) -> Error {
    tracing::debug!(%error, "what plugins keep cannot be reached");
    Error::unavailable()
}

#[async_trait]
impl PluginStorage for PgPluginStorage {
    async fn get(&self, of: InstallationId, key: &str) -> Result<Option<Value>, Error> {
        let found =
            sqlx::query_scalar("select value from es.plugin_storage where installation_id = $1 and key = $2")
                .bind(of.0)
                .bind(key)
                .fetch_optional(&self.pool);
        let found: Option<Json<Value>> = found.await.map_err(away)?;
        Ok(found.map(|value| value.0))
    }

    async fn put(&self, of: InstallationId, key: &str, value: &Value) -> Result<Put, Error> {
        self.kept(of, key, value).await.map_err(away)
    }

    async fn delete(&self, of: InstallationId, key: &str) -> Result<bool, Error> {
        let removed = sqlx::query("delete from es.plugin_storage where installation_id = $1 and key = $2")
            .bind(of.0)
            .bind(key)
            .execute(&self.pool);
        Ok(removed.await.map_err(away)?.rows_affected() > 0)
    }

    async fn keys(&self, of: InstallationId, prefix: &str, most: u32) -> Result<Vec<String>, Error> {
        sqlx::query_scalar(
            "select key from es.plugin_storage
             where installation_id = $1 and starts_with(key, $2) order by key collate \"C\" limit $3",
        )
        .bind(of.0)
        .bind(prefix)
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .map_err(away)
    }

    async fn clear(&self, of: InstallationId) -> Result<(), Error> {
        let cleared = sqlx::query("delete from es.plugin_storage where installation_id = $1").bind(of.0);
        cleared.execute(&self.pool).await.map(drop).map_err(away)
    }
}
