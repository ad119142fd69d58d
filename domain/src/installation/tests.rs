use chrono::TimeZone as _;
use cqrs_es::test::TestFramework;
use serde_json::json;
use uuid::Uuid;

use super::{InstallationCommand as C, InstallationEvent as E, *};
use crate::{
    plugin::PackageFormat,
    values::{Digest, InstallScope, InstallationId, InstalledName},
};

fn installation() -> TestFramework<Installation> {
    TestFramework::with(())
}

fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 10, 0, 0).unwrap()
}

fn operation(number: u128) -> OperationId {
    OperationId(Uuid::from_u128(number))
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn name() -> InstalledName {
    "echo".parse().unwrap()
}

fn release(version: &str, permissions: &[&str]) -> InstalledRelease {
    InstalledRelease {
        name: name(),
        version: version.parse().unwrap(),
        runtime: Runtime::Native,
        format: PackageFormat::Zip,
        digest: Digest::of_bytes([7; 32]),
        origin: Origin::Folder { file: "echo.zip".to_owned() },
        manifest: json!({"name": "echo"}),
        schema: None,
        permissions: set(permissions),
        dependencies: BTreeMap::new(),
        is_exclusive: false,
    }
}

fn requested(by: u128) -> InstallationRequested {
    let scope = InstallScope::default();
    let inst_uid = InstallationId::of(&scope, &name());
    InstallationRequested {
        inst_uid,
        operation_uid: operation(by),
        name: name(),
        scope,
        owner: None,
        at: at(),
    }
}

fn activated(by: u128, granted: &[&str]) -> Box<InstallationActivated> {
    Box::new(InstallationActivated {
        operation_uid: operation(by),
        release: release("1.0.0", &["events:emit", "http:external"]),
        configuration: Configuration::default(),
        granted: set(granted),
        security_level: SecurityLevel::default(),
        limits: ResourceLimits::default(),
        enabled: true,
        at: at(),
    })
}

fn upgraded(by: u128, release: InstalledRelease, backup: Option<BackupId>) -> Box<InstallationUpgraded> {
    Box::new(InstallationUpgraded {
        operation_uid: operation(by),
        from: "1.0.0".parse().unwrap(),
        release,
        configuration: Configuration::default(),
        backup_uid: backup,
        at: at(),
    })
}

fn backup(number: u128) -> Box<Backup> {
    Box::new(Backup {
        backup_uid: BackupId(Uuid::from_u128(number)),
        release: release("1.0.0", &[]),
        configuration: Configuration::default(),
        holds_data: true,
        at: at(),
    })
}

/// Installed, enabled and idle.
fn there() -> Vec<E> {
    vec![E::InstallationRequested(requested(1)), E::InstallationActivated(activated(1, &["events:emit"]))]
}

fn busy() -> Vec<E> {
    [there(), vec![E::OperationBegun { operation_uid: operation(2) }]].concat()
}

#[test]
fn a_name_is_installed_once_in_a_scope_and_again_after_it_was_removed() {
    let request = |by| C::Request(requested(by));
    installation()
        .given_no_previous_events()
        .when(request(1))
        .then_expect_events(vec![E::InstallationRequested(requested(1))]);
    let on_its_way = vec![E::InstallationRequested(requested(1))];
    installation().given(on_its_way.clone()).when(request(1)).then_expect_events(vec![]);
    installation()
        .given(on_its_way)
        .when(request(2))
        .then_expect_error(InstallationError::Busy(operation(1)));
    installation().given(there()).when(request(2)).then_expect_error(InstallationError::AlreadyInstalled);
    let removed = E::InstallationRemoved {
        operation_uid: operation(2),
        forced: false,
        backup: None,
        data_removed: true,
        at: at(),
    };
    installation()
        .given([busy(), vec![removed]].concat())
        .when(request(3))
        .then_expect_events(vec![E::InstallationRequested(requested(3))]);
}

#[test]
fn one_operation_at_a_time_has_it() {
    installation()
        .given(there())
        .when(C::Begin { operation: operation(2) })
        .then_expect_events(vec![E::OperationBegun { operation_uid: operation(2) }]);
    installation().given(busy()).when(C::Begin { operation: operation(2) }).then_expect_events(vec![]);
    let taken = || InstallationError::Busy(operation(2));
    installation().given(busy()).when(C::Begin { operation: operation(3) }).then_expect_error(taken());
    installation().given(busy()).when(C::Enable { at: at() }).then_expect_error(taken());
    installation()
        .given(busy())
        .when(C::Upgrade { backup: None, upgraded: upgraded(3, release("2.0.0", &[]), None) })
        .then_expect_error(InstallationError::NotItsTurn);
    installation()
        .given(busy())
        .when(C::End { operation: operation(2) })
        .then_expect_events(vec![E::OperationEnded { operation_uid: operation(2) }]);
    installation().given(there()).when(C::End { operation: operation(2) }).then_expect_events(vec![]);
}

#[test]
fn what_fails_leaves_what_was_there() {
    let fail = |by| C::Fail {
        operation: operation(by),
        code: "PLUGIN_STARTUP_FAILED".to_owned(),
        message: "no".to_owned(),
    };
    let failed = E::InstallationFailed {
        operation_uid: operation(1),
        code: "PLUGIN_STARTUP_FAILED".to_owned(),
        message: "no".to_owned(),
    };
    let on_its_way = vec![E::InstallationRequested(requested(1))];
    installation().given(on_its_way.clone()).when(fail(1)).then_expect_events(vec![failed.clone()]);
    installation()
        .given(busy())
        .when(fail(2))
        .then_expect_events(vec![E::OperationEnded { operation_uid: operation(2) }]);
    installation()
        .given([on_its_way, vec![failed]].concat())
        .when(C::Request(requested(2)))
        .then_expect_events(vec![E::InstallationRequested(requested(2))]);
}

#[test]
fn nothing_is_granted_that_was_not_asked_for() {
    let never = |what: &str| InstallationError::NeverRequested(what.to_owned());
    installation()
        .given(vec![E::InstallationRequested(requested(1))])
        .when(C::Activate(activated(1, &["users:read"])))
        .then_expect_error(never("users:read"));
    let change = |grant: &[&str], revoke: &[&str], security_level| C::ChangePermissions {
        grant: set(grant),
        revoke: set(revoke),
        security_level,
        at: at(),
    };
    installation()
        .given(there())
        .when(change(&["users:read"], &[], None))
        .then_expect_error(never("users:read"));
    let changed = |granted: &[&str], revoked: &[&str], security_level| E::PermissionsChanged {
        granted: set(granted),
        revoked: set(revoked),
        security_level,
        at: at(),
    };
    installation()
        .given(there())
        .when(change(&["http:external", "events:emit"], &[], None))
        .then_expect_events(vec![changed(&["http:external"], &[], SecurityLevel::Medium)]);
    installation()
        .given(there())
        .when(change(&[], &["events:emit", "http:external"], Some(SecurityLevel::High)))
        .then_expect_events(vec![changed(&[], &["events:emit"], SecurityLevel::High)]);
    installation().given(there()).when(change(&["events:emit"], &[], None)).then_expect_events(vec![]);
}

#[test]
fn an_upgrade_that_asks_for_more_waits_for_it_to_be_granted() {
    let more = || release("2.0.0", &["events:emit", "http:external", "users:read"]);
    installation()
        .given(busy())
        .when(C::Upgrade { backup: None, upgraded: upgraded(2, more(), None) })
        .then_expect_error(InstallationError::PermissionsPending(set(&["users:read"])));
    let plain = upgraded(2, release("2.0.0", &["events:emit"]), Some(BackupId(Uuid::from_u128(7))));
    installation()
        .given(busy())
        .when(C::Upgrade { backup: Some(backup(7)), upgraded: plain.clone() })
        .then_expect_events(vec![E::BackupCreated(backup(7)), E::InstallationUpgraded(plain)]);
    let other = InstalledRelease { name: "other".parse().unwrap(), ..release("2.0.0", &[]) };
    installation()
        .given(busy())
        .when(C::Upgrade { backup: None, upgraded: upgraded(2, other, None) })
        .then_expect_error(InstallationError::AnotherPlugin);
}

#[test]
fn a_rollback_goes_to_a_backup_that_is_there() {
    let back = || upgraded(2, release("1.0.0", &[]), Some(BackupId(Uuid::from_u128(7))));
    installation().given(busy()).when(C::RollBack(back())).then_expect_error(InstallationError::NoSuchBackup);
    installation()
        .given([busy(), vec![E::BackupCreated(backup(7))]].concat())
        .when(C::RollBack(back()))
        .then_expect_events(vec![E::InstallationRolledBack(back())]);
}

#[test]
fn the_oldest_backup_makes_room() {
    let made = |number: u128| {
        let at = at() + chrono::TimeDelta::seconds(i64::try_from(number).unwrap());
        E::BackupCreated(Box::new(Backup { at, ..*backup(number) }))
    };
    let all: Vec<E> = (1..=11).map(made).collect();
    let back =
        |to: u128| C::RollBack(upgraded(2, release("1.0.0", &[]), Some(BackupId(Uuid::from_u128(to)))));
    let full = || [busy(), all.clone()].concat();
    installation().given(full()).when(back(1)).then_expect_error(InstallationError::NoSuchBackup);
    assert!(installation().given(full()).when(back(2)).inspect_result().is_ok());
}

#[test]
fn what_is_so_already_changes_nothing() {
    installation().given(there()).when(C::Enable { at: at() }).then_expect_events(vec![]);
    let disabled = E::InstallationDisabled { reason: None, at: at() };
    let off = || [there(), vec![disabled.clone()]].concat();
    installation().given(off()).when(C::Disable { reason: None, at: at() }).then_expect_events(vec![]);
    installation()
        .given(off())
        .when(C::Restart { reason: None, at: at() })
        .then_expect_error(InstallationError::Disabled);
    let report = |health| C::ReportHealth { health, at: at() };
    installation().given(there()).when(report(Health::Unknown)).then_expect_events(vec![]);
    let (from, to) = (Health::Unknown, Health::Healthy);
    installation().given(there()).when(report(Health::Healthy)).then_expect_events(vec![E::HealthChanged {
        from,
        to,
        at: at(),
    }]);
    let limits = ResourceLimits::default();
    installation().given(there()).when(C::ChangeLimits { limits, at: at() }).then_expect_events(vec![]);
    installation()
        .given_no_previous_events()
        .when(C::Enable { at: at() })
        .then_expect_error(InstallationError::Unknown);
}
