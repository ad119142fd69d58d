//! The read model of tasks.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    task::{Artifact, Fault, Phase, PluginAbout, Report},
    values::{Digest, GroupId, Platform, PluginIdentity, Suffix, TaskId},
};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Everything a client may see of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    pub id: TaskId,
    pub status: TaskStatus,
    pub phase: Option<Phase>,
    /// 0 to 100; never falls.
    pub percent: u8,
    pub message: String,
    pub error: Option<Fault>,
    /// Counted failures + 1.
    pub attempt: u32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// When it ended, whichever way.
    pub ended_at: Option<DateTime<Utc>>,
    pub original_filename: String,
    pub platform: Platform,
    pub suffix: Suffix,
    pub plugin: Option<PluginIdentity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<PluginAbout>,
    /// What the marketplace was asked for, if the package comes from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marketplace: Option<PluginIdentity>,
    /// The batch it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The uploaded package, if it was one.
    pub input: Option<Digest>,
    pub artifact: Option<Artifact>,
    pub report: Option<Report>,
    /// Of the last event; grows with every change that the log keeps.
    pub sequence: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskStatus {
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
    /// Completed, and the retention time is over: record and file are gone together.
    Expired,
}

impl TaskStatus {
    pub fn is_final(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Expired => true,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Storage {
    pub files: u64,
    /// Equal results are stored, and counted, once.
    pub bytes: u64,
    pub oldest: Option<DateTime<Utc>>,
    pub newest: Option<DateTime<Utc>>,
}

#[async_trait]
pub trait TaskQueries: Send + Sync {
    /// With the live progress of a running attempt merged in.
    async fn get(&self, id: TaskId) -> Result<Option<TaskView>, Error>;

    /// The same for many, in no order; unknown ids are left out.
    async fn get_many(&self, ids: &[TaskId]) -> Result<Vec<TaskView>, Error>;

    /// Newest first; expired ones are gone.
    async fn recent(&self, limit: u32) -> Result<Vec<TaskView>, Error>;

    /// Completed and not expired, newest first, without the first `offset` of them, and how many there are in all.
    async fn completed(&self, limit: u32, offset: u32) -> Result<(Vec<TaskView>, u64), Error>;

    /// The tasks of one batch in the order they were asked for; empty for an unknown one.
    async fn group(&self, id: GroupId) -> Result<Vec<TaskView>, Error>;

    /// What the results that can be downloaded occupy.
    async fn storage(&self) -> Result<Storage, Error>;

    /// Completed before the time and not yet expired, oldest first.
    async fn due_to_expire(&self, before: DateTime<Utc>, limit: u32) -> Result<Vec<TaskView>, Error>;

    /// Whether a task that is not expired still offers these bytes, or an unfinished one needs them.
    async fn needs_blob(&self, digest: &Digest) -> Result<bool, Error>;
}
