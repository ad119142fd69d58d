//! A piece of work somebody asked for: queued, running, done, with exactly one outcome.
//!
//! Guards: progress never falls; the attempt number is the fence, so a worker that lost its lease can change
//! nothing; five counted failures end the task. Leases and heartbeats are not events: they live in the job row.

mod command;
mod error;
mod event;
mod report;

pub use command::TaskCommand;
pub use error::TaskError;
pub use event::{
    Artifact, Fault, Loss, Phase, PlatformTarget, PluginAbout, RepackageOptions, Source, TaskCompleted,
    TaskEvent, TaskKind, TaskProgressed, TaskRequested,
};
pub use report::{Note, Report, Timings};

use serde::{Deserialize, Serialize};

/// Counted failures after which a task fails for good.
pub const MAX_FAILURES: u32 = 5;
/// `TaskProgressed` events one attempt may add to the log.
pub const MAX_REPORTS: u8 = 20;
/// Percent points that make a report within one phase worth an event.
const WORTH_AN_EVENT: u8 = 10;

/// The state that decisions need; views are elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    stage: Stage,
    /// The highest attempt ever started or lost.
    last_attempt: u32,
    failures: u32,
    percent: u8,
    phase: Option<Phase>,
    reports: u8,
    artifact: Option<Artifact>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    #[default]
    Absent,
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
    Expired,
}

impl Task {
    /// The rules, one line per command.
    pub fn decide(&self, command: TaskCommand) -> Result<Vec<TaskEvent>, TaskError> {
        match command {
            TaskCommand::Request(requested) => self.request(requested),
            TaskCommand::Start { attempt, worker } => self.start(attempt, worker),
            TaskCommand::Report(progress) => self.report(progress),
            TaskCommand::LoseAttempt { attempt, reason, fault, retry_in_ms } => {
                self.lose(attempt, TaskEvent::TaskAttemptLost { attempt, reason, fault, retry_in_ms })
            }
            TaskCommand::Complete(completed) => self.complete(completed),
            TaskCommand::Fail { attempt, fault } => self.fail(attempt, fault),
            TaskCommand::Cancel { by } => self.cancel(by),
            TaskCommand::ExpireArtifact => self.expire(),
            TaskCommand::Acknowledge => Ok(Vec::new()),
        }
    }

    fn request(&self, requested: TaskRequested) -> Result<Vec<TaskEvent>, TaskError> {
        if self.stage != Stage::Absent {
            return Err(TaskError::AlreadyRequested);
        }
        Ok(vec![TaskEvent::TaskRequested(requested)])
    }

    /// An attempt still open when a newer one starts has lost its lease, whether or not anybody noticed.
    fn start(&self, attempt: u32, worker: String) -> Result<Vec<TaskEvent>, TaskError> {
        self.must_be_unfinished()?;
        if attempt <= self.last_attempt {
            return Err(TaskError::StaleAttempt { given: attempt, last: self.last_attempt });
        }
        let mut events = Vec::new();
        if self.stage == Stage::Running {
            events = self.lose_by_lease(self.last_attempt);
        }
        if events.iter().any(|event| matches!(event, TaskEvent::TaskFailed(_))) {
            return Ok(events);
        }
        events.push(TaskEvent::TaskStarted { attempt, worker });
        Ok(events)
    }

    /// Most reports leave no event: the log keeps phase changes and steps of ten points, at most twenty.
    fn report(&self, mut progress: TaskProgressed) -> Result<Vec<TaskEvent>, TaskError> {
        self.must_be_open(progress.attempt)?;
        progress.percent = progress.percent.clamp(self.percent, 99);
        let new_phase = self.phase != Some(progress.phase);
        let far_enough = progress.percent >= self.percent.saturating_add(WORTH_AN_EVENT);
        let worth_it = (new_phase || far_enough) && self.reports < MAX_REPORTS;
        Ok(if worth_it { vec![TaskEvent::TaskProgressed(progress)] } else { Vec::new() })
    }

    /// The reaper may report an attempt that was claimed but never started; an older one is refused.
    fn lose(&self, attempt: u32, lost: TaskEvent) -> Result<Vec<TaskEvent>, TaskError> {
        self.must_be_unfinished()?;
        let open = if self.stage == Stage::Running { self.last_attempt } else { self.last_attempt + 1 };
        if attempt < open {
            return Err(TaskError::StaleAttempt { given: attempt, last: self.last_attempt });
        }
        Ok(self.with_failure_limit(lost))
    }

    fn lose_by_lease(&self, attempt: u32) -> Vec<TaskEvent> {
        self.with_failure_limit(TaskEvent::TaskAttemptLost {
            attempt,
            reason: Loss::Lease,
            fault: None,
            retry_in_ms: 0,
        })
    }

    fn with_failure_limit(&self, lost: TaskEvent) -> Vec<TaskEvent> {
        let TaskEvent::TaskAttemptLost { reason, fault, .. } = &lost else { return vec![lost] };
        if !reason.counts() || self.failures + 1 < MAX_FAILURES {
            return vec![lost];
        }
        let interrupted = || Fault { code: "INTERRUPTED".to_owned(), message: "Interrupted".to_owned() };
        let fault = fault.clone().unwrap_or_else(interrupted);
        vec![lost, TaskEvent::TaskFailed(fault)]
    }

    /// A repeated outcome of the same attempt is the same outcome, not a second one.
    fn complete(&self, completed: Box<TaskCompleted>) -> Result<Vec<TaskEvent>, TaskError> {
        let repeated = self.stage == Stage::Completed
            && completed.attempt == self.last_attempt
            && self.artifact.as_ref() == Some(&completed.artifact);
        if repeated {
            return Ok(Vec::new());
        }
        self.must_be_open(completed.attempt)?;
        Ok(vec![TaskEvent::TaskCompleted(completed)])
    }

    fn fail(&self, attempt: u32, fault: Fault) -> Result<Vec<TaskEvent>, TaskError> {
        self.must_be_open(attempt)?;
        Ok(vec![TaskEvent::TaskFailed(fault)])
    }

    fn cancel(&self, by: String) -> Result<Vec<TaskEvent>, TaskError> {
        self.must_be_unfinished()?;
        Ok(vec![TaskEvent::TaskCancelled { by }])
    }

    fn expire(&self) -> Result<Vec<TaskEvent>, TaskError> {
        match (&self.stage, &self.artifact) {
            (Stage::Absent, _) => Err(TaskError::Unknown),
            (Stage::Expired, _) => Ok(Vec::new()),
            (Stage::Completed, Some(artifact)) => {
                Ok(vec![TaskEvent::ArtifactExpired { sha256: artifact.sha256.clone() }])
            }
            _ => Err(TaskError::Unfinished),
        }
    }

    fn must_be_unfinished(&self) -> Result<(), TaskError> {
        match self.stage {
            Stage::Absent => Err(TaskError::Unknown),
            Stage::Queued | Stage::Running => Ok(()),
            Stage::Completed | Stage::Failed | Stage::Cancelled | Stage::Expired => Err(TaskError::Finished),
        }
    }

    fn must_be_open(&self, attempt: u32) -> Result<(), TaskError> {
        self.must_be_unfinished()?;
        if self.stage == Stage::Running && attempt == self.last_attempt {
            return Ok(());
        }
        Err(TaskError::StaleAttempt { given: attempt, last: self.last_attempt })
    }

    fn close(&mut self, stage: Stage) {
        self.stage = stage;
    }
}

aggregate!(Task, "task", TaskCommand, TaskEvent, TaskError);

impl Task {
    fn evolve(&mut self, event: TaskEvent) {
        match event {
            TaskEvent::TaskRequested(_) => self.stage = Stage::Queued,
            TaskEvent::TaskStarted { attempt, .. } => {
                self.stage = Stage::Running;
                self.last_attempt = attempt;
                self.reports = 0;
                self.phase = None;
            }
            TaskEvent::TaskProgressed(progress) => {
                self.percent = self.percent.max(progress.percent);
                self.phase = Some(progress.phase);
                self.reports = self.reports.saturating_add(1);
            }
            TaskEvent::TaskAttemptLost { attempt, reason, .. } => {
                self.stage = Stage::Queued;
                self.last_attempt = self.last_attempt.max(attempt);
                self.failures += u32::from(reason.counts());
            }
            TaskEvent::TaskCompleted(completed) => {
                self.close(Stage::Completed);
                self.percent = 100;
                self.artifact = Some(completed.artifact);
            }
            TaskEvent::TaskFailed(_) => self.close(Stage::Failed),
            TaskEvent::TaskCancelled { .. } => self.close(Stage::Cancelled),
            TaskEvent::ArtifactExpired { .. } => self.close(Stage::Expired),
        }
    }
}

#[cfg(test)]
mod tests;
