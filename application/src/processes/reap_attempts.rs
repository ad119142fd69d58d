//! Notices attempts whose worker is no longer heard of. Runs on every node; a second reaper's command is refused.

use std::{path::PathBuf, sync::Arc, time::Duration};

use domain::{
    task::{Loss, Task, TaskCommand},
    values::Metadata,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::attempt::owner_of;
use crate::{
    commands::Commands,
    directories,
    ports::jobs::{Jobs, Lease},
};

const EVERY: Duration = Duration::from_secs(5);

pub struct ReapAttempts {
    pub jobs: Arc<dyn Jobs>,
    pub commands: Arc<dyn Commands<Task>>,
    /// Work directories of attempts; those of dead ones are removed.
    pub work: PathBuf,
}

impl ReapAttempts {
    pub async fn run(self, stop: CancellationToken) {
        self.sweep_work().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EVERY) => self.reap().await,
            }
        }
    }

    async fn reap(&self) {
        let overdue = match self.jobs.overdue().await {
            Ok(overdue) => overdue,
            Err(error) => return warn!(%error, "overdue attempts cannot be listed"),
        };
        for (task, attempt) in overdue {
            let command =
                TaskCommand::LoseAttempt { attempt, reason: Loss::Lease, fault: None, retry_in_ms: 0 };
            let by = Metadata::of_process("reap_attempts", task.to_string(), format!("{task}:{attempt}"));
            match self.commands.execute(&task.to_string(), command, by).await {
                Ok(_) => info!(%task, attempt, "the attempt is lost: its worker was not heard of"),
                Err(error) => info!(%task, attempt, %error, "the attempt was settled by another"),
            }
        }
        self.sweep_work().await;
    }

    /// Removes directories whose attempt holds no lease, left behind by a process that was killed.
    async fn sweep_work(&self) {
        let Ok(mut entries) = tokio::fs::read_dir(&self.work).await else { return };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let name = entry.file_name();
            let Some((task, attempt)) = name.to_str().and_then(owner_of) else { continue };
            if matches!(self.jobs.lease(task, attempt).await, Ok(Lease::Lost)) {
                let _ = directories::remove(entry.path()).await;
            }
        }
    }
}
