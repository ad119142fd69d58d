//! What can be asked of an installation.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::{
    event::{Backup, Health, InstallationActivated, InstallationRequested, InstallationUpgraded},
    release::{Configuration, ResourceLimits, SecurityLevel},
};
use crate::values::OperationId;

#[derive(Debug, Clone, PartialEq)]
pub enum InstallationCommand {
    /// A new one, for the operation that will make it.
    Request(InstallationRequested),
    /// Gives the turn to an operation on what is there.
    Begin {
        operation: OperationId,
    },
    /// The turn is over and nothing was changed.
    End {
        operation: OperationId,
    },
    Activate(Box<InstallationActivated>),
    /// What was on its way does not come; what was there before stays.
    Fail {
        operation: OperationId,
        code: String,
        message: String,
    },
    Upgrade {
        backup: Option<Box<Backup>>,
        upgraded: Box<InstallationUpgraded>,
    },
    RollBack(Box<InstallationUpgraded>),
    BackUp {
        operation: OperationId,
        backup: Box<Backup>,
    },
    Remove {
        operation: OperationId,
        forced: bool,
        backup: Option<Box<Backup>>,
        data_removed: bool,
        at: DateTime<Utc>,
    },
    Enable {
        at: DateTime<Utc>,
    },
    Disable {
        reason: Option<String>,
        at: DateTime<Utc>,
    },
    Restart {
        reason: Option<String>,
        at: DateTime<Utc>,
    },
    Configure {
        configuration: Configuration,
        fields: BTreeSet<String>,
        restart_required: bool,
        at: DateTime<Utc>,
    },
    ChangePermissions {
        grant: BTreeSet<String>,
        revoke: BTreeSet<String>,
        /// None: as it is.
        security_level: Option<SecurityLevel>,
        at: DateTime<Utc>,
    },
    ChangeLimits {
        limits: ResourceLimits,
        at: DateTime<Utc>,
    },
    ReportHealth {
        health: Health,
        at: DateTime<Utc>,
    },
    ReportCrash {
        exit: String,
        stderr: String,
        retry_in_ms: Option<u64>,
        at: DateTime<Utc>,
    },
}
