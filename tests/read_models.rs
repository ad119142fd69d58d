//! What the operator does with the read models: makes one again while it serves, and lets repaired events through.

use std::collections::BTreeSet;

use plugyard_tests::{Plugin, X86_64, Yard, command_line::Ran, until, waiting::seconds};
use serde_json::{Value, json};

/// A yard on which this many tasks have completed and show.
async fn with_tasks(count: usize) -> (Yard, Vec<String>) {
    let (yard, plugin) = (Yard::start().await, Plugin::new("shown"));
    let mut tasks = Vec::new();
    for _ in 0..count {
        tasks.push(yard.upload(&plugin, X86_64).await);
    }
    for task in &tasks {
        yard.completed(task).await;
    }
    yard.settle().await;
    (yard, tasks)
}

/// Everything the read model `tasks` answers with.
async fn rows(yard: &Yard, tasks: &[String]) -> Value {
    let mut all = vec![yard.get("/api/v1/tasks?limit=100").await.expect(200).json()];
    all.push(yard.get("/api/v1/tasks/completed?limit=100").await.expect(200).json());
    for task in tasks {
        all.push(yard.task(task).await);
    }
    json!(all)
}

/// What the admin view says of the serving generation of `tasks`.
async fn live(yard: &Yard) -> Value {
    let view = yard.readers().await;
    let readers = view["projections"].as_array().expect("a list of readers");
    let mut live = readers.iter().filter(|r| r["subscription"] == "tasks" && r["status"] == "live");
    let one = live.next().cloned().unwrap_or_else(|| panic!("nothing serves: {view}"));
    assert!(live.next().is_none(), "one generation serves: {view}");
    one
}

async fn generation(yard: &Yard) -> i64 {
    live(yard).await["generation"].as_i64().expect("a number")
}

async fn rebuild(yard: &Yard) -> Ran {
    yard.cli().args(["projections", "rebuild", "tasks"]).run().await
}

#[tokio::test]
async fn a_read_model_is_rebuilt_while_it_serves() {
    let (yard, tasks) = with_tasks(8).await;
    let before = rows(&yard, &tasks).await;
    let first = generation(&yard).await;
    let listed = yard.cli().args(["projections", "list"]).run().await.expect(0).out;
    assert!(listed.contains("tasks"), "{listed}");
    let serving = async {
        loop {
            assert_eq!(rows(&yard, &tasks).await, before, "while it is rebuilt");
        }
    };
    let ran = tokio::select! {
        ran = rebuild(&yard) => ran,
        () = serving => unreachable!("it serves for ever"),
    };
    let said = ran.expect(0).json();
    assert_eq!(said["generation"], first + 1, "{said}");
    assert_eq!(said["same_as_before"], true, "{said}");
    assert_eq!(generation(&yard).await, first + 1);
    assert_eq!(rows(&yard, &tasks).await, before, "after it was rebuilt");
    yard.settle().await;
    let started = "select count(*) from es.events where event_type = 'TaskStarted'";
    assert_eq!(yard.database().number(started).await, 8, "a rebuild repeats no work");
    let new = yard.upload(&Plugin::new("later"), X86_64).await;
    yard.completed(&new).await;
    for unfit in ["no_such_reader", "job_queue"] {
        let refused = yard.cli().args(["projections", "rebuild", unfit]).run().await;
        assert!(![Some(0), None].contains(&refused.code), "{refused:?}");
        assert!(refused.err.contains(unfit) && !refused.err.contains("panicked"), "{refused:?}");
    }
}

#[tokio::test]
async fn rebuilds_at_once_share_no_generation() {
    let (yard, tasks) = with_tasks(8).await;
    let before = rows(&yard, &tasks).await;
    let first = generation(&yard).await;
    for round in 0..5 {
        let newest = generation(&yard).await;
        let (one, other) = tokio::join!(rebuild(&yard), rebuild(&yard));
        let mut made = BTreeSet::new();
        for ran in [&one, &other] {
            if ran.code == Some(0) {
                let said = ran.json();
                assert_eq!(said["same_as_before"], true, "{said}");
                assert!(made.insert(said["generation"].as_i64().unwrap()), "{one:?} {other:?}");
            } else {
                assert!(ran.code.is_some(), "{ran:?}");
                assert!(ran.err.contains("tasks") || ran.err.contains("rebuil"), "{ran:?}");
                for unclear in ["panicked", "duplicate key", "not reachable"] {
                    assert!(!ran.err.contains(unclear), "{ran:?}");
                }
            }
        }
        let last = *made.last().unwrap_or_else(|| panic!("round {round}: neither: {one:?} {other:?}"));
        assert!(*made.first().unwrap() > newest, "{one:?} {other:?}");
        assert_eq!(generation(&yard).await, last);
        assert_eq!(rows(&yard, &tasks).await, before, "round {round}");
    }
    let after = rebuild(&yard).await.expect(0).json();
    assert!(after["generation"].as_i64() > Some(first + 5), "{after}");
    let building = "select count(*) from es.checkpoints where status = 'building'";
    assert_eq!(yard.database().number(building).await, 0, "nothing half made stays");
    yard.settle().await;
}

/// Repeats the stream of a completed task under another id: these events of it, the first under another type.
async fn repeat(yard: &Yard, task: &str, twin: &str, which: &str, first_type: &str) {
    let statement = format!(
        "insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         select aggregate_type, replace(aggregate_id, '{task}', '{twin}'), sequence,
                case when sequence = 1 then '{first_type}' else event_type end, event_version,
                replace(payload::text, '{task}', '{twin}')::jsonb, metadata
           from es.events where aggregate_id like '%{task}%' and {which} order by sequence"
    );
    yard.database().execute(&statement).await.unwrap();
}

/// Waits until `tasks` has parked this many events.
async fn parked(yard: &Yard, count: usize) {
    until("the events are parked", seconds(15), async || {
        let parked = live(yard).await["parked"].as_array().map(Vec::len);
        (parked == Some(count)).then_some(())
    })
    .await;
}

/// Lets the stream of the twin through beside the running server.
async fn goes_through(yard: &Yard, twin: &str, count: usize) {
    let said = yard.cli().args(["projections", "retry", "tasks"]).run().await.expect(0).json();
    assert_eq!(said["applied"], count, "{said}");
    parked(yard, 0).await;
    let reader = live(yard).await;
    assert!(reader["error"].is_null(), "{reader}");
    let record = yard.task(twin).await;
    assert_eq!((&record["status"], &record["task_id"]), (&json!("completed"), &json!(twin)));
    assert!(yard.get("/api/v1/tasks/completed").await.json().to_string().contains(twin));
    let new = yard.upload(&Plugin::new("afterwards"), X86_64).await;
    yard.completed(&new).await;
}

const TWIN: &str = "7d3f1c52-9a64-4e0b-8c1e-5b2f6a7d8e90";

#[tokio::test]
async fn an_event_whose_type_was_corrected_goes_through_with_those_behind_it() {
    let (yard, tasks) = with_tasks(1).await;
    repeat(&yard, &tasks[0], TWIN, "true", "TaskTeleported").await;
    let of_twin = format!("select count(*) from es.events where aggregate_id like '%{TWIN}%'");
    let count = usize::try_from(yard.database().number(&of_twin).await).unwrap();
    parked(&yard, count).await;
    yard.get(&format!("/api/v1/tasks/{TWIN}")).await.expect(404);
    let correct = format!(
        "set session_replication_role = replica; update es.events set event_type = 'TaskRequested' \
         where aggregate_id like '%{TWIN}%' and sequence = 1"
    );
    yard.database().execute(&correct).await.unwrap();
    goes_through(&yard, TWIN, count).await;
}

#[tokio::test]
async fn events_whose_beginning_was_missing_go_through_once_it_is_there() {
    let (yard, tasks) = with_tasks(1).await;
    repeat(&yard, &tasks[0], TWIN, "sequence > 1", "TaskRequested").await;
    let of_twin = format!("select count(*) from es.events where aggregate_id like '%{TWIN}%'");
    let count = usize::try_from(yard.database().number(&of_twin).await).unwrap();
    parked(&yard, count).await;
    repeat(&yard, &tasks[0], TWIN, "sequence = 1", "TaskRequested").await;
    // It waits with the others: its stream is parked.
    parked(&yard, count + 1).await;
    goes_through(&yard, TWIN, count + 1).await;
}
