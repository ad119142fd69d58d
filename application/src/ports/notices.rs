//! What is to be told on the operator's hook, once each.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::PluginId;

use crate::error::Error;

/// One piece of news that this process has claimed for half a minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its name among all.
    pub id: String,
    pub plugin: PluginId,
    pub news: News,
    /// How often it was claimed before: the fence of this claim.
    pub tries: u32,
    /// When the claim ends, by the clock of the outbox; another moment since, and the plugin was cleared meanwhile.
    pub until: DateTime<Utc>,
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
    /// The one that is due for longest; what is a day old is given up. One at a time, so that a claim outlasts its post.
    async fn claim(&self) -> Result<Option<Notice>, Error>;

    /// Does nothing when somebody else has claimed it since, nor withholds what was cleared since.
    async fn settle(&self, notice: &Notice, fate: Fate) -> Result<(), Error>;
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
