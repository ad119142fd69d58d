//! A plugin at work in a scope: which release, with which configuration and rights, and how it fares.
//!
//! Guards: one live installation a name and scope, because its id is made of them; one operation at a time; nothing is
//! granted that was not asked for; a rollback goes to a backup that is there.

mod command;
mod error;
mod event;
mod release;

pub use command::InstallationCommand;
pub use error::InstallationError;
pub use event::{
    Backup, Health, InstallationActivated, InstallationEvent, InstallationRequested, InstallationUpgraded,
};
pub use release::{Configuration, InstalledRelease, Origin, ResourceLimits, Runtime, SecurityLevel};

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::values::{BackupId, OperationId};

/// Backups that are kept; the oldest goes first.
pub const MOST_BACKUPS: usize = 10;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Installation {
    /// Whose turn it is.
    operation: Option<OperationId>,
    /// None: not there yet, or no more.
    live: Option<Box<Live>>,
    /// They outlive a removal.
    backups: BTreeMap<BackupId, Backup>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Live {
    release: InstalledRelease,
    granted: BTreeSet<String>,
    security_level: SecurityLevel,
    limits: ResourceLimits,
    is_enabled: bool,
    health: Health,
}

impl Installation {
    /// The rules, one line a command.
    pub fn decide(&self, command: InstallationCommand) -> Result<Vec<InstallationEvent>, InstallationError> {
        use InstallationCommand as C;
        use InstallationEvent as E;
        match command {
            C::Request(requested) => self.request(requested),
            C::Begin { operation } => self.begin(operation),
            C::End { operation } => Ok(self.end(operation)),
            C::Activate(activated) => {
                self.must_have_turn(activated.operation_uid)?;
                only_requested(&activated.granted, &activated.release)?;
                Ok(vec![E::InstallationActivated(activated)])
            }
            C::Fail { operation, code, message } => Ok(self.fail(operation, code, message)),
            C::Upgrade { backup, upgraded } => self.upgrade(backup, upgraded),
            C::RollBack(upgraded) => self.roll_back(upgraded),
            C::BackUp { operation, backup } => {
                self.turn_on_live(operation)?;
                Ok(vec![E::BackupCreated(backup)])
            }
            C::Remove { operation, forced, backup, data_removed, at } => {
                self.turn_on_live(operation)?;
                let operation_uid = operation;
                Ok(vec![E::InstallationRemoved { operation_uid, forced, backup, data_removed, at }])
            }
            C::Enable { at } => self.enable(at),
            C::Disable { reason, at } => self.disable(reason, at),
            C::Restart { reason, at } => {
                self.must_be_idle()?;
                if !self.live()?.is_enabled {
                    return Err(InstallationError::Disabled);
                }
                Ok(vec![E::InstallationRestarted { reason, at }])
            }
            C::Configure { configuration, fields, restart_required, at } => {
                self.must_be_idle()?;
                self.live()?;
                Ok(vec![E::ConfigurationChanged { configuration, fields, restart_required, at }])
            }
            C::ChangePermissions { grant, revoke, security_level, at } => {
                self.change_permissions(&grant, &revoke, security_level, at)
            }
            C::ChangeLimits { limits, at } if self.live()?.limits != limits => {
                Ok(vec![E::LimitsChanged { limits, at }])
            }
            C::ReportHealth { health, at } => {
                let from = self.live()?.health;
                if from == health {
                    return Ok(Vec::new());
                }
                Ok(vec![E::HealthChanged { from, to: health, at }])
            }
            C::ReportCrash { exit, stderr, retry_in_ms, at } => {
                self.live()?;
                Ok(vec![E::ProcessCrashed { exit, stderr, retry_in_ms, at }])
            }
            C::ChangeLimits { .. } => Ok(Vec::new()),
        }
    }

    fn request(&self, requested: InstallationRequested) -> Result<Vec<InstallationEvent>, InstallationError> {
        if self.operation == Some(requested.operation_uid) {
            return Ok(Vec::new());
        }
        self.must_be_idle()?;
        if self.live.is_some() {
            return Err(InstallationError::AlreadyInstalled);
        }
        Ok(vec![InstallationEvent::InstallationRequested(requested)])
    }

    /// A second time by the same operation nothing happens: it may have died in between.
    fn begin(&self, operation: OperationId) -> Result<Vec<InstallationEvent>, InstallationError> {
        self.live()?;
        if self.operation == Some(operation) {
            return Ok(Vec::new());
        }
        self.must_be_idle()?;
        Ok(vec![InstallationEvent::OperationBegun { operation_uid: operation }])
    }

    fn end(&self, operation: OperationId) -> Vec<InstallationEvent> {
        if self.operation != Some(operation) {
            return Vec::new();
        }
        vec![InstallationEvent::OperationEnded { operation_uid: operation }]
    }

    fn fail(&self, operation: OperationId, code: String, message: String) -> Vec<InstallationEvent> {
        if self.operation != Some(operation) || self.live.is_some() {
            return self.end(operation);
        }
        vec![InstallationEvent::InstallationFailed { operation_uid: operation, code, message }]
    }

    fn upgrade(
        &self,
        backup: Option<Box<Backup>>,
        upgraded: Box<InstallationUpgraded>,
    ) -> Result<Vec<InstallationEvent>, InstallationError> {
        let live = self.turn_on_live(upgraded.operation_uid)?;
        if live.release.name.folded() != upgraded.release.name.folded() {
            return Err(InstallationError::AnotherPlugin);
        }
        if !upgraded.release.permissions.is_subset(&live.release.permissions) {
            let more = upgraded.release.permissions.difference(&live.release.permissions);
            let missing: BTreeSet<String> =
                more.filter(|one| !live.granted.contains(*one)).cloned().collect();
            if !missing.is_empty() && live.is_enabled {
                return Err(InstallationError::PermissionsPending(missing));
            }
        }
        let mut events: Vec<InstallationEvent> =
            backup.into_iter().map(InstallationEvent::BackupCreated).collect();
        events.push(InstallationEvent::InstallationUpgraded(upgraded));
        Ok(events)
    }

    fn roll_back(
        &self,
        rolled_back: Box<InstallationUpgraded>,
    ) -> Result<Vec<InstallationEvent>, InstallationError> {
        self.turn_on_live(rolled_back.operation_uid)?;
        let is_kept = rolled_back.backup_uid.is_some_and(|backup| self.backups.contains_key(&backup));
        if !is_kept {
            return Err(InstallationError::NoSuchBackup);
        }
        Ok(vec![InstallationEvent::InstallationRolledBack(rolled_back)])
    }

    fn enable(&self, at: DateTime<Utc>) -> Result<Vec<InstallationEvent>, InstallationError> {
        self.must_be_idle()?;
        let is_enabled = self.live()?.is_enabled;
        Ok(if is_enabled { Vec::new() } else { vec![InstallationEvent::InstallationEnabled { at }] })
    }

    fn disable(
        &self,
        reason: Option<String>,
        at: DateTime<Utc>,
    ) -> Result<Vec<InstallationEvent>, InstallationError> {
        self.must_be_idle()?;
        let is_enabled = self.live()?.is_enabled;
        Ok(if is_enabled { vec![InstallationEvent::InstallationDisabled { reason, at }] } else { Vec::new() })
    }

    fn change_permissions(
        &self,
        grant: &BTreeSet<String>,
        revoke: &BTreeSet<String>,
        security_level: Option<SecurityLevel>,
        at: DateTime<Utc>,
    ) -> Result<Vec<InstallationEvent>, InstallationError> {
        self.must_be_idle()?;
        let live = self.live()?;
        only_requested(grant, &live.release)?;
        let granted: BTreeSet<String> = grant.difference(&live.granted).cloned().collect();
        let revoked: BTreeSet<String> = revoke.intersection(&live.granted).cloned().collect();
        let security_level = security_level.unwrap_or(live.security_level);
        if granted.is_empty() && revoked.is_empty() && security_level == live.security_level {
            return Ok(Vec::new());
        }
        Ok(vec![InstallationEvent::PermissionsChanged { granted, revoked, security_level, at }])
    }

    fn live(&self) -> Result<&Live, InstallationError> {
        self.live.as_deref().ok_or(InstallationError::Unknown)
    }

    fn must_be_idle(&self) -> Result<(), InstallationError> {
        self.operation.map_or(Ok(()), |operation| Err(InstallationError::Busy(operation)))
    }

    fn must_have_turn(&self, operation: OperationId) -> Result<(), InstallationError> {
        if self.operation == Some(operation) { Ok(()) } else { Err(InstallationError::NotItsTurn) }
    }

    fn turn_on_live(&self, operation: OperationId) -> Result<&Live, InstallationError> {
        self.must_have_turn(operation)?;
        self.live()
    }
}

fn only_requested(granted: &BTreeSet<String>, release: &InstalledRelease) -> Result<(), InstallationError> {
    match granted.difference(&release.permissions).next() {
        None => Ok(()),
        Some(more) => Err(InstallationError::NeverRequested(more.clone())),
    }
}

aggregate!(Installation, "installation", InstallationCommand, InstallationEvent, InstallationError);

impl Installation {
    fn evolve(&mut self, event: InstallationEvent) {
        use InstallationEvent as E;
        match event {
            E::InstallationRequested(requested) => self.operation = Some(requested.operation_uid),
            E::OperationBegun { operation_uid } => self.operation = Some(operation_uid),
            E::OperationEnded { .. } | E::InstallationFailed { .. } => self.operation = None,
            E::InstallationActivated(activated) => {
                self.operation = None;
                self.live = Some(Box::new(Live {
                    release: activated.release,
                    granted: activated.granted,
                    security_level: activated.security_level,
                    limits: activated.limits,
                    is_enabled: activated.enabled,
                    health: Health::Unknown,
                }));
            }
            E::InstallationUpgraded(upgraded) | E::InstallationRolledBack(upgraded) => {
                self.operation = None;
                self.change(|live| {
                    live.granted.retain(|one| upgraded.release.permissions.contains(one));
                    live.release = upgraded.release;
                });
            }
            E::InstallationRemoved { backup, .. } => {
                self.operation = None;
                self.live = None;
                if let Some(backup) = backup {
                    self.keep(*backup);
                }
            }
            E::BackupCreated(backup) => self.keep(*backup),
            E::InstallationEnabled { .. } => self.change(|live| live.is_enabled = true),
            E::InstallationDisabled { .. } => self.change(|live| {
                live.is_enabled = false;
                live.health = Health::Unknown;
            }),
            E::PermissionsChanged { granted, revoked, security_level, .. } => self.change(|live| {
                live.granted.extend(granted);
                live.granted.retain(|one| !revoked.contains(one));
                live.security_level = security_level;
            }),
            E::LimitsChanged { limits, .. } => self.change(|live| live.limits = limits),
            E::HealthChanged { to, .. } => self.change(|live| live.health = to),
            E::InstallationRestarted { .. } | E::ConfigurationChanged { .. } | E::ProcessCrashed { .. } => {}
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Live)) {
        if let Some(live) = &mut self.live {
            change(live);
        }
    }

    fn keep(&mut self, backup: Backup) {
        self.backups.insert(backup.backup_uid, backup);
        if self.backups.len() > MOST_BACKUPS {
            let oldest = self.backups.values().min_by_key(|backup| backup.at);
            if let Some(oldest) = oldest.map(|backup| backup.backup_uid) {
                self.backups.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests;
