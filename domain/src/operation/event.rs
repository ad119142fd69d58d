//! What happened to an operation. Variants and fields are only ever added.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    installation::{Configuration, InstalledRelease, Origin},
    values::{
        AccountId, BackupId, Dialect, Digest, InstallScope, InstallationId, InstalledName, OperationId,
        ReleaseVersion, Sealed,
    },
};

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum OperationEvent {
    OperationRequested(Box<OperationRequested>),
    /// A node has taken it up, for the first time or again; whoever had it before can change nothing any more.
    OperationTaken {
        run: u32,
        node: String,
        at: DateTime<Utc>,
    },
    /// What follows in it may be cut short, and is repeated.
    StepBegun {
        step: Step,
        at: DateTime<Utc>,
    },
    StepDone {
        step: Step,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<Found>,
        at: DateTime<Utc>,
    },
    /// Taken back, because a later one failed.
    StepUndone {
        step: Step,
        at: DateTime<Utc>,
    },
    CancelRequested {
        by: String,
        at: DateTime<Utc>,
    },
    OperationCompleted {
        inst_uid: InstallationId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<ReleaseVersion>,
        at: DateTime<Utc>,
    },
    OperationFailed {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<Step>,
        fault: OperationFault,
        at: DateTime<Utc>,
    },
    OperationCancelled {
        by: String,
        at: DateTime<Utc>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationRequested {
    pub operation_uid: OperationId,
    /// Where tasks are numbers.
    pub number: u64,
    pub work: Work,
    pub scope: InstallScope,
    pub dialect: Dialect,
    /// None: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
    pub at: DateTime<Utc>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Work {
    Install(Install),
    Upgrade(Upgrade),
    RollBack(RollBack),
    Uninstall(Uninstall),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Install {
    pub source: Source,
    /// Whole and sealed: what of it is a secret only the package says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Sealed>,
    /// What of the requested permissions is granted; None: what the policy of the host grants by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<BTreeSet<String>>,
    pub strategy: Strategy,
    pub auto_enable: bool,
    /// What is there already is replaced.
    pub force_reinstall: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upgrade {
    pub name: InstalledName,
    pub source: Source,
    pub strategy: Strategy,
    pub backup_current: bool,
    pub restart: bool,
    /// Fields that the new schema does not know are left out.
    pub update_config: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollBack {
    pub name: InstalledName,
    pub backup: BackupId,
    pub with_data: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uninstall {
    pub name: InstalledName,
    pub force: bool,
    pub backup: bool,
    pub cleanup_data: bool,
}

/// Where the package comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "from")]
pub enum Source {
    /// The catalogue, own and upstream; no version is the latest.
    Catalogue {
        name: InstalledName,
        /// By whose words it is named.
        dialect: Dialect,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    Upload {
        digest: Digest,
        filename: String,
    },
    /// A file in the operator's import folder.
    Folder {
        file: String,
    },
    Url {
        url: String,
    },
    Github {
        owner: String,
        repository: String,
        tag: String,
        asset: String,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    #[default]
    Rolling,
    BlueGreen,
    Canary,
}

/// One effect with its compensation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Fetch,
    Check,
    Unpack,
    Dependencies,
    Permissions,
    Environment,
    Configuration,
    /// The installation is this operation's; where there is a package, unpacking it is what claims.
    Claim,
    BackUp,
    Start,
    Switch,
    Stop,
    Remove,
}

impl Step {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Unpack => "unpack",
            Self::Check => "check",
            Self::Dependencies => "dependencies",
            Self::Permissions => "permissions",
            Self::Environment => "environment",
            Self::Configuration => "configuration",
            Self::Claim => "claim",
            Self::BackUp => "back_up",
            Self::Start => "start",
            Self::Switch => "switch",
            Self::Stop => "stop",
            Self::Remove => "remove",
        }
    }
}

impl Work {
    /// In their order.
    pub fn steps(&self) -> &'static [Step] {
        match self {
            Self::Install(_) => &[
                Step::Fetch,
                Step::Check,
                Step::Unpack,
                Step::Dependencies,
                Step::Permissions,
                Step::Environment,
                Step::Configuration,
                Step::Start,
                Step::Switch,
            ],
            Self::Upgrade(_) => &[
                Step::Fetch,
                Step::Check,
                Step::Unpack,
                Step::Dependencies,
                Step::Permissions,
                Step::Environment,
                Step::Configuration,
                Step::BackUp,
                Step::Start,
                Step::Switch,
                Step::Stop,
            ],
            Self::RollBack(_) => {
                &[Step::Claim, Step::Unpack, Step::Environment, Step::Start, Step::Switch, Step::Stop]
            }
            Self::Uninstall(_) => &[Step::Claim, Step::Dependencies, Step::Stop, Step::BackUp, Step::Remove],
        }
    }

    /// After this one has begun, nobody stops it.
    pub fn point_of_no_return(&self) -> Step {
        match self {
            Self::Install(_) | Self::Upgrade(_) | Self::RollBack(_) => Step::Switch,
            Self::Uninstall(_) => Step::Stop,
        }
    }

    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Install(_) => "install",
            Self::Upgrade(_) => "upgrade",
            Self::RollBack(_) => "roll_back",
            Self::Uninstall(_) => "uninstall",
        }
    }
}

/// What a step has found out: whoever goes on after a crash needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Found {
    Fetched { digest: Digest, size: u64, origin: Origin },
    Identified { inst_uid: InstallationId, release: Box<InstalledRelease> },
    Granted { granted: BTreeSet<String> },
    Configured { configuration: Configuration },
    BackedUp { backup_uid: BackupId, holds_data: bool },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationFault {
    /// `PLUGIN_INSTALLATION_FAILED` and the like.
    pub code: String,
    pub message: String,
    /// An object.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

impl OperationEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: &'static [&'static str] = &[
        "OperationRequested",
        "OperationTaken",
        "StepBegun",
        "StepDone",
        "StepUndone",
        "CancelRequested",
        "OperationCompleted",
        "OperationFailed",
        "OperationCancelled",
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Self::OperationRequested(_) => "OperationRequested",
            Self::OperationTaken { .. } => "OperationTaken",
            Self::StepBegun { .. } => "StepBegun",
            Self::StepDone { .. } => "StepDone",
            Self::StepUndone { .. } => "StepUndone",
            Self::CancelRequested { .. } => "CancelRequested",
            Self::OperationCompleted { .. } => "OperationCompleted",
            Self::OperationFailed { .. } => "OperationFailed",
            Self::OperationCancelled { .. } => "OperationCancelled",
        }
    }
}

domain_event!(OperationEvent);
