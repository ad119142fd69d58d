//! Progress over the task's WebSocket.

use plugyard_tests::{
    AARCH64, Act, Plugin, Sample, Socket, X86_64, Yard, socket::Heard, until, waiting::seconds,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const NOBODY: &str = "123e4567-e89b-42d3-a456-426614174000";

fn progress(record: &Value) -> i64 {
    record["progress"].as_i64().unwrap_or_else(|| panic!("no progress in {record}"))
}

#[tokio::test]
async fn progress_is_told_from_the_first_frame_to_the_last_and_never_falls() {
    let (yard, sample) = (Yard::start().await, Sample::sized("told", 2_000_000));
    let (package, wheel) = (sample.package_path(), Sample::wheel_path(&sample.alpha));
    sample.files.first(&package, Act::Stall(100));
    // Long enough for the socket to be told of the wheels: a job that is over at once has one frame.
    sample.files.first(&wheel, Act::Status(503, vec![("Retry-After".into(), "1".into())], "busy".into()));
    let id = yard.repackage_url(&sample.package_url(), X86_64).await;
    let asked = Instant::now();
    let mut socket = yard.socket(&id).await;
    let first = socket.frame().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "the current state comes at once");
    assert_eq!(first["task_id"], id);
    sample.files.reached(&package).await;
    // The first frame may have been the one.
    if first["status"] != "downloading" {
        socket.record(|record| record["status"] == "downloading").await;
    }
    sample.files.release();
    let records = socket.records().await;
    sample.files.reached(&wheel).await;

    let all: Vec<i64> = records.iter().map(progress).collect();
    assert!(all.is_sorted(), "{all:?}");
    assert!(records.iter().any(|record| record["status"] == "processing"), "{records:?}");
    for record in &records {
        for key in
            ["status", "created_at", "updated_at", "error", "download_url", "output_filename", "message"]
        {
            assert!(record.as_object().unwrap().contains_key(key), "{key} is missing in {record}");
        }
        assert_eq!(record["attempt"], 1, "{records:#?}");
        assert!(record["seq"].is_i64(), "{record}");
    }
    let last = records.last().unwrap();
    assert_eq!((&last["status"], progress(last)), (&json!("completed"), 100));
    assert_eq!(last["download_url"], format!("/api/v1/tasks/{id}/download"));
    let (seen, shown) = (last.as_object().unwrap(), yard.task(&id).await);
    for (key, value) in shown.as_object().unwrap() {
        assert_eq!(seen[key], *value, "{key}: the socket and GET show the same");
    }
}

#[tokio::test]
async fn percentages_follow_the_bytes_of_the_wheels() {
    let (yard, sample) = (Yard::start().await, Sample::sized("bytes", 1_000_000));
    let path = Sample::wheel_path(&sample.gamma[0]);
    sample.files.first(&path, Act::Stall(500_000));
    let id = yard.upload(&sample.plugin, X86_64).await;
    let mut socket = yard.socket(&id).await;
    let half = socket.record(|record| progress(record) >= 60).await;
    assert_eq!(half["status"], "processing");
    assert!(progress(&half) < 85, "wheels are missing: {half}");
    let shown = yard.task(&id).await;
    assert!(progress(&shown) >= progress(&half), "GET shows the live progress: {shown}");
    sample.files.release();
    assert_eq!(socket.records().await.last().unwrap()["status"], "completed");
    let sparse = yard.database().events_of(&id, &["TaskProgressed"]).await;
    assert!((1..=20).contains(&sparse), "{sparse} progress events in one attempt");
}

#[tokio::test]
async fn a_failure_is_the_last_record() {
    let (yard, sample) = (Yard::start().await, Sample::new("refused"));
    let id = yard.repackage_url(&sample.files.url("/nothing.difypkg"), X86_64).await;
    let mut socket = yard.socket(&id).await;
    let last = socket.records().await.pop().unwrap();
    assert_eq!(last["status"], "failed");
    assert!(last["error"].as_str().unwrap().ends_with("(FETCH_FAILED)"), "{last}");
}

#[tokio::test]
async fn an_unknown_task_is_accepted_and_closed_with_1008() {
    let yard = Yard::start().await;
    for (mount, id) in [("", NOBODY), ("/dify", NOBODY), ("", "not-a-uuid")] {
        let mut socket = Socket::open(&format!("{}{mount}/ws/tasks/{id}", yard.base())).await;
        match socket.hear_within(seconds(5)).await {
            Some(Heard::Closed(code, reason)) => {
                assert_eq!((code, reason.as_str()), (1008, "Task not found"));
            }
            other => panic!("no frame before the close: {other:?}"),
        }
    }
}

#[tokio::test]
async fn the_socket_stays_open_answers_pings_and_beats() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("open"));
    let id = yard.upload(&plugin, X86_64).await;
    yard.completed(&id).await;
    let mut socket = yard.socket(&id).await;
    assert_eq!(socket.frame().await["status"], "completed");
    socket.say("any other text").await;
    socket.say("{\"type\": \"unknown\"}").await;
    socket.say("{\"type\": \"ping\", \"timestamp\": 1234567890123}").await;
    assert_eq!(socket.frame().await, json!({ "type": "pong", "timestamp": 1_234_567_890_123_i64 }));
    let silent_since = Instant::now();
    let beat = socket.frame().await;
    assert_eq!(beat["type"], "heartbeat", "{beat}");
    assert!(beat["timestamp"].as_f64().unwrap() > 1.7e9, "{beat}");
    let waited = silent_since.elapsed();
    assert!((seconds(12)..seconds(20)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn a_frame_over_4_kib_closes_with_1009() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("chatty"));
    let id = yard.upload(&plugin, X86_64).await;
    let mut fine = yard.socket(&id).await;
    fine.say(&"x".repeat(4_000)).await;
    fine.say("{\"type\": \"ping\", \"timestamp\": 1}").await;
    while fine.frame().await["type"] != "pong" {}
    let mut socket = yard.socket(&id).await;
    socket.say(&"x".repeat(5_000)).await;
    assert_eq!(socket.close(seconds(10)).await.0, 1009);
}

#[tokio::test]
async fn a_terminating_server_closes_sockets_with_1001() {
    let (mut yard, plugin) = (Yard::start().await, Plugin::new("leaving"));
    let id = yard.upload(&plugin, X86_64).await;
    yard.completed(&id).await;
    let mut socket = yard.socket(&id).await;
    assert_eq!(socket.frame().await["status"], "completed");
    yard.server().ask_to_end();
    assert_eq!(socket.close(seconds(10)).await.0, 1001);
    assert_eq!(yard.terminate().0, Some(0));
}

#[tokio::test]
async fn links_in_frames_carry_the_mount() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("linked"));
    let id = yard.upload(&plugin, AARCH64).await;
    yard.completed(&id).await;
    let mut socket = Socket::open(&format!("{}/dify/ws/tasks/{id}", yard.base())).await;
    assert_eq!(socket.frame().await["download_url"], format!("/dify/api/v1/tasks/{id}/download"));
}

#[tokio::test]
async fn many_watchers_and_an_idle_one_all_get_the_end() {
    let (yard, sample) = (Yard::start().await, Sample::sized("watched", 500_000));
    let path = Sample::wheel_path(&sample.alpha);
    sample.files.first(&path, Act::Stall(1_000));
    let id = yard.upload(&sample.plugin, X86_64).await;
    let mut idle = yard.socket(&id).await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(yard.socket(&id).await);
    }
    sample.files.reached(&path).await;
    sample.files.release();
    for socket in &mut sockets {
        assert_eq!(socket.records().await.last().unwrap()["status"], "completed");
    }
    let frames = idle.records().await;
    assert!(frames.len() < 60, "at most four frames a second: {}", frames.len());
    until("the record agrees", seconds(5), async || {
        (yard.task(&id).await["status"] == "completed").then_some(())
    })
    .await;
}
