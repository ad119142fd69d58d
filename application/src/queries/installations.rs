//! Installations as they are read.

mod fold;

pub use fold::fold;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    installation::{Backup, Configuration, Health, InstalledRelease, ResourceLimits, SecurityLevel},
    values::{AccountId, BackupId, Digest, InstallScope, InstallationId, InstalledName, OperationId},
};
use serde::{Deserialize, Serialize};

use crate::error::Error;

pub const READ_MODEL: &str = "installations";

#[async_trait]
pub trait InstallationQueries: Send + Sync {
    /// As it is now, whatever was acknowledged included.
    async fn installation(&self, id: InstallationId) -> Result<Option<InstallationView>, Error>;

    /// What is installed, by name and scope.
    async fn live(&self) -> Result<Vec<InstallationView>, Error>;

    /// Whether an installation, a backup or an operation under way is made of these bytes.
    async fn uses(&self, digest: &Digest) -> Result<bool, Error>;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallationView {
    pub id: InstallationId,
    pub name: InstalledName,
    pub scope: InstallScope,
    pub owner: Option<AccountId>,
    /// What made it; its secrets are sealed under this.
    pub life: OperationId,
    /// What has it now.
    pub operation: Option<OperationId>,
    /// None: on its way, never came, or removed.
    pub live: Option<Box<LiveView>>,
    pub backups: BTreeMap<BackupId, Backup>,
    pub requested_at: DateTime<Utc>,
    pub removed_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveView {
    pub release: InstalledRelease,
    pub configuration: Configuration,
    pub configured_at: DateTime<Utc>,
    pub granted: BTreeSet<String>,
    pub security_level: SecurityLevel,
    pub limits: ResourceLimits,
    pub is_enabled: bool,
    pub disabled_because: Option<String>,
    pub health: Health,
    /// It was not started again by itself: it had crashed too often.
    pub is_broken: bool,
    pub crashes: u64,
    pub last_crash: Option<String>,
    pub installed_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}
