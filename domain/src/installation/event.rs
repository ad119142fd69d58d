//! What happened to an installation. Variants and fields are only ever added.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::release::{Configuration, InstalledRelease, ResourceLimits, SecurityLevel};
use crate::values::{
    AccountId, BackupId, InstallScope, InstallationId, InstalledName, OperationId, ReleaseVersion,
};

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum InstallationEvent {
    InstallationRequested(InstallationRequested),
    /// An operation has it until it ends.
    OperationBegun {
        operation_uid: OperationId,
    },
    /// The operation ended and left it as it was.
    OperationEnded {
        operation_uid: OperationId,
    },
    InstallationActivated(Box<InstallationActivated>),
    /// It never came to be.
    InstallationFailed {
        operation_uid: OperationId,
        code: String,
        message: String,
    },
    InstallationEnabled {
        at: DateTime<Utc>,
    },
    InstallationDisabled {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: DateTime<Utc>,
    },
    InstallationRestarted {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        at: DateTime<Utc>,
    },
    InstallationUpgraded(Box<InstallationUpgraded>),
    InstallationRolledBack(Box<InstallationUpgraded>),
    InstallationRemoved {
        operation_uid: OperationId,
        forced: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backup: Option<Box<Backup>>,
        data_removed: bool,
        at: DateTime<Utc>,
    },
    ConfigurationChanged {
        configuration: Configuration,
        /// Their names; values only as far as they are plain.
        fields: BTreeSet<String>,
        restart_required: bool,
        at: DateTime<Utc>,
    },
    PermissionsChanged {
        granted: BTreeSet<String>,
        revoked: BTreeSet<String>,
        security_level: SecurityLevel,
        at: DateTime<Utc>,
    },
    LimitsChanged {
        limits: ResourceLimits,
        at: DateTime<Utc>,
    },
    BackupCreated(Box<Backup>),
    HealthChanged {
        from: Health,
        to: Health,
        at: DateTime<Utc>,
    },
    /// Its process ended by itself. Without `retry_in_ms` it is not started again by itself.
    ProcessCrashed {
        exit: String,
        /// The end of its standard error, known secrets taken out.
        stderr: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_in_ms: Option<u64>,
        at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallationRequested {
    pub inst_uid: InstallationId,
    pub operation_uid: OperationId,
    pub name: InstalledName,
    pub scope: InstallScope,
    /// None: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallationActivated {
    pub operation_uid: OperationId,
    pub release: InstalledRelease,
    pub configuration: Configuration,
    pub granted: BTreeSet<String>,
    #[serde(default)]
    pub security_level: SecurityLevel,
    #[serde(default)]
    pub limits: ResourceLimits,
    pub enabled: bool,
    pub at: DateTime<Utc>,
}

/// To another release, or back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallationUpgraded {
    pub operation_uid: OperationId,
    pub from: ReleaseVersion,
    pub release: InstalledRelease,
    /// With which it goes on.
    pub configuration: Configuration,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_uid: Option<BackupId>,
    pub at: DateTime<Utc>,
}

/// Everything that a rollback needs: the bytes stand in the content store and in the backups of the installation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Backup {
    pub backup_uid: BackupId,
    pub release: InstalledRelease,
    pub configuration: Configuration,
    /// Its data were copied, too.
    pub holds_data: bool,
    pub at: DateTime<Utc>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    #[default]
    Unknown,
    Healthy,
    Degraded,
    Unhealthy,
}

impl Health {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

impl InstallationEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: &'static [&'static str] = &[
        "InstallationRequested",
        "OperationBegun",
        "OperationEnded",
        "InstallationActivated",
        "InstallationFailed",
        "InstallationEnabled",
        "InstallationDisabled",
        "InstallationRestarted",
        "InstallationUpgraded",
        "InstallationRolledBack",
        "InstallationRemoved",
        "ConfigurationChanged",
        "PermissionsChanged",
        "LimitsChanged",
        "BackupCreated",
        "HealthChanged",
        "ProcessCrashed",
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Self::InstallationRequested(_) => "InstallationRequested",
            Self::OperationBegun { .. } => "OperationBegun",
            Self::OperationEnded { .. } => "OperationEnded",
            Self::InstallationActivated(_) => "InstallationActivated",
            Self::InstallationFailed { .. } => "InstallationFailed",
            Self::InstallationEnabled { .. } => "InstallationEnabled",
            Self::InstallationDisabled { .. } => "InstallationDisabled",
            Self::InstallationRestarted { .. } => "InstallationRestarted",
            Self::InstallationUpgraded(_) => "InstallationUpgraded",
            Self::InstallationRolledBack(_) => "InstallationRolledBack",
            Self::InstallationRemoved { .. } => "InstallationRemoved",
            Self::ConfigurationChanged { .. } => "ConfigurationChanged",
            Self::PermissionsChanged { .. } => "PermissionsChanged",
            Self::LimitsChanged { .. } => "LimitsChanged",
            Self::BackupCreated(_) => "BackupCreated",
            Self::HealthChanged { .. } => "HealthChanged",
            Self::ProcessCrashed { .. } => "ProcessCrashed",
        }
    }
}

domain_event!(InstallationEvent);
