//! The progress budget: a job may report a thousand times a second; the job row takes two writes a second, the
//! log a phase change or ten points in five seconds. The latest report wins.

use std::time::Duration;

use domain::{
    task::{Phase, PluginAbout, TaskCommand, TaskProgressed},
    values::PluginIdentity,
};
use tokio::{sync::watch, time::Instant};

use super::run_tasks::RunTasks;
use crate::{
    ports::jobs::Claim,
    repackaging::{Progress, Step},
};

const BETWEEN_WRITES: Duration = Duration::from_millis(500);
const BETWEEN_EVENTS: Duration = Duration::from_secs(5);
const POINTS_BETWEEN_EVENTS: u8 = 10;

#[derive(Debug)]
pub(super) struct Reporter(watch::Sender<Option<Latest>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Latest {
    phase: Phase,
    percent: u8,
    message: String,
    plugin: Option<(PluginIdentity, PluginAbout)>,
}

impl Default for Reporter {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Progress for Reporter {
    fn report(&self, step: Step<'_>) {
        self.0.send_if_modified(|latest| {
            if let Some(latest) = latest
                && latest.phase == step.phase
                && latest.percent == step.percent
                && step.plugin.is_none()
            {
                return false;
            }
            let known = latest.take().and_then(|latest| latest.plugin);
            *latest = Some(Latest {
                phase: step.phase,
                percent: step.percent,
                message: step.message.to_owned(),
                plugin: step.plugin.map(|read| (read.identity.clone(), read.about())).or(known),
            });
            true
        });
    }
}

impl Reporter {
    /// Writes what is worth it, until dropped.
    pub(super) async fn pass_on(&self, run: &RunTasks, claim: &Claim) {
        let mut changes = self.0.subscribe();
        let mut logged: Option<(Phase, u8, Instant)> = None;
        while changes.changed().await.is_ok() {
            let latest = changes.borrow_and_update().clone();
            let Some(latest) = latest else { continue };
            // Only a hint for watchers: a lost write is made good by the next one.
            let _ = run.jobs.progress(claim.task, claim.attempt, latest.percent, &latest.message).await;
            run.progressed.raise();
            if worth_an_event(logged, &latest) {
                logged = Some((latest.phase, latest.percent, Instant::now()));
                let (plugin, about) = latest.plugin.unzip();
                let command = TaskCommand::Report(TaskProgressed {
                    attempt: claim.attempt,
                    phase: latest.phase,
                    percent: latest.percent,
                    message: latest.message,
                    plugin,
                    about,
                });
                let _ = run.commands.execute(&claim.task.to_string(), command, claim.by()).await;
            }
            tokio::time::sleep(BETWEEN_WRITES).await;
        }
    }
}

fn worth_an_event(logged: Option<(Phase, u8, Instant)>, latest: &Latest) -> bool {
    let Some((phase, percent, at)) = logged else { return true };
    phase != latest.phase
        || (latest.percent >= percent.saturating_add(POINTS_BETWEEN_EVENTS) && at.elapsed() >= BETWEEN_EVENTS)
}

#[cfg(test)]
mod tests {
    use domain::values::Digest;

    use super::*;
    use crate::ports::packaging::Inspection;

    fn latest(phase: Phase, percent: u8) -> Latest {
        Latest { phase, percent, message: String::new(), plugin: None }
    }

    #[tokio::test(start_paused = true)]
    async fn ten_points_count_only_after_five_seconds() {
        let logged = Some((Phase::Wheels, 30, Instant::now()));
        assert!(!worth_an_event(logged, &latest(Phase::Wheels, 60)));
        tokio::time::advance(BETWEEN_EVENTS).await;
        assert!(worth_an_event(logged, &latest(Phase::Wheels, 40)));
        assert!(!worth_an_event(logged, &latest(Phase::Wheels, 39)));
    }

    #[tokio::test]
    async fn a_new_phase_always_counts() {
        assert!(worth_an_event(None, &latest(Phase::Downloading, 1)));
        assert!(worth_an_event(Some((Phase::Wheels, 85, Instant::now())), &latest(Phase::Packing, 85)));
    }

    #[test]
    fn the_latest_report_wins_and_the_plugin_once_known_stays() {
        let reporter = Reporter::default();
        let inspection = Inspection {
            sha256: Digest::of_bytes([0; 32]),
            size: 1,
            identity: PluginIdentity::new("a", "b", "0.0.1").unwrap(),
            identifier: String::new(),
            label: "B".to_owned(),
            category: "tool".to_owned(),
            signature_time: 0,
            notes: Vec::new(),
            plans: Vec::new(),
        };
        reporter.report(Step::at(Phase::Selecting, 30, "x", Some(&inspection)));
        for percent in 30..80 {
            reporter.report(Step::at(Phase::Wheels, percent, "y", None));
        }
        let latest = reporter.0.borrow().clone().unwrap();
        assert_eq!(
            (latest.percent, latest.plugin),
            (79, Some((inspection.identity.clone(), inspection.about())))
        );
    }
}
