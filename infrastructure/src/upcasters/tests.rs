use std::path::Path;

use cqrs_es::{Aggregate, DomainEvent as _};
use domain::{
    account::Account, api_key::ApiKey, device_login::DeviceLogin, download_log::DownloadLog,
    installation::Installation, name_claim::NameClaim, operation::Operation, plugin::Plugin,
    publisher::Publisher, recorded::Event, repository::Repository, review::Review, task::Task,
};
use serde::Serialize;
use serde_json::json;

use super::*;

fn stored(event_type: &str, event_version: &str, payload: Value) -> Stored {
    Stored { event_type: event_type.to_owned(), event_version: event_version.to_owned(), payload }
}

fn rename(mut old: Stored) -> Vec<Stored> {
    old.event_version = "2".to_owned();
    old.payload["reason"] = old.payload["why"].take();
    vec![old]
}

fn split(old: Stored) -> Vec<Stored> {
    let second = old.payload.clone();
    let part = |n: u8, of: Value| stored("Part", "1", json!({"n": n, "of": of}));
    vec![part(1, old.payload), part(2, second)]
}

fn drop_it(_old: Stored) -> Vec<Stored> {
    Vec::new()
}

const EXAMPLE: [(&str, &str, Step); 4] =
    [("Renamed", "1", rename), ("Whole", "1", split), ("Part", "1", promote), ("Noise", "1", drop_it)];

fn promote(mut old: Stored) -> Vec<Stored> {
    old.event_version = "2".to_owned();
    vec![old]
}

#[test]
fn steps_follow_each_other_and_keep_the_order_of_a_split() {
    let parts = upcast_by(&EXAMPLE, stored("Whole", "1", json!("x")));
    let seen: Vec<_> = parts.iter().map(|part| (part.event_version.as_str(), &part.payload["n"])).collect();
    assert_eq!(seen, [("2", &json!(1)), ("2", &json!(2))]);
}

#[test]
fn an_event_can_be_renamed_dropped_or_left_alone() {
    let renamed = upcast_by(&EXAMPLE, stored("Renamed", "1", json!({"why": "w"})));
    assert_eq!(renamed[0].payload["reason"], "w");
    assert!(upcast_by(&EXAMPLE, stored("Noise", "1", Value::Null)).is_empty());
    let newest = stored("Renamed", "2", json!({"reason": "w"}));
    assert_eq!(upcast_by(&EXAMPLE, newest.clone()), [newest]);
}

/// What the events of a story lead to.
fn folded<A: Aggregate + Serialize>(events: &[Value]) -> Value {
    let mut state = A::default();
    for event in events {
        let (name, version) = (event["type"].as_str().unwrap(), event["version"].as_str().unwrap());
        for current in upcast(stored(name, version, event["payload"].clone())) {
            let event: A::Event = serde_json::from_value(current.payload).unwrap();
            assert_eq!(event.event_type(), current.event_type);
            assert_eq!(
                event.event_version(),
                current.event_version,
                "the newest version has its own golden file"
            );
            state.apply(event);
        }
    }
    serde_json::to_value(&state).unwrap()
}

/// Every version of every event type that was ever written: type, version, payload and the fold it leads to.
#[test]
fn every_golden_event_still_reads_and_folds_to_the_same_state() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    let mut seen = std::collections::BTreeSet::new();
    for file in std::fs::read_dir(golden).unwrap() {
        let path = file.unwrap().path();
        let story: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let events = story["events"].as_array().unwrap();
        let state = match story["aggregate"].as_str().unwrap() {
            Task::TYPE => folded::<Task>(events),
            Account::TYPE => folded::<Account>(events),
            ApiKey::TYPE => folded::<ApiKey>(events),
            DeviceLogin::TYPE => folded::<DeviceLogin>(events),
            Plugin::TYPE => folded::<Plugin>(events),
            NameClaim::TYPE => folded::<NameClaim>(events),
            Publisher::TYPE => folded::<Publisher>(events),
            Review::TYPE => folded::<Review>(events),
            Repository::TYPE => folded::<Repository>(events),
            DownloadLog::TYPE => folded::<DownloadLog>(events),
            Installation::TYPE => folded::<Installation>(events),
            Operation::TYPE => folded::<Operation>(events),
            other => panic!("{}: no aggregate is called {other}", path.display()),
        };
        assert_eq!(state, story["state"], "{}", path.display());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        seen.extend(events.iter().map(|event| (text(&event["type"]), text(&event["version"]))));
    }
    for name in Event::known_types() {
        assert!(seen.contains(&(name.to_owned(), "1".to_owned())), "no golden file shows {name} version 1");
    }
}
