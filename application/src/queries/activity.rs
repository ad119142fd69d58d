//! What happened in the catalogue, newest first: for feeds and for whoever is told of it.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::values::{Dialect, PluginId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;

pub const READ_MODEL: &str = "activity";

#[async_trait]
pub trait ActivityQueries: Send + Sync {
    /// Of what is visible now, and that it was removed of what was; of one plugin or of all, in one dialect or in all.
    async fn recent(
        &self,
        plugin: Option<PluginId>,
        dialect: Option<Dialect>,
        limit: u32,
    ) -> Result<Vec<ActivityView>, Error>;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityView {
    /// Of the event.
    pub id: Uuid,
    pub plugin: PluginId,
    pub publisher: String,
    pub name: String,
    pub display_name: String,
    pub kind: ActivityKind,
    pub version: Option<String>,
    /// The changelog of a release, the reason of a yank.
    pub text: Option<String>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivityKind {
    Registered,
    Released,
    Yanked,
    Unyanked,
    Deprecated,
    Verified,
    Removed,
    Milestone,
}
