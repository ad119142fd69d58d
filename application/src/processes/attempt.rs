//! One attempt at one task, from the claim to the outcome.

use std::{path::Path, sync::Arc, time::Duration};

use domain::{
    task::{Artifact, Fault, Loss, TaskCommand, TaskCompleted, TaskError},
    values::TaskId,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{reporter::Reporter, run_tasks::RunTasks};
use crate::{
    commands::CommandError,
    directories,
    failure::Failure,
    ports::{
        blobs::StoredResult,
        jobs::{Claim, Lease},
    },
    repackaging::Order,
};

const RENEW_EVERY: Duration = Duration::from_secs(5);
/// A worker that could not renew for this long stops by itself: its lease may have gone to another.
const SELF_STOP: Duration = Duration::from_secs(20);
/// How long the outcome of finished work is offered to a log that does not answer.
const PATIENCE: Duration = Duration::from_mins(1);

impl RunTasks {
    pub(super) async fn attempt(self: &Arc<Self>, claim: Claim, stop: CancellationToken) {
        let (task, attempt) = (claim.task, claim.attempt);
        let start = TaskCommand::Start { attempt, worker: self.worker.clone() };
        if let Err(error) = self.commands.execute(&task.to_string(), start, claim.by()).await {
            // Finished or cancelled meanwhile: the projection closes the row. Log not reachable: the lease ends.
            info!(%task, attempt, %error, "the attempt does not begin");
            return;
        }
        let work = self.work.join(format!("{task}-{attempt}"));
        let lease_lost = CancellationToken::new();
        let cancel = CancellationToken::new();
        let outcome = tokio::select! {
            outcome = self.work(&claim, &work, &cancel) => Some(outcome),
            () = self.hold_lease(&claim) => { lease_lost.cancel(); None }
            () = stop.cancelled() => None,
        };
        // Child processes and downloads of this attempt end with it.
        cancel.cancel();
        if !lease_lost.is_cancelled() {
            self.conclude(&claim, outcome).await;
        }
        if let Err(error) = directories::remove(work).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            warn!(%task, attempt, %error, "the work directory stays until the next sweep");
        }
    }

    async fn work(
        self: &Arc<Self>,
        claim: &Claim,
        work: &Path,
        cancel: &CancellationToken,
    ) -> Result<StoredResult, Failure> {
        tokio::fs::create_dir_all(work).await.map_err(|error| {
            warn!(task = %claim.task, %error, "no work directory");
            Failure::internal()
        })?;
        let reporter = Reporter::default();
        let (asked, targets) = (&claim.order, claim.order.options.targets());
        let piece_of_work = asked.group.map_or_else(|| claim.task.to_string(), |group| group.to_string());
        let order = Order {
            source: &asked.subject,
            targets: &targets,
            strict: asked.options.asked.strict,
            refresh: asked.options.refresh,
            verify_install: asked.options.verify_install,
            group: asked.group,
            work: Some(&piece_of_work),
        };
        tokio::select! {
            outcome = self.repackaging.run(order, work, &reporter, cancel) => outcome,
            () = reporter.pass_on(self, claim) => Err(Failure::internal()),
        }
    }

    /// Returns when the lease is lost, never otherwise.
    async fn hold_lease(&self, claim: &Claim) {
        let mut renewed = tokio::time::Instant::now();
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            match self.jobs.renew(claim.task, claim.attempt).await {
                Ok(Lease::Held) => renewed = tokio::time::Instant::now(),
                Ok(Lease::Lost) => {
                    info!(task = %claim.task, attempt = claim.attempt, "the lease is lost or the task cancelled");
                    return;
                }
                Err(error) if renewed.elapsed() > SELF_STOP => {
                    warn!(task = %claim.task, attempt = claim.attempt, %error, "the lease could not be renewed");
                    return;
                }
                Err(_) => {}
            }
        }
    }

    /// Tells the log how it ended. `None`: the attempt was stopped by a shutdown.
    async fn conclude(&self, claim: &Claim, outcome: Option<Result<StoredResult, Failure>>) {
        let (task, attempt) = (claim.task, claim.attempt);
        if let Some(Err(failure)) = &outcome {
            info!(%task, attempt, reason = %failure.reason, transient = failure.transient, %failure, "the attempt failed");
        }
        let command = match outcome {
            Some(Ok(stored)) => TaskCommand::Complete(Box::new(completed(claim, stored))),
            Some(Err(failure)) if failure.transient => {
                let delay = backoff(claim.failures, self.ids.secret().as_u128());
                TaskCommand::LoseAttempt {
                    attempt,
                    reason: Loss::Error,
                    fault: Some(fault(failure)),
                    retry_in_ms: delay,
                }
            }
            Some(Err(failure)) => TaskCommand::Fail { attempt, fault: fault(failure) },
            None => TaskCommand::LoseAttempt { attempt, reason: Loss::Released, fault: None, retry_in_ms: 0 },
        };
        self.append(claim, command).await;
    }

    /// The same command may be offered again: the aggregate takes one outcome of one attempt.
    async fn append(&self, claim: &Claim, command: TaskCommand) {
        let began = tokio::time::Instant::now();
        let mut wait = Duration::from_millis(100);
        loop {
            match self.commands.execute(&claim.task.to_string(), command.clone(), claim.by()).await {
                Err(CommandError::Unavailable | CommandError::Full | CommandError::Contended)
                    if began.elapsed() < PATIENCE =>
                {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(2));
                }
                Ok(_) | Err(CommandError::Refused(TaskError::Finished | TaskError::StaleAttempt { .. })) => {
                    return;
                }
                Err(error) => {
                    warn!(task = %claim.task, attempt = claim.attempt, %error, "the outcome could not be stored");
                    return;
                }
            }
        }
    }
}

fn completed(claim: &Claim, stored: StoredResult) -> TaskCompleted {
    let (options, original) = (&claim.order.options, &claim.order.original_filename);
    // The tasks of a batch have one input: their results need several names.
    let filename = if claim.order.group.is_some() && options.combined_with.is_empty() {
        options.suffix.output_name_on(&options.platform, original)
    } else {
        options.suffix.output_name(original)
    };
    TaskCompleted {
        attempt: claim.attempt,
        artifact: Artifact { sha256: stored.artifact, filename, size: stored.size },
        plugin: stored.plugin,
        about: stored.about,
        report: stored.report,
    }
}

fn fault(failure: Failure) -> Fault {
    Fault { code: failure.reason.as_str().to_owned(), message: failure.message }
}

/// Milliseconds: min(2^n · 5 s, 10 min) with full jitter.
fn backoff(failures: u32, random: u128) -> u64 {
    let longest = (5_000 << failures.min(7)).min(600_000);
    u64::try_from(random % u128::from(longest)).unwrap_or(longest)
}

/// A task id and attempt, from the name of a work directory.
pub(super) fn owner_of(directory: &str) -> Option<(TaskId, u32)> {
    let (task, attempt) = directory.rsplit_once('-')?;
    Some((task.parse().ok()?, attempt.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_and_is_bounded() {
        for failures in 0..40 {
            assert!(backoff(failures, u128::MAX / 3) < 600_000);
        }
        assert_eq!(backoff(0, 4_999), 4_999);
        assert_eq!(backoff(3, 39_999), 39_999);
    }

    #[test]
    fn a_work_directory_names_its_attempt() {
        let id = "123e4567-e89b-42d3-a456-426614174000";
        assert_eq!(owner_of(&format!("{id}-12")), Some((id.parse().unwrap(), 12)));
        assert_eq!(owner_of("lost+found"), None);
    }
}
