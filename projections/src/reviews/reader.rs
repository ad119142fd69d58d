//! Reading reviews.

use std::collections::BTreeMap;

use application::{
    error::Error,
    queries::reviews::{ReviewQueries, ReviewSort, ReviewView, WhichReview},
};
use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use domain::values::{AccountId, Dialect, PluginId};
use sqlx::{PgPool, types::Json};
use uuid::Uuid;

use crate::reading::{bounded, count, unavailable};

#[derive(Debug, Clone)]
pub struct PgReviews {
    pool: PgPool,
}

impl PgReviews {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    async fn page(
        &self,
        plugin: PluginId,
        sort: ReviewSort,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<ReviewView>, u64), sqlx::Error> {
        let order = match sort {
            ReviewSort::Recent => "created_at desc",
            ReviewSort::Helpful => "helpful desc, created_at desc",
            ReviewSort::RatingHigh => "rating desc, created_at desc",
            ReviewSort::RatingLow => "rating, created_at desc",
        };
        let query = format!(
            "select view from read.reviews where plugin_id = $1 and shown
              order by {order}, review_id offset $2 limit $3"
        );
        let views: Vec<Json<ReviewView>> = sqlx::query_scalar(&query)
            .bind(plugin.0)
            .bind(bounded(offset))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await?;
        let total: i64 =
            sqlx::query_scalar("select count(*) from read.reviews where plugin_id = $1 and shown")
                .bind(plugin.0)
                .fetch_one(&self.pool)
                .await?;
        Ok((views.into_iter().map(|view| view.0).collect(), count(total)))
    }
}

#[async_trait]
impl ReviewQueries for PgReviews {
    async fn of_plugin(
        &self,
        plugin: PluginId,
        sort: ReviewSort,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<ReviewView>, u64), Error> {
        self.page(plugin, sort, offset, limit).await.map_err(unavailable)
    }

    async fn review(&self, which: WhichReview) -> Result<Option<ReviewView>, Error> {
        let view: Option<Json<ReviewView>> = match which {
            WhichReview::Id(id) => {
                sqlx::query_scalar("select view from read.reviews where review_id = $1").bind(id.0)
            }
            WhichReview::Number(number) => {
                sqlx::query_scalar("select view from read.reviews where number = $1").bind(bounded(number))
            }
        }
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(view.map(|view| view.0))
    }

    async fn user_number(&self, account: AccountId) -> Result<Option<u64>, Error> {
        let number: Option<i64> = sqlx::query_scalar(
            "select user_number from read.reviews where account_id = $1 order by created_at, review_id limit 1",
        )
        .bind(account.0)
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(number.map(count))
    }

    async fn likes(&self, plugins: &[PluginId]) -> Result<BTreeMap<PluginId, u64>, Error> {
        let ids: Vec<Uuid> = plugins.iter().map(|plugin| plugin.0).collect();
        let counted: Vec<(Uuid, i64)> = sqlx::query_as(
            "select plugin_id, likes from read.like_counts where plugin_id = any($1) and likes > 0",
        )
        .bind(ids)
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)?;
        Ok(counted.into_iter().map(|(plugin, likes)| (PluginId(plugin), count(likes))).collect())
    }

    async fn liked_by(
        &self,
        account: AccountId,
        dialect: Dialect,
        most: u32,
    ) -> Result<Vec<(String, String)>, Error> {
        sqlx::query_as(
            "select c.publisher, c.name from read.likes l join read.catalogue c using (plugin_id)
              where l.account_id = $1 and c.shown and c.dialects @> array[$2]
              order by l.position desc limit $3",
        )
        .bind(account.0)
        .bind(dialect.as_str())
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)
    }

    async fn trend(&self, plugin: PluginId, now: DateTime<Utc>) -> Result<Option<f64>, Error> {
        sqlx::query_scalar(
            "select (avg(rating) filter (where created_at > $2)
                     - avg(rating) filter (where created_at <= $2))::float8
               from read.reviews where plugin_id = $1 and shown",
        )
        .bind(plugin.0)
        .bind(now - TimeDelta::days(30))
        .fetch_one(&self.pool)
        .await
        .map_err(unavailable)
    }
}
