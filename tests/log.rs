//! The event log as the database keeps it: append-only, verified, and read by readers that survive poison.

use plugyard_tests::{Plugin, Sample, X86_64, Yard, until, waiting::seconds};
use serde_json::Value;

#[tokio::test]
async fn stored_events_cannot_be_changed() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("kept"));
    yard.completed(&yard.upload(&plugin, X86_64).await).await;
    yard.settle().await;
    let database = yard.database();
    let before = database
        .texts("select md5(string_agg(e::text, ',' order by global_position)) from es.events e")
        .await;
    for change in [
        "update es.events set payload = '{}'",
        "update es.events set recorded_at = now() where global_position = 1",
        "delete from es.events",
        "truncate es.events",
        "truncate es.events cascade",
    ] {
        for role in ["plugyard", "plugyard_app"] {
            let error = database.execute(&format!("set role {role}; {change}")).await;
            let error = error.expect_err(&format!("{role} may {change}"));
            assert!(error.contains("append-only") || error.contains("permission denied"), "{error}");
        }
    }
    for change in ["alter table es.events disable trigger all", "drop table es.events cascade"] {
        let error = database.execute(&format!("set role plugyard_app; {change}")).await;
        assert!(error.is_err(), "plugyard_app may {change}");
    }
    let after = database
        .texts("select md5(string_agg(e::text, ',' order by global_position)) from es.events e")
        .await;
    assert_eq!(before, after);
}

#[tokio::test]
async fn verification_finds_a_flipped_byte_and_a_hole() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("chained"));
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(yard.upload(&plugin, X86_64).await);
    }
    for task in &tasks {
        yard.completed(task).await;
    }
    yard.cli().args(["events", "verify"]).run().await.expect(0);
    let database = yard.database();
    let as_intruder = async |statement: String| {
        database.execute(&format!("set session_replication_role = replica; {statement}")).await.unwrap();
    };
    let found = async |what: &str, task: &str| {
        let ran = yard.cli().args(["events", "verify"]).run().await;
        assert!(![Some(0), None].contains(&ran.code), "{what}: {ran:?}");
        assert!(format!("{}{}", ran.out, ran.err).contains(task), "{what} on {task} is named: {ran:?}");
    };
    let stream = |task: &str| format!("aggregate_id like '%{task}%'");
    let [first, second, _] = tasks.as_slice() else { unreachable!("three tasks") };

    let kept =
        format!("create table kept as select * from es.events where {} and sequence = 1", stream(first));
    database.execute(&kept).await.unwrap();
    as_intruder(format!(
        "update es.events set payload = payload || '{{\"forged\": true}}' where {} and sequence = 1",
        stream(first)
    ))
    .await;
    found("a changed payload", first).await;
    as_intruder(format!(
        "update es.events e set payload = kept.payload from kept where e.event_id = kept.event_id and e.{}",
        stream(first)
    ))
    .await;
    yard.cli().args(["events", "verify"]).run().await.expect(0);
    as_intruder(format!("delete from es.events where {} and sequence = 2", stream(second))).await;
    found("a hole", second).await;
}

#[tokio::test]
async fn a_poison_event_is_shown_and_stops_only_its_own_stream() {
    let (yard, sample) = (Yard::start().await, Sample::new("beside"));
    yard.completed(&yard.upload(&sample.plugin, X86_64).await).await;
    yard.settle().await;
    let database = yard.database();
    let insert = "insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, \
         metadata) select aggregate_type, gen_random_uuid()::text, 1, 'TaskTeleported', '1', '{}', '{}' \
         from es.events limit 1 returning event_id::text";
    let poison = database.texts(insert).await.remove(0);
    let reader = until("the event is parked and shown", seconds(5), async || {
        let view = yard.readers().await;
        let readers = view["projections"].as_array().unwrap();
        readers.iter().find(|reader| holds(&reader["parked"], &poison)).cloned()
    })
    .await;
    assert!(reader["error"].as_str().unwrap().contains("TaskTeleported"), "{reader}");
    assert!(reader["lag"].as_i64().unwrap() >= 1, "parked events count as lag: {reader}");
    let task = yard.upload(&sample.plugin, "").await;
    yard.completed(&task).await;
    let listed = yard.get("/api/v1/tasks/completed").await.json();
    assert!(listed.to_string().contains(&task), "the read models go on");
    let metrics = yard.get("/metrics").await.text();
    let parked = metrics.lines().find(|l| l.starts_with("subscription_parked_events") && !l.ends_with(" 0"));
    assert!(parked.is_some(), "{metrics}");
    let name = reader["subscription"].as_str().unwrap();
    yard.cli().args(["projections", "retry", name]).run().await.expect(0);
    until("a retry of what is still unknown parks it again", seconds(10), async || {
        let view = yard.readers().await;
        view["projections"].as_array().unwrap().iter().any(|r| holds(&r["parked"], &poison)).then_some(())
    })
    .await;
}

fn holds(parked: &Value, event: &str) -> bool {
    parked.as_array().is_some_and(|events| events.iter().any(|parked| parked == event))
}

#[tokio::test]
async fn the_log_can_be_followed_from_the_command_line() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("followed"));
    let task = yard.upload(&plugin, X86_64).await;
    yard.completed(&task).await;
    let tail = yard.cli().args(["events", "tail"]).run().await.expect(0).out;
    for word in [task.as_str(), "TaskRequested", "TaskStarted", "TaskCompleted"] {
        assert!(tail.contains(word), "{word} is missing in {tail}");
    }
}

#[tokio::test]
async fn the_stream_of_a_task_tells_its_life_in_order() {
    let (yard, sample) = (Yard::start().await, Sample::new("life"));
    let task = yard.repackage_url(&sample.package_url(), X86_64).await;
    yard.completed(&task).await;
    let stream = format!("from es.events where aggregate_id like '%{task}%'");
    let types = yard.database().texts(&format!("select event_type {stream} order by sequence")).await;
    assert_eq!(types.first().map(String::as_str), Some("TaskRequested"), "{types:?}");
    assert_eq!(types.get(1).map(String::as_str), Some("TaskStarted"), "{types:?}");
    assert_eq!(types.last().map(String::as_str), Some("TaskCompleted"), "{types:?}");
    assert!(types[2..types.len() - 1].iter().all(|t| t == "TaskProgressed"), "{types:?}");
    let holes = format!("select count(*) - max(sequence) {stream}");
    assert_eq!(yard.database().number(&holes).await, 0);
    let unchained = format!("select count(*) {stream} and length(chain) <> 32");
    assert_eq!(yard.database().number(&unchained).await, 0);
}
