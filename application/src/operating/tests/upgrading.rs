use domain::operation::RollBack;

use super::*;
use crate::ports::hosting::StartFault;

#[tokio::test(start_paused = true)]
async fn the_new_version_starts_beside_the_old_one_and_takes_over() {
    let ground = Ground::new();
    ground.install(&zip("echo", "1.0.0")).await;
    let source = ground.sent(&zip("echo", "1.1.0")).await;
    let view = ground.done(Work::Upgrade(upgrade(source))).await;
    assert_eq!(view.stage, Stage::Completed, "{view:?}");
    let (there, live) = ground.live("echo").await.unwrap();
    assert_eq!(live.release.version, "1.1.0".parse().unwrap());
    assert_eq!(ground.yard.lock().happened, ["start 1.0.0", "start 1.1.0", "stop 1.0.0"]);
    let (backup, kept) = there.backups.first_key_value().unwrap();
    assert_eq!((kept.release.version.to_string().as_str(), kept.holds_data), ("1.0.0", true));
    assert_eq!(view.found.backup, Some(*backup));
    assert!(ground.yard.lock().backups.contains(&(there.id, *backup)));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_does_not_start_never_interrupts_the_one_that_runs() {
    let ground = Ground::new();
    ground.install(&zip("echo", "1.0.0")).await;
    let (there, _) = ground.live("echo").await.unwrap();
    let before = ground.operating.hosting.router.current(there.id);
    ground.yard.lock().broken.insert("2.0.0".to_owned(), StartFault::Refused("no".to_owned()));
    let source = ground.sent(&zip("echo", "2.0.0")).await;
    let view = ground.done(Work::Upgrade(upgrade(source))).await;
    assert_eq!(failed(&view), "PLUGIN_STARTUP_FAILED");
    assert_eq!(ground.operating.hosting.router.current(there.id), before);
    assert_eq!(ground.yard.versions(), ["1.0.0"]);
    let (there, live) = ground.live("echo").await.unwrap();
    assert_eq!((live.release.version.to_string().as_str(), there.operation), ("1.0.0", None));
    assert!(there.backups.is_empty() && ground.yard.lock().backups.is_empty());
    assert_eq!(ground.yard.lock().placed.len(), 1, "what it had unpacked is gone");
}

#[tokio::test(start_paused = true)]
async fn what_may_run_once_alone_is_stopped_first_and_comes_back_when_the_new_one_fails() {
    let ground = Ground::new();
    let alone = |version: &str| {
        let mut package = zip("echo", version);
        package.manifest["exclusive"] = json!(true);
        package
    };
    ground.install(&alone("1.0.0")).await;
    ground.yard.lock().broken.insert("2.0.0".to_owned(), StartFault::Refused("no".to_owned()));
    let source = ground.sent(&alone("2.0.0")).await;
    assert_eq!(failed(&ground.done(Work::Upgrade(upgrade(source))).await), "PLUGIN_STARTUP_FAILED");
    let order = ["start 1.0.0", "stop 1.0.0", "start 2.0.0", "start 1.0.0"];
    assert_eq!(ground.yard.lock().happened, order);
    assert_eq!(ground.yard.versions(), ["1.0.0"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_asks_for_more_waits_for_it() {
    let ground = Ground::new();
    ground.install(&zip("echo", "1.0.0")).await;
    let mut more = zip("echo", "2.0.0");
    more.permissions.push("users:read".to_owned());
    let source = ground.sent(&more).await;
    let view = ground.done(Work::Upgrade(upgrade(source))).await;
    assert_eq!(failed(&view), "PLUGIN_PERMISSION_DENIED");
    assert_eq!(view.fault.unwrap().details, json!({"pending_permissions": ["users:read"]}));
    assert_eq!(ground.yard.versions(), ["1.0.0"]);
}

#[tokio::test(start_paused = true)]
async fn another_plugins_package_is_no_upgrade() {
    let ground = Ground::new();
    ground.install(&zip("echo", "1.0.0")).await;
    let source = ground.sent(&zip("other", "2.0.0")).await;
    assert_eq!(failed(&ground.done(Work::Upgrade(upgrade(source))).await), "PLUGIN_INSTALLATION_FAILED");
    assert_eq!(ground.yard.versions(), ["1.0.0"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_brings_back_version_configuration_and_data() {
    let ground = Ground::new();
    ground.install(&zip("echo", "1.0.0")).await;
    let source = ground.sent(&zip("echo", "1.1.0")).await;
    let upgraded = ground.done(Work::Upgrade(upgrade(source))).await;
    let back =
        |backup, with_data| Work::RollBack(RollBack { name: "echo".parse().unwrap(), backup, with_data });
    let backup = upgraded.found.backup.unwrap();
    let view = ground.done(back(backup, true)).await;
    assert_eq!(view.stage, Stage::Completed, "{view:?}");
    assert_eq!(ground.live("echo").await.unwrap().1.release.version, "1.0.0".parse().unwrap());
    assert_eq!(ground.yard.versions(), ["1.0.0"]);
    let order = ["start 1.0.0", "start 1.1.0", "stop 1.0.0", "stop 1.1.0", "restore", "start 1.0.0"];
    assert_eq!(ground.yard.lock().happened, order, "nothing runs on data that are put back");
    let nowhere = ground.done(back(domain::values::BackupId(uuid::Uuid::nil()), false)).await;
    assert_eq!(failed(&nowhere), "PLUGIN_NOT_FOUND");
}
