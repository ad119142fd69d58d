//! What the owner of a host does with a plugin that is installed: on and off, its configuration, its rights.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use chrono::{DateTime, Utc};
use domain::{
    installation::{Configuration, InstallationCommand, SecurityLevel},
    operation::OperationFault,
    values::{InstallationId, Metadata},
};
use serde_json::{Map, Value, json};

use super::{Hosting, Plan, launching::stored, subject};
use crate::{
    error::{Error, Kind},
    operating::{
        configuring::{complete, merged},
        depending::{dependents, load_order},
        faults::{Code, not_started},
    },
    ports::hosting::{CallFault, Configured as Told, Stop},
    queries::installations::{InstallationView, LiveView},
    secrets::Parted,
};

/// A change was refused: by the rules of the service, or with a code of the documents.
#[derive(Debug, Clone, PartialEq)]
pub enum Refused {
    Error(Error),
    Fault(OperationFault),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<OperationFault> for Refused {
    fn from(fault: OperationFault) -> Self {
        Self::Fault(fault)
    }
}

/// What was changed, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub at: DateTime<Utc>,
}

/// A configuration that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    pub fields: Vec<String>,
    pub restart_required: bool,
    pub at: DateTime<Utc>,
}

/// Rights that were changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permitted {
    /// What the sandbox of a running process holds cannot be loosened.
    pub restarted: bool,
    pub at: DateTime<Utc>,
}

const NETWORK: &str = "http:external";

impl Hosting {
    /// What it needs is started before it. What cannot be started stays off.
    pub async fn enable(&self, id: InstallationId, by: &Metadata) -> Result<Changed, Refused> {
        let (view, live) = self.live(id).await?;
        must_be_free(&view)?;
        self.must_be_here()?;
        let at = self.clock.now();
        if self.router.current(id).is_none() {
            self.bring_up_needed(&view).await?;
            self.bring_up(&Plan::of(id, &live)).await.map_err(|fault| not_started(&fault))?;
        }
        if let Err(error) = self.command(id, InstallationCommand::Enable { at }, by.clone()).await {
            self.stop(id, Duration::ZERO).await;
            return Err(Error::from(error).into());
        }
        Ok(Changed { at })
    }

    /// Refused while others that run need it, unless forced.
    pub async fn disable(
        &self,
        id: InstallationId,
        reason: Option<String>,
        how: Stop,
        by: &Metadata,
    ) -> Result<Changed, Refused> {
        let (view, live) = self.live(id).await?;
        if live.is_enabled {
            self.must_be_here()?;
        }
        self.must_not_be_used(&view).await?;
        let at = self.clock.now();
        let command = InstallationCommand::Disable { reason, at };
        self.command(id, command, by.clone()).await.map_err(Error::from)?;
        self.stop_with(id, how).await;
        Ok(Changed { at })
    }

    pub async fn restart(
        &self,
        id: InstallationId,
        reason: Option<String>,
        how: Stop,
        by: &Metadata,
    ) -> Result<Changed, Refused> {
        let (_, live) = self.live(id).await?;
        self.must_be_here()?;
        let at = self.clock.now();
        let command = InstallationCommand::Restart { reason, at };
        self.command(id, command, by.clone()).await.map_err(Error::from)?;
        self.again(&Plan::of(id, &live), how).await?;
        Ok(Changed { at })
    }

    /// Its failures are forgotten.
    async fn again(&self, plan: &Plan, how: Stop) -> Result<(), Refused> {
        self.stop_with(plan.installation, how).await;
        Ok(self.bring_up(plan).await.map_err(|fault| not_started(&fault))?)
    }

    /// Fields that are sent replace those that are there; `whole` leaves nothing else of them. A plugin that runs is told,
    /// and may refuse.
    pub async fn configure(
        &self,
        id: InstallationId,
        sent: Map<String, Value>,
        whole: bool,
        by: &Metadata,
    ) -> Result<Configured, Refused> {
        let (view, live) = self.live(id).await?;
        must_be_free(&view)?;
        let stored =
            Parted { plain: live.configuration.plain.clone(), secrets: live.configuration.secrets.clone() };
        let base = if whole { kept_of(&sent, &stored) } else { stored.clone() };
        let fields: BTreeSet<String> = sent.keys().cloned().collect();
        let written = merged(&live.release, sent, &base)?;
        let sealed = written.sealed(self.vault.as_ref(), &subject(view.life)).await?;
        let configuration = Configuration { plain: sealed.plain, secrets: sealed.secrets };
        let restart_required = self.tell(id, &live, &configuration).await?;
        let at = self.clock.now();
        let fields_changed = fields.clone();
        let command =
            InstallationCommand::Configure { configuration, fields: fields_changed, restart_required, at };
        self.command(id, command, by.clone()).await.map_err(Error::from)?;
        Ok(Configured { fields: fields.into_iter().collect(), restart_required, at })
    }

    /// True: what runs goes on with the old one until it is started again.
    async fn tell(
        &self,
        id: InstallationId,
        live: &LiveView,
        configuration: &Configuration,
    ) -> Result<bool, Refused> {
        let Some(instance) = self.router.current(id) else { return Ok(false) };
        let plan = Plan { configuration: configuration.clone(), ..Plan::of(id, live) };
        let launch = self.launch(instance, &plan).await.map_err(Error::from)?;
        let told = self.host.configure(instance, launch.configuration.clone(), launch.secrets.clone()).await;
        match told {
            Ok(Told::Applied) => {
                self.host.relaunch(launch);
                Ok(false)
            }
            Ok(Told::RestartRequired) | Err(CallFault::NotRunning | CallFault::Died) => {
                self.host.relaunch(launch);
                Ok(true)
            }
            Ok(Told::Refused(why)) => {
                let message = format!("The plugin refuses this configuration: {why}");
                Err(Code::Configuration.because(message, json!({"step": "config/update"})).into())
            }
            Err(fault @ (CallFault::Busy | CallFault::TimedOut(_) | CallFault::TooLarge)) => {
                Err(Code::Configuration.fault(format!("The plugin could not be told: {fault}")).into())
            }
        }
    }

    /// What changes the walls of its sandbox starts it again.
    pub async fn permit(
        &self,
        id: InstallationId,
        grant: BTreeSet<String>,
        revoke: BTreeSet<String>,
        security_level: Option<SecurityLevel>,
        by: &Metadata,
    ) -> Result<Permitted, Refused> {
        let (_, before) = self.live(id).await?;
        let at = self.clock.now();
        let command = InstallationCommand::ChangePermissions { grant, revoke, security_level, at };
        let changed = self.command(id, command, by.clone()).await.map_err(Error::from)?;
        let (_, live) = self.live(id).await?;
        let Some(instance) = self.router.current(id).filter(|_| changed.is_some()) else {
            return Ok(Permitted { restarted: false, at });
        };
        let walls = |live: &LiveView| (live.granted.contains(NETWORK), live.security_level);
        if walls(&before) == walls(&live) {
            let plan = Plan::of(id, &live);
            self.host.relaunch(self.launch(instance, &plan).await.map_err(Error::from)?);
            // One that is not there now is told when it starts.
            let _told = self.host.permit(instance, live.granted).await;
            return Ok(Permitted { restarted: false, at });
        }
        self.again(&Plan::of(id, &live), Stop::after(self.patience)).await?;
        Ok(Permitted { restarted: true, at })
    }

    /// Processes are started and ended by the node that has them.
    fn must_be_here(&self) -> Result<(), Error> {
        if self.router.is_open() {
            return Ok(());
        }
        Err(Error::new(Kind::Unavailable, "Plugins run on another node; ask that one"))
    }

    async fn must_not_be_used(&self, view: &InstallationView) -> Result<(), Refused> {
        let others = self.installations.live().await?;
        let enabled = |other: &InstallationView| {
            other.scope == view.scope && other.live.as_ref().is_some_and(|live| live.is_enabled)
        };
        let enabled: Vec<InstallationView> = others.into_iter().filter(enabled).collect();
        let users = dependents(&view.name, &enabled);
        if users.is_empty() {
            return Ok(());
        }
        let message = format!("{} need it; disable them first", users.join(", "));
        Err(Code::Dependency.because(message, json!({"dependents": users})).into())
    }

    async fn bring_up_needed(&self, view: &InstallationView) -> Result<(), Refused> {
        let all = self.installations.live().await?;
        let here: Vec<InstallationView> = all.into_iter().filter(|other| other.scope == view.scope).collect();
        let by_name: BTreeMap<String, &InstallationView> =
            here.iter().map(|other| (other.name.folded(), other)).collect();
        let mut needed = BTreeSet::new();
        let mut left = vec![view.name.folded()];
        while let Some(name) = left.pop() {
            let live = by_name.get(&name).and_then(|found| found.live.as_ref());
            let needs = live.into_iter().flat_map(|live| live.release.dependencies.keys());
            left.extend(
                needs.map(|name| name.to_ascii_lowercase()).filter(|name| needed.insert(name.clone())),
            );
        }
        for other in load_order(&here) {
            if other.id != view.id && needed.contains(&other.name.folded()) {
                let is_off = other.live.as_ref().is_some_and(|live| !live.is_enabled);
                if is_off {
                    let message = format!("It needs {}, which is disabled; enable that first", other.name);
                    return Err(Code::Dependency.because(message, json!({"disabled": other.name})).into());
                }
                self.keep_up(other).await;
            }
        }
        Ok(())
    }

    /// The configuration as it is, complete and in the clear.
    pub async fn opened_configuration(&self, live: &LiveView) -> Result<Map<String, Value>, Error> {
        let opened = stored(&live.configuration).opened(self.vault.as_ref()).await?;
        Ok(complete(&live.release, opened))
    }
}

fn must_be_free(view: &InstallationView) -> Result<(), Error> {
    match view.operation {
        None => Ok(()),
        Some(_) => Err(Error::new(Kind::Conflict, "Another operation on this plugin is running")),
    }
}

/// Of what is stored, what is sent again by its name.
fn kept_of(
    sent: &Map<String, Value>,
    stored: &Parted<domain::values::Sealed>,
) -> Parted<domain::values::Sealed> {
    let mut plain = stored.plain.clone();
    if let Some(members) = plain.as_object_mut() {
        members.retain(|name, _| sent.contains_key(name));
    }
    let secrets = stored.secrets.iter().filter(|(place, _)| plain.pointer(place).is_some());
    Parted { secrets: secrets.map(|(place, sealed)| (place.clone(), sealed.clone())).collect(), plain }
}
