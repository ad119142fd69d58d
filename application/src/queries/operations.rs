//! Operations as they are read: what is asked for, how far it is, and what came of it.

mod fold;

pub use fold::fold;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    installation::{Configuration, InstalledRelease, Origin},
    operation::{OperationFault, Step, Work},
    values::{
        AccountId, BackupId, Dialect, Digest, InstallScope, InstallationId, OperationId, ReleaseVersion,
    },
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::error::Error;

pub const READ_MODEL: &str = "operations";

#[async_trait]
pub trait OperationQueries: Send + Sync {
    /// As it is now, whatever was acknowledged included.
    async fn operation(&self, id: OperationId) -> Result<Option<OperationView>, Error>;

    /// By its number.
    async fn numbered(&self, number: u64) -> Result<Option<OperationView>, Error>;

    /// The newest first.
    async fn latest(&self, of: Wanted, limit: u32) -> Result<Vec<OperationView>, Error>;

    /// What has not ended, the oldest first.
    async fn unfinished(&self, limit: u32) -> Result<Vec<OperationView>, Error>;
}

/// Which operations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    pub dialect: Option<Dialect>,
    pub owner: Option<AccountId>,
    pub installation: Option<InstallationId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationView {
    pub id: OperationId,
    pub number: u64,
    pub work: Work,
    pub scope: InstallScope,
    pub dialect: Dialect,
    pub owner: Option<AccountId>,
    pub stage: Stage,
    /// The number of its last run.
    pub run: u32,
    pub steps: Vec<StepView>,
    pub found: Findings,
    pub cancelled_by: Option<String>,
    pub fault: Option<OperationFault>,
    pub version: Option<ReleaseVersion>,
    pub requested_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Waiting,
    Running,
    Completed,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    pub step: Step,
    pub begun_at: DateTime<Utc>,
    pub done_at: Option<DateTime<Utc>>,
    pub undone_at: Option<DateTime<Utc>>,
}

/// What its steps have found out so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    pub fetched: Option<Fetched>,
    pub installation: Option<InstallationId>,
    pub release: Option<Box<InstalledRelease>>,
    pub granted: Option<BTreeSet<String>>,
    pub configuration: Option<Configuration>,
    pub backup: Option<BackupId>,
    pub holds_data: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    pub digest: Digest,
    pub size: u64,
    pub origin: Origin,
}

impl OperationView {
    pub fn has_ended(&self) -> bool {
        match self.stage {
            Stage::Waiting | Stage::Running => false,
            Stage::Completed | Stage::Failed | Stage::Cancelled => true,
        }
    }

    /// Done already, and not taken back.
    pub fn is_done(&self, step: Step) -> bool {
        self.steps.iter().any(|view| view.step == step && view.done_at.is_some() && view.undone_at.is_none())
    }

    /// What it is at.
    pub fn current(&self) -> Option<Step> {
        self.steps.iter().rev().find(|view| view.done_at.is_none()).map(|view| view.step)
    }

    /// Never falls while it runs.
    pub fn percent(&self) -> u8 {
        if self.stage == Stage::Completed {
            return 100;
        }
        let all = self.work.steps();
        let done = all
            .iter()
            .filter(|step| self.steps.iter().any(|view| view.step == **step && view.done_at.is_some()));
        let percent = done.count() * 100 / all.len().max(1);
        u8::try_from(percent.min(99)).unwrap_or(99)
    }
}
