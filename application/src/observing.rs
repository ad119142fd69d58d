//! What the host tells of its plugins, written down: how they fare as events of their installations, what they say and
//! how they do as telemetry in batches. Whoever reads a plugin never waits for any of it.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::{
    installation::{Health, Installation, InstallationCommand},
    values::{InstallationId, Metadata},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    commands::{CommandError, Commands},
    hosting::Router,
    ports::{
        hosting::{Happening, Happenings, Health as Seen, InstanceId, State},
        telemetry::{Observed, Telemetry},
    },
};

/// Beyond this the newest is dropped: the database is far too slow.
const WAITING: usize = 10_000;
const BATCH: usize = 100;
const EVERY: Duration = Duration::from_secs(1);

/// Takes what happens and returns at once.
pub struct Observer {
    router: Arc<Router>,
    fates: mpsc::Sender<(InstallationId, InstallationCommand)>,
    telemetry: mpsc::Sender<(InstallationId, Observed)>,
}

/// Writes it down; to be run.
pub struct Recording {
    commands: Arc<dyn Commands<Installation>>,
    keeper: Arc<dyn Telemetry>,
    fates: mpsc::Receiver<(InstallationId, InstallationCommand)>,
    telemetry: mpsc::Receiver<(InstallationId, Observed)>,
}

impl Observer {
    pub fn new(
        router: Arc<Router>,
        commands: Arc<dyn Commands<Installation>>,
        keeper: Arc<dyn Telemetry>,
    ) -> (Self, Recording) {
        let (fates, told) = mpsc::channel(WAITING);
        let (telemetry, observed) = mpsc::channel(WAITING);
        let recording = Recording { commands, keeper, fates: told, telemetry: observed };
        (Self { router, fates, telemetry }, recording)
    }

    fn fate(&self, installation: InstallationId, command: InstallationCommand) {
        if self.fates.try_send((installation, command)).is_err() {
            warn!(%installation, "what happened to it was not written down: too much is waiting");
        }
    }
}

impl Happenings for Observer {
    fn happened(&self, instance: InstanceId, at: DateTime<Utc>, happening: Happening) {
        let Some(installation) = self.router.owner(instance) else { return };
        match happening {
            Happening::State { to: State::Waiting | State::Failed, exit, stderr, wait, .. }
                if self.router.is_current(instance) =>
            {
                let exit = exit.map_or_else(|| "it could not be started".to_owned(), |exit| exit.to_string());
                let retry_in_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                self.fate(installation, InstallationCommand::ReportCrash { exit, stderr, retry_in_ms, at });
            }
            Happening::Health { to, .. } if self.router.is_current(instance) => {
                self.fate(installation, InstallationCommand::ReportHealth { health: health(to), at });
            }
            Happening::State { .. } | Happening::Health { .. } | Happening::Reported(_) => {}
            Happening::Logged { lines, dropped } => {
                // Full: the next batch says how many lines are missing.
                let _full = self.telemetry.try_send((installation, Observed::Lines { lines, dropped }));
            }
            Happening::Measured(sample) => {
                let _full = self.telemetry.try_send((installation, Observed::Sample(sample)));
            }
        }
    }
}

fn health(seen: Seen) -> Health {
    match seen {
        Seen::Unknown => Health::Unknown,
        Seen::Healthy => Health::Healthy,
        Seen::Warning => Health::Degraded,
        Seen::Unhealthy => Health::Unhealthy,
    }
}

impl Recording {
    /// Until it is told to stop and nothing more is waiting.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut every = tokio::time::interval(EVERY);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut waiting = Vec::new();
        loop {
            tokio::select! {
                Some((installation, command)) = self.fates.recv() => self.tell(installation, command).await,
                received = self.telemetry.recv_many(&mut waiting, BATCH), if waiting.len() < BATCH => {
                    if received == 0 && self.fates.is_closed() {
                        break;
                    }
                    if waiting.len() >= BATCH {
                        self.keep(&mut waiting).await;
                    }
                }
                _ = every.tick() => self.keep(&mut waiting).await,
                () = stop.cancelled() => break,
            }
        }
        while let Ok((installation, command)) = self.fates.try_recv() {
            self.tell(installation, command).await;
        }
        while let Ok(observed) = self.telemetry.try_recv() {
            waiting.push(observed);
        }
        self.keep(&mut waiting).await;
    }

    async fn tell(&self, installation: InstallationId, command: InstallationCommand) {
        let by = Metadata::of_process("observing", installation.to_string(), "host".to_owned());
        match self.commands.execute(&installation.to_string(), command, by).await {
            Ok(_) | Err(CommandError::Refused(_)) => {}
            Err(error) => warn!(%installation, %error, "what happened to it was not written down"),
        }
    }

    /// What cannot be kept now is dropped: telemetry must not fill the memory.
    async fn keep(&self, waiting: &mut Vec<(InstallationId, Observed)>) {
        if waiting.is_empty() {
            return;
        }
        if let Err(error) = self.keeper.keep(waiting).await {
            warn!(%error, batches = waiting.len(), "telemetry was dropped");
        }
        waiting.clear();
    }
}

#[cfg(test)]
mod tests;
