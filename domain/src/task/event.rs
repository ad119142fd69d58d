//! What happened to a task. Variants and fields are only ever added.

use serde::{Deserialize, Serialize};

use super::report::Report;
use crate::values::{
    Dialect, Digest, GroupId, Platform, PluginIdentity, Suffix, Target, TargetOptions, TaskId,
};

/// Stored as one flat object with the member `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum TaskEvent {
    TaskRequested(TaskRequested),
    TaskStarted {
        attempt: u32,
        worker: String,
    },
    TaskProgressed(TaskProgressed),
    TaskAttemptLost {
        attempt: u32,
        reason: Loss,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Fault>,
        /// From the time of the event, by the clock of the database.
        retry_in_ms: u64,
    },
    TaskCompleted(Box<TaskCompleted>),
    TaskFailed(Fault),
    TaskCancelled {
        by: String,
    },
    ArtifactExpired {
        sha256: Digest,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRequested {
    pub task_uid: TaskId,
    pub kind: TaskKind,
    /// One line for a list: what the task is about.
    pub label: String,
    pub subject: Source,
    /// The name the input had: last part of the URL, or the upload's name. Data, never a path.
    pub original_filename: String,
    pub options: RepackageOptions,
    pub dialect: Dialect,
    pub tenant: String,
    /// Binds the tasks of one batch: one input for several platforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    Repackage,
}

/// Where the input package comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Url(String),
    UploadSha256(Digest),
    Marketplace(PluginIdentity),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepackageOptions {
    pub platform: Platform,
    /// The platform as it was read on the day of the request.
    pub target: Target,
    #[serde(flatten)]
    pub asked: TargetOptions,
    pub suffix: Suffix,
    /// Further platforms that the same package serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub combined_with: Vec<PlatformTarget>,
    /// Install the result offline on the host and wait for its first heartbeat.
    #[serde(default, skip_serializing_if = "is_false")]
    pub verify_install: bool,
    /// Choose the versions of a package without a lock anew, instead of those of the last time.
    #[serde(default, skip_serializing_if = "is_false")]
    pub refresh: bool,
}

/// A platform as it was asked for, and as it was read on the day of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformTarget {
    pub platform: Platform,
    pub target: Target,
}

impl RepackageOptions {
    /// Every target of the package, the first one first.
    pub fn targets(&self) -> Vec<Target> {
        std::iter::once(self.target).chain(self.combined_with.iter().map(|also| also.target)).collect()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskProgressed {
    pub attempt: u32,
    pub phase: Phase,
    /// 0 to 99.
    pub percent: u8,
    pub message: String,
    /// Once the package has been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<PluginIdentity>,
    /// Together with `plugin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<PluginAbout>,
}

/// How a plugin presents itself, as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginAbout {
    /// The English label, or the name where there is none.
    pub label: String,
    /// `tool`, `model`, `datasource`, `agent-strategy`, `trigger` or `extension`.
    pub category: String,
}

/// The phases of a repackaging, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Downloading,
    Reading,
    Selecting,
    Resolving,
    Building,
    Wheels,
    Packing,
    Verifying,
    Storing,
}

/// What went wrong: a stable word, and a sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub code: String,
    pub message: String,
}

/// Why an attempt ended without an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// The worker was not heard of in time.
    Lease,
    /// A fault of the moment.
    Error,
    /// The worker gave the task back, on shutdown.
    Released,
}

impl Loss {
    /// Whether this loss counts against the limit of failures.
    pub fn counts(self) -> bool {
        match self {
            Self::Lease | Self::Error => true,
            Self::Released => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCompleted {
    pub attempt: u32,
    pub artifact: Artifact,
    pub plugin: PluginIdentity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<PluginAbout>,
    pub report: Report,
}

/// The result: bytes named by their sha256, under the name a download gives them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub sha256: Digest,
    pub filename: String,
    pub size: u64,
}

impl TaskEvent {
    /// Every type of this stream that the product knows.
    pub const TYPES: [&'static str; 8] = [
        "TaskRequested",
        "TaskStarted",
        "TaskProgressed",
        "TaskAttemptLost",
        "TaskCompleted",
        "TaskFailed",
        "TaskCancelled",
        "ArtifactExpired",
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Self::TaskRequested(_) => "TaskRequested",
            Self::TaskStarted { .. } => "TaskStarted",
            Self::TaskProgressed(_) => "TaskProgressed",
            Self::TaskAttemptLost { .. } => "TaskAttemptLost",
            Self::TaskCompleted(_) => "TaskCompleted",
            Self::TaskFailed(_) => "TaskFailed",
            Self::TaskCancelled { .. } => "TaskCancelled",
            Self::ArtifactExpired { .. } => "ArtifactExpired",
        }
    }
}

domain_event!(TaskEvent);
