//! Repositories as they are read.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::error::Error;

pub const READ_MODEL: &str = "repositories";

#[async_trait]
pub trait RepositoryQueries: Send + Sync {
    /// By name.
    async fn all(&self) -> Result<Vec<RepositoryView>, Error>;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryView {
    pub name: String,
    pub url: String,
    pub description: String,
    pub kind: String,
    pub enabled: bool,
    /// What the last whole synchronisation left.
    pub plugins: u64,
    /// Where the next synchronisation begins.
    pub cursor: Option<String>,
    pub synced_at: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
    pub failed_at: Option<DateTime<Utc>>,
}

impl RepositoryView {
    /// The last pass came to no end.
    pub fn is_failing(&self) -> bool {
        self.failed_at.is_some() && self.failed_at > self.synced_at
    }

    /// What it lists is shown.
    pub fn is_shown(&self) -> bool {
        self.enabled && self.synced_at.is_some()
    }
}
