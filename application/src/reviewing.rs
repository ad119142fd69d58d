//! Writing, voting for and moderating reviews.

use std::sync::Arc;

use domain::{
    recorded::Cursor,
    review::{Review, Written},
    values::{Dialect, PluginId, ReviewId},
};

use crate::{
    commands::Commands,
    error::Error,
    ports::{freshness::Freshness, packages::Numbers, system::Clock, vault::Vault},
    publishing::Asker,
    queries::{
        catalogue::CatalogueQueries,
        reviews::{ReviewQueries, ReviewSort},
    },
};

#[derive(Clone)]
pub struct Reviewing {
    pub reviews: Arc<dyn Commands<Review>>,
    pub queries: Arc<dyn ReviewQueries>,
    pub catalogue: Arc<dyn CatalogueQueries>,
    pub numbers: Arc<dyn Numbers>,
    pub vault: Arc<dyn Vault>,
    pub freshness: Arc<dyn Freshness>,
    pub clock: Arc<dyn Clock>,
}

/// A review as it is shown: names opened, `[erased]` where the account was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    pub review: crate::queries::reviews::ReviewView,
    pub user_name: String,
    pub avatar: Option<String>,
}

impl Reviewing {
    /// Of a plugin that this dialect shows; 1 to 200 characters of title, at most 10,000 of text.
    pub async fn submit(
        &self,
        plugin: PluginId,
        dialect: Dialect,
        written: Written,
        user_name: Option<String>,
        by: Asker<'_>,
    ) -> Result<(Shown, Option<Cursor>), Error> {
        let _ = (plugin, dialect, written, user_name, by);
        Err(Error::unavailable())
    }

    pub async fn edit(&self, review: ReviewId, written: Written, by: Asker<'_>) -> Result<Shown, Error> {
        let _ = (review, written, by);
        Err(Error::unavailable())
    }

    pub async fn withdraw(&self, review: ReviewId, by: Asker<'_>) -> Result<Option<Cursor>, Error> {
        let _ = (review, by);
        Err(Error::unavailable())
    }

    pub async fn vote(&self, review: ReviewId, helpful: bool, by: Asker<'_>) -> Result<Shown, Error> {
        let _ = (review, helpful, by);
        Err(Error::unavailable())
    }

    /// An operator's.
    pub async fn moderate(
        &self,
        review: ReviewId,
        is_hidden: bool,
        reason: String,
        by: Asker<'_>,
    ) -> Result<Option<Cursor>, Error> {
        let _ = (review, is_hidden, reason, by);
        Err(Error::unavailable())
    }

    pub async fn of_plugin(
        &self,
        plugin: PluginId,
        sort: ReviewSort,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<Shown>, u64), Error> {
        let _ = (plugin, sort, offset, limit);
        Err(Error::unavailable())
    }
}
