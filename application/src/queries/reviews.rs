//! Reviews as they are read.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    review::Written,
    values::{AccountId, Dialect, PluginId, ReviewId, Sealed},
};
use serde::{Deserialize, Serialize};

use crate::error::Error;

pub const READ_MODEL: &str = "reviews";
/// Who likes what.
pub const LIKES: &str = "likes";

#[async_trait]
pub trait ReviewQueries: Send + Sync {
    /// A page of those that are shown, and how many there are.
    async fn of_plugin(
        &self,
        plugin: PluginId,
        sort: ReviewSort,
        offset: u64,
        limit: u32,
    ) -> Result<(Vec<ReviewView>, u64), Error>;

    async fn review(&self, which: WhichReview) -> Result<Option<ReviewView>, Error>;

    /// The number of a user who has written before.
    async fn user_number(&self, account: AccountId) -> Result<Option<u64>, Error>;

    /// How many like each of them; none where nobody does.
    async fn likes(&self, plugins: &[PluginId]) -> Result<BTreeMap<PluginId, u64>, Error>;

    /// What an account likes of what a dialect shows, as publisher and name: the newest, at most so many.
    async fn liked_by(
        &self,
        account: AccountId,
        dialect: Dialect,
        most: u32,
    ) -> Result<Vec<(String, String)>, Error>;

    /// Average of the ratings of the last 30 days less the average of all before; none without both.
    async fn trend(&self, plugin: PluginId, now: DateTime<Utc>) -> Result<Option<f64>, Error>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichReview {
    Id(ReviewId),
    Number(u64),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReviewSort {
    #[default]
    Recent,
    Helpful,
    RatingHigh,
    RatingLow,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewView {
    pub id: ReviewId,
    pub number: u64,
    pub plugin: PluginId,
    pub account: AccountId,
    pub user_number: u64,
    /// Opened with the vault; what was erased stays shut.
    pub user_name: Option<Sealed>,
    pub avatar: Option<Sealed>,
    pub written: Written,
    /// Votes that found it helpful.
    pub helpful: u64,
    pub unhelpful: u64,
    pub is_hidden: bool,
    pub is_withdrawn: bool,
    pub created_at: DateTime<Utc>,
    pub edited_at: Option<DateTime<Utc>>,
}
