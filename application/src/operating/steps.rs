//! What each step does, and how it is taken back. All of it may be repeated.

use std::collections::BTreeSet;

use domain::{
    installation::{
        Backup, Configuration, InstallationActivated, InstallationCommand, InstallationError,
        InstallationRequested, InstallationUpgraded, InstalledRelease,
    },
    operation::{Found, OperationFault, Step, Work},
    values::{BackupId, InstallationId, InstalledName},
};
use serde_json::json;

use super::{
    configuring, depending,
    faults::{Code, Halt, not_started},
    permitting,
    reading::{RUNNABLE, release},
    running::Run,
};
use crate::{
    commands::CommandError,
    failure::Failure,
    hosting::{CONFIGURATION, Plan, subject},
    ports::workplace::Place,
    queries::installations::{InstallationView, LiveView},
};

impl Run<'_> {
    pub(super) async fn act(&self, step: Step) -> Result<Option<Found>, Halt> {
        match step {
            Step::Fetch => self.fetch().await.map(Some),
            Step::Unpack => self.unpack().await.map(|()| None),
            Step::Check => self.check().await.map(Some),
            Step::Dependencies => self.depend().await.map(|()| None),
            Step::Permissions => self.permit().await.map(Some),
            Step::Environment => self.furnish().await.map(|()| None),
            Step::Configuration => self.configure().await.map(Some),
            Step::Claim => self.claim().await.map(Some),
            Step::BackUp => self.back_up().await,
            Step::Start => self.start().await.map(|()| None),
            Step::Switch => self.switch().await.map(|()| None),
            Step::Stop => self.stop().await.map(|()| None),
            Step::Remove => self.remove().await.map(|()| None),
        }
    }

    pub(super) async fn undo(&self, step: Step) -> Result<(), Failure> {
        let hosting = &self.operating.hosting;
        match step {
            Step::Unpack | Step::Environment => {
                let Some(place) = self.place() else { return Ok(()) };
                // What stands there may serve the release that is installed, or be another operation's.
                let has_turn = self.has_turn().await.map_err(|_away| Failure::internal())?;
                let is_ours = has_turn && !self.is_current(&place).await?;
                if is_ours { hosting.workplace.clear(&place).await } else { Ok(()) }
            }
            Step::BackUp => match (self.view.found.installation, self.view.found.backup) {
                (Some(installation), Some(backup)) => hosting.workplace.forget(installation, backup).await,
                (Some(_) | None, _) => Ok(()),
            },
            Step::Start => {
                hosting.end(self.instance).await;
                match self.before().await {
                    Ok(Some((view, live))) if live.is_enabled => hosting.keep_up(&view).await,
                    Ok(Some(_) | None) | Err(_) => {}
                }
                Ok(())
            }
            Step::Fetch
            | Step::Check
            | Step::Dependencies
            | Step::Permissions
            | Step::Configuration
            | Step::Claim
            | Step::Switch
            | Step::Stop
            | Step::Remove => Ok(()),
        }
    }

    /// The installation is free again.
    pub(super) async fn give_back(&self, fault: Option<&OperationFault>) -> Result<(), Halt> {
        let Some(id) = self.view.found.installation.or(self.named()) else { return Ok(()) };
        let operation = self.view.id;
        let (code, message) = match fault {
            Some(fault) => (fault.code.clone(), fault.message.clone()),
            None => ("CANCELLED".to_owned(), "Cancelled".to_owned()),
        };
        self.installs(id, InstallationCommand::Fail { operation, code, message }).await
    }

    pub(super) fn installation(&self) -> Result<InstallationId, Halt> {
        let known = self.view.found.installation;
        known.ok_or_else(|| Halt::Adrift("its installation is not known yet".to_owned()))
    }

    pub(super) fn release(&self) -> Result<&InstalledRelease, Halt> {
        let known = self.view.found.release.as_deref();
        known.ok_or_else(|| Halt::Adrift("its release is not known yet".to_owned()))
    }

    fn place(&self) -> Option<Place> {
        let found = &self.view.found;
        Some(Place::of(found.installation?, found.release.as_deref()?))
    }

    /// Of work on something that is there.
    fn named(&self) -> Option<InstallationId> {
        let name = match &self.view.work {
            Work::Install(_) => return None,
            Work::Upgrade(upgrade) => &upgrade.name,
            Work::RollBack(back) => &back.name,
            Work::Uninstall(uninstall) => &uninstall.name,
        };
        Some(InstallationId::of(&self.view.scope, name))
    }

    /// What is installed while this goes on.
    async fn before(&self) -> Result<Option<(InstallationView, LiveView)>, Halt> {
        let Some(id) = self.view.found.installation.or(self.named()) else { return Ok(None) };
        let view = self.operating.hosting.installations.installation(id).await?;
        Ok(view.and_then(|view| {
            let live = view.live.as_deref().cloned()?;
            Some((view, live))
        }))
    }

    async fn is_current(&self, place: &Place) -> Result<bool, Failure> {
        match self.before().await {
            Ok(Some((view, live))) => Ok(Place::of(view.id, &live.release) == *place),
            Ok(None) => Ok(false),
            Err(_away) => Err(Failure::internal()),
        }
    }

    async fn installs(&self, id: InstallationId, command: InstallationCommand) -> Result<(), Halt> {
        let hosting = &self.operating.hosting;
        match hosting.command(id, command, self.by.clone()).await {
            Ok(_) => Ok(()),
            Err(CommandError::Refused(refusal)) => Err(Halt::Fault(refused(&refusal))),
            Err(error) => Err(Halt::Adrift(error.to_string())),
        }
    }

    /// Reads the package: what it is, and whether it can run here.
    async fn check(&self) -> Result<Found, Halt> {
        let fetched = self.view.found.fetched.clone();
        let fetched = fetched.ok_or_else(|| Halt::Adrift("its package is not known yet".to_owned()))?;
        let file = self.copy_of(&fetched.digest).await?;
        let package = self.operating.reader.read(&file, &RUNNABLE).await?;
        let release = release(package, fetched.origin)?;
        self.must_be_wanted(&release)?;
        let hosting = &self.operating.hosting;
        let pythons = match depending::wanted_python(&release) {
            Some(_) => hosting.workplace.pythons().await,
            None => BTreeSet::new(),
        };
        depending::check_host(&release, &hosting.level, &pythons)?;
        let inst_uid = InstallationId::of(&self.view.scope, &release.name);
        Ok(Found::Identified { inst_uid, release: Box::new(release) })
    }

    /// Gets the turn on its installation, and unpacks it there.
    async fn unpack(&self) -> Result<(), Halt> {
        let (id, release) = (self.installation()?, self.release()?);
        self.take_turn(id, &release.name).await?;
        let place = Place::of(id, release);
        if self.is_current(&place).await? {
            return Ok(());
        }
        let file = self.copy_of(&release.digest).await?;
        Ok(self.operating.hosting.workplace.unpack(&place, &file, release.format).await?)
    }

    async fn backup(&self, backup: BackupId) -> Result<Backup, Halt> {
        let (view, _) = self.must_be_there().await?;
        let kept = view.backups.get(&backup).cloned();
        kept.ok_or_else(|| Halt::Fault(Code::NotFound.fault("No such backup")))
    }

    async fn must_be_there(&self) -> Result<(InstallationView, LiveView), Halt> {
        let there = self.before().await?;
        there.ok_or_else(|| Halt::Fault(Code::NotFound.fault("This plugin is not installed")))
    }

    fn must_be_wanted(&self, release: &InstalledRelease) -> Result<(), Halt> {
        let Work::Upgrade(upgrade) = &self.view.work else {
            return self.must_be_ordered(release);
        };
        if upgrade.name.folded() != release.name.folded() {
            let message = format!("The package is of {}, not of {}", release.name, upgrade.name);
            return Err(Code::InstallationFailed.fault(message).into());
        }
        Ok(())
    }

    async fn take_turn(&self, id: InstallationId, name: &InstalledName) -> Result<(), Halt> {
        let operation = self.view.id;
        let Work::Install(install) = &self.view.work else {
            return self.installs(id, InstallationCommand::Begin { operation }).await;
        };
        let requested = InstallationRequested {
            inst_uid: id,
            operation_uid: operation,
            name: name.clone(),
            scope: self.view.scope.clone(),
            owner: self.view.owner,
            at: self.operating.hosting.clock.now(),
        };
        let hosting = &self.operating.hosting;
        match hosting.command(id, InstallationCommand::Request(requested), self.by.clone()).await {
            Err(CommandError::Refused(InstallationError::AlreadyInstalled)) if install.force_reinstall => {
                self.installs(id, InstallationCommand::Begin { operation }).await
            }
            Ok(_) => Ok(()),
            Err(CommandError::Refused(refusal)) => Err(Halt::Fault(refused(&refusal))),
            Err(error) => Err(Halt::Adrift(error.to_string())),
        }
    }

    async fn depend(&self) -> Result<(), Halt> {
        let live = self.operating.hosting.installations.live().await?;
        let here: Vec<_> = live.into_iter().filter(|view| view.scope == self.view.scope).collect();
        match &self.view.work {
            Work::Uninstall(uninstall) if uninstall.force => Ok(()),
            Work::Uninstall(uninstall) => Ok(depending::must_not_be_needed(&uninstall.name, &here)?),
            Work::Install(_) | Work::Upgrade(_) | Work::RollBack(_) => {
                Ok(depending::must_be_met(self.release()?, &here)?)
            }
        }
    }

    async fn permit(&self) -> Result<Found, Halt> {
        let release = self.release()?;
        let before = self.before().await?.map(|(_, live)| live.granted);
        let granted = match (&self.view.work, before) {
            (Work::Install(install), None) => permitting::granted(release, install.grant.as_ref())?,
            (_, Some(before)) => before.intersection(&release.permissions).cloned().collect(),
            (_, None) => BTreeSet::new(),
        };
        Ok(Found::Granted { granted })
    }

    async fn furnish(&self) -> Result<(), Halt> {
        let release = self.release()?;
        let place = Place::of(self.installation()?, release);
        let on_progress = |_: &str, _: u64, _: u64| {};
        let workplace = &self.operating.hosting.workplace;
        Ok(workplace.furnish(&place, release, &on_progress, &self.cancel).await?)
    }

    /// What was sent with the order, over what is there, checked and with its secrets sealed for the installation.
    async fn configure(&self) -> Result<Found, Halt> {
        let hosting = &self.operating.hosting;
        let release = self.release()?;
        let (life, before) = match self.before().await? {
            Some((view, live)) => (view.life, Some(live.configuration)),
            None => (self.view.id, None),
        };
        let sent = match &self.view.work {
            Work::Install(install) => match &install.configuration {
                Some(sealed) => Some(hosting.vault.open(sealed, CONFIGURATION).await?),
                None => None,
            },
            Work::Upgrade(_) | Work::RollBack(_) | Work::Uninstall(_) => None,
        };
        let drops_unknown = matches!(&self.view.work, Work::Upgrade(upgrade) if upgrade.update_config);
        let order = configuring::Order { sent, before, drops_unknown };
        let written = configuring::written(release, order)?;
        let sealed = written.sealed(hosting.vault.as_ref(), &subject(life)).await?;
        Ok(Found::Configured {
            configuration: Configuration { plain: sealed.plain, secrets: sealed.secrets },
        })
    }

    /// Of work on what is there: its turn, and what it is.
    async fn claim(&self) -> Result<Found, Halt> {
        let (view, live) = self.must_be_there().await?;
        self.installs(view.id, InstallationCommand::Begin { operation: self.view.id }).await?;
        let release = match &self.view.work {
            Work::RollBack(back) => self.backup(back.backup).await?.release,
            Work::Install(_) | Work::Upgrade(_) | Work::Uninstall(_) => live.release,
        };
        Ok(Found::Identified { inst_uid: view.id, release: Box::new(release) })
    }

    async fn back_up(&self) -> Result<Option<Found>, Halt> {
        let wanted = match &self.view.work {
            Work::Upgrade(upgrade) => upgrade.backup_current,
            Work::Uninstall(uninstall) => uninstall.backup,
            Work::Install(_) | Work::RollBack(_) => false,
        };
        if !wanted {
            return Ok(None);
        }
        let hosting = &self.operating.hosting;
        let backup_uid = self.view.found.backup.unwrap_or_else(|| BackupId(hosting.ids.secret()));
        let holds_data = hosting.workplace.back_up(self.installation()?, backup_uid).await?;
        Ok(Some(Found::BackedUp { backup_uid, holds_data }))
    }

    /// The new process beside the old one, unless only one may hold the data.
    async fn start(&self) -> Result<(), Halt> {
        let (hosting, before) = (&self.operating.hosting, self.before().await?);
        let (is_wanted, restores) = match (&self.view.work, &before) {
            (Work::Install(install), None) => (install.auto_enable, None),
            (Work::Install(install), Some((_, live))) => (install.auto_enable || live.is_enabled, None),
            (Work::Upgrade(upgrade), Some((_, live))) => (live.is_enabled && upgrade.restart, None),
            (Work::RollBack(back), Some((_, live))) => {
                (live.is_enabled, back.with_data.then_some(back.backup))
            }
            (Work::Upgrade(_) | Work::RollBack(_) | Work::Uninstall(_), _) => (false, None),
        };
        let id = self.installation()?;
        if let Some((view, _)) = &before
            && view.operation != Some(self.view.id)
        {
            // It took over, and this node ended right after.
            hosting.keep_up(view).await;
            return Ok(());
        }
        if let Some((_, live)) = &before
            && (restores.is_some() || live.release.is_exclusive)
        {
            hosting.stop(id, hosting.patience).await;
        }
        if let Some(backup) = restores {
            hosting.workplace.restore(id, backup).await?;
        }
        if !is_wanted {
            return Ok(());
        }
        let plan = self.plan(before.map(|(_, live)| live)).await?;
        hosting.begin(self.instance, &plan).await.map_err(|fault| Halt::Fault(not_started(&fault)))
    }

    /// With what it is going to run.
    async fn plan(&self, before: Option<LiveView>) -> Result<Plan, Halt> {
        let (found, hosting) = (&self.view.found, &self.operating.hosting);
        let configuration = match (&self.view.work, &found.configuration) {
            (Work::RollBack(back), _) => self.backup(back.backup).await?.configuration,
            (_, Some(configuration)) => configuration.clone(),
            (_, None) => Configuration::default(),
        };
        let mut granted = found.granted.clone().unwrap_or_default();
        if let Work::RollBack(_) = self.view.work {
            granted = before.as_ref().map(|live| live.granted.clone()).unwrap_or_default();
        }
        Ok(Plan {
            installation: self.installation()?,
            release: self.release()?.clone(),
            configuration,
            granted,
            security_level: before.as_ref().map_or_else(Default::default, |live| live.security_level),
            limits: before.map_or(hosting.limits, |live| live.limits),
        })
    }

    /// From here on it is what everybody sees and talks to.
    async fn switch(&self) -> Result<(), Halt> {
        let (hosting, id, at) =
            (&self.operating.hosting, self.installation()?, self.operating.hosting.clock.now());
        let before = self.before().await?;
        let plan = self.plan(before.as_ref().map(|(_, live)| live.clone())).await?;
        if before.is_some() && !self.has_turn().await? {
            // It was written down, and this node ended right after.
            return Ok(());
        }
        hosting.workplace.switch(&Place::of(id, &plan.release)).await?;
        let operation_uid = self.view.id;
        let command = match (&self.view.work, before) {
            (Work::Install(install), None) => {
                InstallationCommand::Activate(Box::new(InstallationActivated {
                    operation_uid,
                    release: plan.release,
                    configuration: plan.configuration,
                    granted: plan.granted,
                    security_level: plan.security_level,
                    limits: plan.limits,
                    enabled: install.auto_enable,
                    at,
                }))
            }
            (work, Some((_, live))) => {
                let upgraded = Box::new(InstallationUpgraded {
                    operation_uid,
                    from: live.release.version.clone(),
                    release: plan.release,
                    configuration: plan.configuration,
                    backup_uid: match work {
                        Work::RollBack(back) => Some(back.backup),
                        Work::Install(_) | Work::Upgrade(_) | Work::Uninstall(_) => self.view.found.backup,
                    },
                    at,
                });
                if let Work::RollBack(_) = work {
                    InstallationCommand::RollBack(upgraded)
                } else {
                    InstallationCommand::Upgrade { backup: self.backup_of(&live), upgraded }
                }
            }
            (Work::Upgrade(_) | Work::RollBack(_) | Work::Uninstall(_), None) => {
                return Err(Code::NotFound.fault("This plugin is not installed any more").into());
            }
        };
        self.installs(id, command).await?;
        hosting.route(id, self.instance);
        if let Work::Install(_) = self.view.work {
            hosting.end_others(id).await;
        }
        Ok(())
    }

    async fn has_turn(&self) -> Result<bool, Halt> {
        let view = self.operating.hosting.installations.installation(self.installation()?).await?;
        Ok(view.is_some_and(|view| view.operation == Some(self.view.id)))
    }

    fn backup_of(&self, live: &LiveView) -> Option<Box<Backup>> {
        let found = &self.view.found;
        Some(Box::new(Backup {
            backup_uid: found.backup?,
            release: live.release.clone(),
            configuration: live.configuration.clone(),
            holds_data: found.holds_data,
            at: self.operating.hosting.clock.now(),
        }))
    }

    async fn stop(&self) -> Result<(), Halt> {
        let hosting = &self.operating.hosting;
        if let Work::Uninstall(_) = self.view.work {
            hosting.stop(self.installation()?, hosting.patience).await;
            return Ok(());
        }
        hosting.end_others(self.installation()?).await;
        Ok(())
    }

    async fn remove(&self) -> Result<(), Halt> {
        let Work::Uninstall(uninstall) = &self.view.work else { return Ok(()) };
        let (hosting, id) = (&self.operating.hosting, self.installation()?);
        let Some((view, live)) = self.before().await? else { return Ok(()) };
        hosting.workplace.remove(id, uninstall.cleanup_data).await?;
        if uninstall.cleanup_data {
            hosting.storage.clear(id).await?;
        }
        let command = InstallationCommand::Remove {
            operation: self.view.id,
            forced: uninstall.force,
            backup: self.backup_of(&live),
            data_removed: uninstall.cleanup_data,
            at: hosting.clock.now(),
        };
        self.installs(id, command).await?;
        if uninstall.cleanup_data && self.view.found.backup.is_none() {
            hosting.vault.erase(&subject(view.life)).await?;
        }
        Ok(())
    }
}

/// In the words of the documents.
fn refused(refusal: &InstallationError) -> OperationFault {
    let code = match refusal {
        InstallationError::Unknown | InstallationError::NoSuchBackup => Code::NotFound,
        InstallationError::AlreadyInstalled
        | InstallationError::Busy(_)
        | InstallationError::NotItsTurn
        | InstallationError::Disabled => Code::AlreadyInstalled,
        InstallationError::AnotherPlugin => Code::InstallationFailed,
        InstallationError::NeverRequested(_) | InstallationError::PermissionsPending(_) => {
            Code::PermissionDenied
        }
    };
    let details = match refusal {
        InstallationError::PermissionsPending(missing) => json!({"pending_permissions": missing}),
        InstallationError::Busy(operation) => json!({"operation": operation}),
        InstallationError::Unknown
        | InstallationError::AlreadyInstalled
        | InstallationError::NotItsTurn
        | InstallationError::Disabled
        | InstallationError::AnotherPlugin
        | InstallationError::NeverRequested(_)
        | InstallationError::NoSuchBackup => json!({}),
    };
    code.because(refusal.to_string(), details)
}
