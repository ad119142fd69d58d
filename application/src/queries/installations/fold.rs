//! What each event makes of the view of its installation.

use std::collections::BTreeMap;

use domain::{
    installation::{
        Backup, Health, InstallationActivated, InstallationEvent, InstallationUpgraded, MOST_BACKUPS,
    },
    recorded::{Event, Recorded},
};

use super::{InstallationView, LiveView};

/// None: its stream does not begin with its request.
pub fn fold(view: Option<InstallationView>, recorded: &Recorded) -> Option<InstallationView> {
    let Event::Installation(id, event) = &recorded.event else { return view };
    if let InstallationEvent::InstallationRequested(requested) = event {
        return Some(InstallationView {
            id: *id,
            name: requested.name.clone(),
            scope: requested.scope.clone(),
            owner: requested.owner,
            life: requested.operation_uid,
            operation: Some(requested.operation_uid),
            live: None,
            backups: view.map(|view| view.backups).unwrap_or_default(),
            requested_at: requested.at,
            removed_at: None,
        });
    }
    let mut view = view?;
    change(&mut view, event);
    Some(view)
}

fn change(view: &mut InstallationView, event: &InstallationEvent) {
    use InstallationEvent as E;
    match event {
        E::OperationBegun { operation_uid } => view.operation = Some(*operation_uid),
        E::OperationEnded { .. } | E::InstallationFailed { .. } => view.operation = None,
        E::InstallationActivated(activated) => {
            view.operation = None;
            view.live = Some(Box::new(activate(activated)));
        }
        E::InstallationUpgraded(upgraded) | E::InstallationRolledBack(upgraded) => {
            view.operation = None;
            if let Some(live) = &mut view.live {
                upgrade(live, upgraded);
            }
        }
        E::InstallationRemoved { backup, at, .. } => {
            view.operation = None;
            view.live = None;
            view.removed_at = Some(*at);
            if let Some(backup) = backup {
                keep(&mut view.backups, backup);
            }
        }
        E::BackupCreated(backup) => keep(&mut view.backups, backup),
        E::InstallationRequested(_)
        | E::InstallationEnabled { .. }
        | E::InstallationDisabled { .. }
        | E::InstallationRestarted { .. }
        | E::ConfigurationChanged { .. }
        | E::PermissionsChanged { .. }
        | E::LimitsChanged { .. }
        | E::HealthChanged { .. }
        | E::ProcessCrashed { .. } => {
            if let Some(live) = &mut view.live {
                fare(live, event);
            }
        }
    }
}

fn activate(activated: &InstallationActivated) -> LiveView {
    LiveView {
        release: activated.release.clone(),
        configuration: activated.configuration.clone(),
        configured_at: activated.at,
        granted: activated.granted.clone(),
        security_level: activated.security_level,
        limits: activated.limits,
        is_enabled: activated.enabled,
        disabled_because: None,
        health: Health::Unknown,
        is_broken: false,
        crashes: 0,
        last_crash: None,
        installed_at: activated.at,
        updated_at: activated.at,
    }
}

fn upgrade(live: &mut LiveView, upgraded: &InstallationUpgraded) {
    live.granted.retain(|one| upgraded.release.permissions.contains(one));
    live.release = upgraded.release.clone();
    live.configuration = upgraded.configuration.clone();
    live.configured_at = upgraded.at;
    live.updated_at = upgraded.at;
    live.is_broken = false;
}

fn fare(live: &mut LiveView, event: &InstallationEvent) {
    use InstallationEvent as E;
    match event {
        E::InstallationEnabled { at } => {
            (live.is_enabled, live.disabled_because, live.is_broken) = (true, None, false);
            live.updated_at = *at;
        }
        E::InstallationDisabled { reason, at } => {
            (live.is_enabled, live.health) = (false, Health::Unknown);
            live.disabled_because.clone_from(reason);
            live.updated_at = *at;
        }
        E::InstallationRestarted { at, .. } => {
            live.is_broken = false;
            live.updated_at = *at;
        }
        E::ConfigurationChanged { configuration, at, .. } => {
            live.configuration = configuration.clone();
            (live.configured_at, live.updated_at) = (*at, *at);
        }
        E::PermissionsChanged { granted, revoked, security_level, at } => {
            live.granted.extend(granted.iter().cloned());
            live.granted.retain(|one| !revoked.contains(one));
            live.security_level = *security_level;
            live.updated_at = *at;
        }
        E::LimitsChanged { limits, at } => (live.limits, live.updated_at) = (*limits, *at),
        E::HealthChanged { to, .. } => live.health = *to,
        E::ProcessCrashed { exit, retry_in_ms, .. } => {
            live.crashes += 1;
            live.last_crash = Some(exit.clone());
            live.is_broken = retry_in_ms.is_none();
        }
        E::InstallationRequested(_)
        | E::OperationBegun { .. }
        | E::OperationEnded { .. }
        | E::InstallationActivated(_)
        | E::InstallationFailed { .. }
        | E::InstallationUpgraded(_)
        | E::InstallationRolledBack(_)
        | E::InstallationRemoved { .. }
        | E::BackupCreated(_) => {}
    }
}

fn keep(backups: &mut BTreeMap<domain::values::BackupId, Backup>, backup: &Backup) {
    backups.insert(backup.backup_uid, backup.clone());
    if backups.len() > MOST_BACKUPS {
        let oldest = backups.values().min_by_key(|backup| backup.at).map(|backup| backup.backup_uid);
        oldest.and_then(|oldest| backups.remove(&oldest));
    }
}
