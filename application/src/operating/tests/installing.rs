use domain::installation::SecurityLevel;

use super::*;
use crate::ports::{
    hosting::{Exit, StartFault},
    vault::Secret,
};

#[tokio::test(start_paused = true)]
async fn an_installation_is_fetched_unpacked_started_and_shown() {
    let ground = Ground::new();
    let view = ground.install(&zip("echo", "1.0.0")).await;
    assert_eq!((view.stage, view.percent()), (Stage::Completed, 100), "{view:?}");
    assert_eq!(view.version, Some("1.0.0".parse().unwrap()));
    let (there, live) = ground.live("echo").await.unwrap();
    assert_eq!(live.granted, set(&["events:emit"]), "the network is granted by somebody");
    assert_eq!((live.is_enabled, live.security_level), (true, SecurityLevel::Medium));
    assert_eq!(ground.yard.versions(), ["1.0.0"]);
    assert!(ground.operating.hosting.router.current(there.id).is_some());
    assert_eq!(there.operation, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_enabled_is_not_started() {
    let ground = Ground::new();
    let source = ground.sent(&zip("echo", "1.0.0")).await;
    let view = ground.done(Work::Install(Install { auto_enable: false, ..install(source) })).await;
    assert_eq!(view.stage, Stage::Completed);
    assert!(!ground.live("echo").await.unwrap().1.is_enabled);
    assert!(ground.yard.versions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plugin_is_installed_once_and_replaced_when_that_is_said() {
    let ground = Ground::new();
    ground.install(&zip("echo", "1.0.0")).await;
    let again = ground.install(&zip("echo", "1.1.0")).await;
    assert_eq!(failed(&again), "PLUGIN_ALREADY_INSTALLED");
    assert_eq!(ground.yard.versions(), ["1.0.0"]);
    let source = ground.sent(&zip("echo", "1.1.0")).await;
    let forced = ground.done(Work::Install(Install { force_reinstall: true, ..install(source) })).await;
    assert_eq!(forced.stage, Stage::Completed, "{forced:?}");
    assert_eq!(ground.live("echo").await.unwrap().1.release.version, "1.1.0".parse().unwrap());
    assert_eq!(ground.yard.versions(), ["1.1.0"], "the old process has ended");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_start_leaves_nothing() {
    let ground = Ground::new();
    let fault = StartFault::Exited { exit: Exit::Code(3), stderr: "boom".to_owned() };
    ground.yard.lock().broken.insert("1.0.0".to_owned(), fault);
    let view = ground.install(&zip("echo", "1.0.0")).await;
    assert_eq!(failed(&view), "PLUGIN_STARTUP_FAILED");
    assert_eq!(view.fault.unwrap().details, json!({"exit_code": 3, "stderr": "boom"}));
    assert!(ground.live("echo").await.is_none());
    assert!(ground.yard.lock().placed.is_empty());
    ground.yard.lock().broken.clear();
    assert_eq!(ground.install(&zip("echo", "1.0.0")).await.stage, Stage::Completed, "the name is free again");
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_fails_the_installation_and_nothing_else() {
    let ground = Ground::new();
    ground.yard.lock().is_full = true;
    let view = ground.install(&zip("echo", "1.0.0")).await;
    assert_eq!(failed(&view), "PLUGIN_INSTALLATION_FAILED");
    assert_eq!(view.fault.unwrap().details["reason"], "DISK_FULL");
    assert!(ground.live("echo").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn every_cause_has_its_word() {
    let ground = Ground::new();
    let mut far = zip("far", "1.0.0");
    far.manifest["nexus_version"] = json!(">=99");
    assert_eq!(failed(&ground.install(&far).await), "PLUGIN_INCOMPATIBLE");
    let mut snake = zip("snake", "1.0.0");
    snake.manifest["python_version"] = json!(">=3.99");
    assert_eq!(failed(&ground.install(&snake).await), "PLUGIN_INCOMPATIBLE");
    let mut needy = zip("needy", "1.0.0");
    needy.dependencies.insert("absent".to_owned(), "^1".to_owned());
    let view = ground.install(&needy).await;
    assert_eq!(failed(&view), "PLUGIN_DEPENDENCY_ERROR");
    assert_eq!(view.fault.unwrap().details["dependency"], "absent");
    let source = Source::Url { url: "https://example.org/a.zip".to_owned() };
    assert_eq!(failed(&ground.done(Work::Install(install(source))).await), "PLUGIN_INSTALLATION_FAILED");
    let source = Source::Catalogue { name: "none".parse().unwrap(), dialect: Dialect::Nexus, version: None };
    assert_eq!(failed(&ground.done(Work::Install(install(source))).await), "PLUGIN_NOT_FOUND");
    let source = ground.sent(&zip("greedy", "1.0.0")).await;
    let grant = Some(set(&["users:read"]));
    let greedy = ground.done(Work::Install(Install { grant, ..install(source) })).await;
    assert_eq!(failed(&greedy), "PLUGIN_PERMISSION_DENIED");
    assert_eq!(failed(&ground.done(Work::Uninstall(uninstall("none"))).await), "PLUGIN_NOT_FOUND");
    let source = ground.sent(&prepared(PackageFormat::Tarball, None, "editor", "1.0.0")).await;
    assert_eq!(failed(&ground.done(Work::Install(install(source))).await), "PLUGIN_INSTALLATION_FAILED");
    assert!(ground.yard.versions().is_empty() && ground.yard.lock().placed.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_configuration_is_held_to_the_schema_and_its_secrets_are_sealed() {
    let ground = Ground::new();
    let mut package = zip("echo", "1.0.0");
    package.config_schema = Some(json!({
        "batch_size": {"type": "integer", "default": 50, "min": 10},
        "api_key": {"type": "string", "secret": true}
    }));
    let order = async |id: u128, configuration: serde_json::Value| {
        let id = OperationId(uuid::Uuid::from_u128(id));
        let text = Secret::from(configuration.to_string());
        let vault = &ground.operating.hosting.vault;
        let sealed = vault.seal(&format!("operation/{id}"), "configuration", &text).await.unwrap();
        let source = ground.sent(&package).await;
        let work = Work::Install(Install { configuration: Some(sealed), ..install(source) });
        let (scope, caller) = (InstallScope::default(), caller());
        ground.operating.request_as(id, work, scope, None, &caller).await.unwrap();
        ground.run(id).await
    };
    let small = order(1, json!({"batch_size": 5})).await;
    assert_eq!(failed(&small), "PLUGIN_CONFIGURATION_ERROR");
    assert_eq!(small.fault.unwrap().details["field"], "batch_size");
    let fine = order(2, json!({"enabled": true, "api_key": "hush-hush"})).await;
    assert_eq!(fine.stage, Stage::Completed, "{fine:?}");
    let (_, live) = ground.live("echo").await.unwrap();
    assert_eq!(live.configuration.plain, json!({"enabled": true, "api_key": null}));
    let launch = ground.yard.lock().running.values().next().unwrap().clone();
    let told = launch.configuration.reveal();
    assert_eq!((&told["api_key"], &told["batch_size"]), (&json!("hush-hush"), &json!(50)));
    let log = format!("{:?}", ground.shelf.recorded());
    assert!(!log.contains("hush-hush"));
}

#[tokio::test(start_paused = true)]
async fn what_others_need_is_not_removed_unless_forced() {
    let ground = Ground::new();
    ground.install(&zip("base", "1.2.0")).await;
    let mut user = zip("user", "1.0.0");
    user.dependencies.insert("base".to_owned(), "^1.0".to_owned());
    assert_eq!(ground.install(&user).await.stage, Stage::Completed);
    let view = ground.done(Work::Uninstall(uninstall("base"))).await;
    assert_eq!(failed(&view), "PLUGIN_DEPENDENCY_ERROR");
    assert_eq!(view.fault.unwrap().details, json!({"dependents": ["user"]}));
    assert!(ground.live("base").await.unwrap().0.operation.is_none(), "it can be asked again");
    let forced = Uninstall { force: true, ..uninstall("base") };
    assert_eq!(ground.done(Work::Uninstall(forced)).await.stage, Stage::Completed);
    assert!(ground.live("base").await.is_none());
    assert_eq!(ground.yard.versions(), ["1.0.0"]);
}
