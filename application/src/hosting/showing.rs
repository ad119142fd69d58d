//! Installations as people see them: what is installed, and how its process does.

use domain::{installation::Health, values::InstallationId};

use super::Hosting;
use crate::{
    error::Error,
    ports::hosting::{Health as Seen, SandboxReport, Snapshot, State},
    queries::installations::{InstallationView, LiveView},
};

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Active,
    /// On its way: starting, or about to be started again.
    Loading,
    Inactive,
    Error,
}

/// What is installed, and what this node knows of its process.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub view: InstallationView,
    pub live: LiveView,
    /// None: no process of it is here.
    pub process: Option<Snapshot>,
}

impl Shown {
    pub fn status(&self) -> Status {
        match self.process.as_ref().map(|process| process.state) {
            Some(State::Running) => Status::Active,
            Some(State::Starting | State::Waiting) => Status::Loading,
            Some(State::Stopping | State::Stopped) => Status::Inactive,
            None if !self.live.is_enabled => Status::Inactive,
            None if self.view.operation.is_some() => Status::Loading,
            Some(State::Failed) | None => Status::Error,
        }
    }

    pub fn health(&self) -> Health {
        match self.process.as_ref().map(|process| process.health) {
            Some(Seen::Unknown) if self.status() == Status::Active => Health::Healthy,
            Some(Seen::Unknown) | None => Health::Unknown,
            Some(Seen::Healthy) => Health::Healthy,
            Some(Seen::Warning) => Health::Degraded,
            Some(Seen::Unhealthy) => Health::Unhealthy,
        }
    }
}

impl Hosting {
    pub async fn shown(&self, id: InstallationId) -> Result<Shown, Error> {
        let (view, live) = self.live(id).await?;
        Ok(self.beside(view, live))
    }

    /// Everything that is installed, by name.
    pub async fn all_shown(&self) -> Result<Vec<Shown>, Error> {
        let all = self.installations.live().await?;
        let live = all.into_iter().filter_map(|view| {
            let live = view.live.as_deref().cloned()?;
            Some(self.beside(view, live))
        });
        Ok(live.collect())
    }

    fn beside(&self, view: InstallationView, live: LiveView) -> Shown {
        let instance = self.router.current(view.id);
        let process = instance.and_then(|instance| self.host.snapshot(instance));
        Shown { view, live, process }
    }

    pub fn sandbox(&self) -> SandboxReport {
        self.host.sandbox()
    }
}
