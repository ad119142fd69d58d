//! Downloads as they are counted.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::NaiveDate;
use domain::values::PluginId;
use serde::{Deserialize, Serialize};

use crate::error::Error;

pub const READ_MODEL: &str = "downloads";

/// How many downloads are a milestone.
pub const MILESTONES: [u64; 3] = [100, 500, 1000];

#[async_trait]
pub trait DownloadQueries: Send + Sync {
    /// From the first day to the last, both included (UTC). Imported totals are not in: nobody knows their days.
    async fn of_plugin(
        &self,
        plugin: PluginId,
        first: NaiveDate,
        last: NaiveDate,
    ) -> Result<DownloadsView, Error>;

    /// Plugins that have passed a milestone nobody has announced, each with the lowest such one.
    async fn milestones_due(&self, most: u32) -> Result<Vec<(PluginId, u64)>, Error>;
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DownloadsView {
    pub total: u64,
    /// Only days on which there was one.
    pub days: Vec<DayView>,
    pub versions: BTreeMap<String, u64>,
    pub dialects: BTreeMap<String, u64>,
    pub channels: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayView {
    pub day: NaiveDate,
    pub downloads: u64,
    /// How many different ones, as far as addresses and accounts tell them apart.
    pub downloaders: u64,
}
