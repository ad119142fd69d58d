//! Counting downloads: one event for each that went through to its end.

use std::sync::Arc;

use domain::{
    download_log::{Channel, DownloadLog},
    values::{Dialect, PluginId},
};

use crate::{
    caller::Caller,
    commands::Commands,
    ports::{freshness::Freshness, system::Clock},
};

#[derive(Clone)]
pub struct Counting {
    pub downloads: Arc<dyn Commands<DownloadLog>>,
    pub freshness: Arc<dyn Freshness>,
    pub clock: Arc<dyn Clock>,
}

/// A download that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    pub plugin: PluginId,
    pub version: String,
    pub dialect: Dialect,
    pub channel: Channel,
    /// What the client calls itself; cut to 64 characters.
    pub client: Option<String>,
}

impl Counting {
    /// Returns when the next read shows it, or it cannot be counted now: a download is never refused for its count.
    pub async fn count(&self, fetched: Fetched, caller: &Caller) {
        let _ = (fetched, caller);
    }
}
