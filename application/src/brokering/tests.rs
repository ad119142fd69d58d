use std::time::Duration;

use domain::{
    installation::ResourceLimits,
    values::{InstallScope, InstallationId},
};

use super::*;
use crate::{
    fakes::Registry,
    hosting::Router,
    operating::depending::{API_LEVEL, HostLevel},
    ports::hosting::{Launch, Limits, PluginHost as _, Runtime},
    shelf::Shelf,
    yard::Yard,
};

/// Two plugins at work, and what the first was granted.
async fn ground(granted: &[&str]) -> (Brokering, InstanceId, Arc<Yard>) {
    let registry = Registry::at(chrono::DateTime::UNIX_EPOCH);
    let (shelf, yard) = (Shelf::new(registry.clone()), Yard::new());
    let router = Arc::new(Router::opened());
    let broker = Brokering::new(yard.clone());
    let mut instances = Vec::new();
    for (number, name) in [(1, "asker"), (2, "other")] {
        let id = InstallationId::of(&InstallScope::default(), &name.parse().unwrap());
        shelf.install(name, id, if number == 1 { granted } else { &[] });
        let instance = InstanceId(uuid::Uuid::from_u128(number));
        yard.start(launch(instance, id)).await.unwrap();
        router.switch(id, instance);
        instances.push(instance);
    }
    broker.serve(Hosting {
        commands: shelf.clone(),
        installations: shelf,
        host: yard.clone(),
        workplace: yard.clone(),
        storage: yard.clone(),
        vault: registry.clone(),
        freshness: registry.clone(),
        clock: registry.clone(),
        ids: registry,
        router,
        level: HostLevel { nexus: API_LEVEL, platform: "linux" },
        limits: ResourceLimits::default(),
        patience: Duration::ZERO,
        require_sandbox: false,
    });
    (broker, instances[0], yard)
}

fn launch(instance: InstanceId, installation: InstallationId) -> Launch {
    Launch {
        instance,
        installation: installation.0,
        runtime: Runtime::Native,
        name: "plugin".to_owned(),
        version: "1.0.0".to_owned(),
        code: "code".into(),
        environment: None,
        data: "data".into(),
        entry_point: "main.py".to_owned(),
        language: "python".to_owned(),
        configuration: serde_json::Map::new().into(),
        secrets: Vec::new(),
        permissions: BTreeSet::new(),
        limits: Limits::default(),
        network: false,
        require_sandbox: false,
        ready_within: None,
        locale: "en".to_owned(),
    }
}

async fn ask(broker: &Brokering, from: InstanceId, method: &str, params: Value) -> Result<Value, Denied> {
    broker.asked(from, Ask { method: method.to_owned(), params }).await
}

#[test]
fn a_star_stands_for_one_word() {
    let granted = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
    assert!(grants(&granted(&["storage:*"]), "storage:read"));
    assert!(grants(&granted(&["message:send:*"]), "message:send:other"));
    assert!(!grants(&granted(&["message:*"]), "message:send:other"));
    assert!(!grants(&granted(&["storage"]), "storage:read"));
    assert!(!grants(&granted(&[]), "storage:read"));
}

#[tokio::test]
async fn nothing_is_done_for_a_plugin_that_was_not_granted_it() {
    let (broker, asker, _) = ground(&[]).await;
    for (method, right) in [
        ("event/emit", "events:emit"),
        ("storage/get", "storage:read"),
        ("storage/list", "storage:read"),
        ("storage/put", "storage:write"),
        ("storage/delete", "storage:write"),
        ("message/send", "message:send:other"),
    ] {
        let params = json!({"event_type": "x", "key": "k", "target_plugin": "other"});
        assert_eq!(ask(&broker, asker, method, params).await, Err(Denied::Permission(right.to_owned())));
    }
    assert_eq!(ask(&broker, asker, "users/read", json!({})).await, Err(Denied::Unknown));
    let stranger = InstanceId(uuid::Uuid::from_u128(9));
    assert_eq!(ask(&broker, stranger, "event/emit", json!({})).await, Err(Denied::Unknown));
}

#[tokio::test]
async fn a_plugin_keeps_things_by_key() {
    let (broker, asker, yard) = ground(&["storage:*"]).await;
    let put = json!({"key": "a/1", "value": {"x": 1}});
    assert_eq!(ask(&broker, asker, "storage/put", put.clone()).await, Ok(json!({})));
    let got = ask(&broker, asker, "storage/get", json!({"key": "a/1"})).await.unwrap();
    assert_eq!(got, json!({"found": true, "value": {"x": 1}}));
    let keys = ask(&broker, asker, "storage/list", json!({"prefix": "a/"})).await.unwrap();
    assert_eq!(keys, json!({"keys": ["a/1"]}));
    let gone = ask(&broker, asker, "storage/delete", json!({"key": "a/1"})).await.unwrap();
    assert_eq!(gone, json!({"deleted": true}));
    let got = ask(&broker, asker, "storage/get", json!({"key": "a/1"})).await.unwrap();
    assert_eq!(got, json!({"found": false, "value": null}));
    for wrong in [json!({}), json!({"key": ""}), json!({"key": "a\u{0}b"}), json!({"key": "x".repeat(257)})] {
        assert!(matches!(ask(&broker, asker, "storage/get", wrong).await, Err(Denied::Invalid(_))));
    }
    let large = json!({"key": "k", "value": "x".repeat(65 * 1024)});
    assert!(matches!(ask(&broker, asker, "storage/put", large).await, Err(Denied::Invalid(_))));
    yard.lock().is_full = true;
    assert!(matches!(ask(&broker, asker, "storage/put", put).await, Err(Denied::Invalid(_))));
}

#[tokio::test]
async fn a_plugin_sends_and_emits_in_its_own_name() {
    let (broker, asker, _) = ground(&["events:emit", "message:send:other"]).await;
    let message = json!({"target_plugin": "Other", "message_type": "echo", "data": {"x": 1}});
    let answer = ask(&broker, asker, "message/send", message).await.unwrap();
    assert_eq!((&answer["status"], &answer["data"]), (&json!("success"), &json!({"x": 1})));
    let nobody = json!({"target_plugin": "nobody", "message_type": "echo"});
    let refused = ask(&broker, asker, "message/send", nobody).await;
    assert_eq!(refused, Err(Denied::Permission("message:send:nobody".to_owned())));
    let emitted = ask(&broker, asker, "event/emit", json!({"event_type": "x.y", "data": 1})).await.unwrap();
    assert_eq!(emitted["delivered"], 1, "not to itself");
    assert!(matches!(ask(&broker, asker, "event/emit", json!({})).await, Err(Denied::Invalid(_))));
}
