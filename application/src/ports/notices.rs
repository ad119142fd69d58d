//! What is to be told on the operator's hook, once each.

use std::time::Duration;

use async_trait::async_trait;
use domain::values::PluginId;

use crate::error::Error;

/// One piece of news that this process has claimed for half a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name among all.
    pub id: String,
    pub plugin: PluginId,
    pub news: News,
    /// How often it was claimed before.
    pub tries: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Package,
    /// Of this version.
    Release(String),
    /// So many downloads.
    Milestone(u64),
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Posted,
    /// Not to be told as things are; told after all when the plugin or release is cleared.
    Withheld,
    /// Claimed again after this time.
    Later(Duration),
    GivenUp,
}

#[async_trait]
pub trait Notices: Send + Sync {
    /// The oldest that are due and not a day old; those that are older are given up.
    async fn claim(&self, most: u32) -> Result<Vec<Notice>, Error>;

    async fn settle(&self, id: &str, fate: Fate) -> Result<(), Error>;
}

/// Where the operator wants to be told.
#[async_trait]
pub trait Hook: Send + Sync {
    /// Posts this text, which may be marked up, and in which nobody is mentioned.
    async fn post(&self, text: &str) -> Posted;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    Done,
    /// A fault of the moment, or too much at once: how long to wait, if the other side says so.
    Later(Option<Duration>),
    /// It will never be taken.
    Refused,
}
