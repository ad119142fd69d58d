//! Several nodes on one database.

use plugyard_tests::{
    Act, Plan, Plugin, Sample, Upload, X86_64, until,
    waiting::seconds,
    yard::{ADMIN, task_id},
};
use reqwest::Method;
use serde_json::json;

/// A place for results that both nodes reach.
fn shared_bytes() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}", directory.path().display());
    (directory, url)
}

#[tokio::test]
async fn two_nodes_share_the_work_and_each_task_is_done_once() {
    let (_bytes, url) = shared_bytes();
    let first = Plan::default().set("PLUGYARD_BLOBS", &url).start().await;
    let second = first.neighbour("all").await;
    let sample = Sample::sized("split", 50_000);
    let path = Sample::wheel_path(&sample.gamma[0]);
    sample.files.always(&path, Act::Stall(10_000));
    let mut tasks = Vec::new();
    for n in 0..10 {
        let plugin = sample.plugin.clone().file("number.txt", n.to_string());
        let yard = if n % 2 == 0 { &first } else { &second };
        let upload = Upload::of(&plugin).field("platform", X86_64);
        tasks.push(task_id(&yard.try_upload(upload).await.expect(200).json()));
    }
    let database = first.database();
    until("both nodes work", seconds(20), async || {
        let workers = "select count(distinct worker) from es.jobs where state = 'running'";
        (database.number(workers).await == 2).then_some(())
    })
    .await;
    sample.files.release();
    for task in &tasks {
        first.completed(task).await;
        second.completed(task).await;
        assert_eq!(database.events_of(task, &["TaskStarted"]).await, 1, "{task}");
        assert_eq!(
            database.events_of(task, &["TaskCompleted", "TaskFailed", "TaskCancelled"]).await,
            1,
            "{task}"
        );
        assert_eq!(first.download(task).await, second.download(task).await);
    }
    first.settle().await;
    second.settle().await;
}

#[tokio::test]
async fn an_api_node_and_a_worker_node_make_one_service() {
    let (_bytes, url) = shared_bytes();
    let api = Plan::default().set("PLUGYARD_BLOBS", &url).set("PLUGYARD_ROLE", "api").start().await;
    let task = api.upload(&Plugin::new("handed-over"), X86_64).await;
    let mut socket = api.socket(&task).await;
    assert_eq!(socket.frame().await["status"], "pending");
    api.settle().await;
    assert_eq!(api.database().events_of(&task, &["TaskStarted"]).await, 0, "an API node claims nothing");
    let _worker = api.neighbour("worker").await;
    assert_eq!(socket.records().await.last().unwrap()["status"], "completed");
    assert!(!api.download(&task).await.is_empty());
}

#[tokio::test]
async fn the_work_of_a_dead_node_is_taken_over() {
    let (_bytes, url) = shared_bytes();
    let mut first = Plan::default().set("PLUGYARD_BLOBS", &url).start().await;
    let sample = Sample::sized("inherited", 50_000);
    let path = Sample::wheel_path(&sample.alpha);
    sample.files.first(&path, Act::Stall(10_000));
    let task = first.upload(&sample.plugin, X86_64).await;
    sample.files.reached(&path).await;
    let second = first.neighbour("all").await;
    let mut socket = second.socket(&task).await;
    first.kill();
    sample.files.release();
    let record = second.finished_within(&task, seconds(60)).await;
    assert_eq!(record["status"], "completed", "{record}");
    let shown = socket.records().await;
    assert_eq!(shown.last().unwrap()["status"], "completed", "the socket hears of another node's work");
    assert_eq!(second.database().events_of(&task, &["TaskAttemptLost"]).await, 1);
}

#[tokio::test]
async fn a_node_without_the_master_key_of_the_others_takes_keys_and_says_what_it_cannot_do() {
    // Either may do the work.
    let (_bytes, url) = shared_bytes();
    let first = Plan::default().set("PLUGYARD_BLOBS", &url).start().await;
    first.user("ada", "correct horse", "user").await;
    let key = first.token("nexus", "user").await;
    let login = json!({"username": "ada", "password": "correct horse"});
    let session = first.post("/api/v1/auth/login", &login).await.expect(200).json()["data"]["tokens"].clone();
    let apart = Plan::default().set("PLUGYARD_BLOBS", &url).database(first.database()).start().await;
    let ask = |path: &'static str| apart.request(Method::GET, path).bearer_auth(&key.secret);
    apart.send(ask("/v1/plugins")).await.expect(200);
    apart.completed(&apart.upload(&Plugin::new("apart"), X86_64).await).await;
    let wrong = json!({"username": "nobody at all", "password": "battery staple"});
    let renewal = json!({"refresh_token": session["refresh_token"]});
    for (path, body) in [("login", &login), ("login", &wrong), ("refresh", &renewal)] {
        let answer = apart.post(&format!("/api/v1/auth/{path}"), body).await.expect(503);
        assert!(answer.text().contains("no key for what is sealed"), "{}", answer.text());
    }
    let token = session["access_token"].as_str().unwrap();
    apart.send(apart.request(Method::GET, "/v1/plugins").bearer_auth(token)).await.expect(503);
    // An owner is found by name: none is made twice.
    let wish = json!({"owner": "ada", "dialects": ["nexus"]});
    let issue = apart.request(Method::POST, "/identity/keys").bearer_auth(ADMIN).json(&wish);
    apart.send(issue).await.expect(503);
    assert!(apart.server().log().contains("PLUGYARD_SECRET_KEY"), "the log says what is missing");
    first.send(first.request(Method::GET, "/v1/plugins").bearer_auth(token)).await.expect(200);
    first.post("/api/v1/auth/refresh", &renewal).await.expect(200);
}
