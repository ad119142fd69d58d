//! One effect of many requests with one key, whatever they ask for, wherever and at the same time.

use std::collections::BTreeSet;

use futures::future::join_all;
use plugyard_tests::{
    Answer, Files, Plugin, X86_64, Yard,
    yard::{ADMIN, task_id},
};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const AT_ONCE: usize = 100;

/// Asks so often at the same time, on two nodes in turn.
async fn parallel(yards: [&Yard; 2], request: impl Fn(&Yard) -> RequestBuilder) -> Vec<Answer> {
    let ask = |number: usize| {
        let yard = yards[number % 2];
        yard.send(request(yard).header("Idempotency-Key", "k-1"))
    };
    join_all((0..AT_ONCE).map(ask)).await
}

/// The one answer that all of them were given.
#[track_caller]
fn one(status: u16, answers: Vec<Answer>) -> Value {
    let bodies: BTreeSet<String> =
        answers.into_iter().map(|answer| answer.expect(status).json().to_string()).collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    bodies.first().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_hundred_creations_at_once_make_one_task() {
    let yard = Yard::start().await;
    let node = yard.neighbour("api").await;
    let url = Files::start().url("/nothing.difypkg");
    let body = json!({ "url": url, "platform": X86_64 });
    let answers =
        parallel([&yard, &node], |yard| yard.request(Method::POST, "/api/v1/tasks").json(&body)).await;
    let ids: BTreeSet<String> =
        answers.into_iter().map(|answer| task_id(&answer.expect(200).json())).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let requested = "select count(*) from es.events where event_type = 'TaskRequested'";
    assert_eq!(yard.database().number(requested).await, 1);
}

#[tokio::test]
async fn a_hundred_deletions_at_once_delete_once_and_are_all_told_so() {
    let yard = Yard::start().await;
    let node = yard.neighbour("api").await;
    let (plugin, other) = (Plugin::new("doomed"), Plugin::new("kept"));
    let (id, kept) = (yard.upload(&plugin, X86_64).await, yard.upload(&other, X86_64).await);
    yard.completed(&id).await;
    yard.completed(&kept).await;
    let delete = |id: &str| {
        let path = format!("/api/v1/files/{id}");
        move |yard: &Yard| yard.request(Method::DELETE, &path)
    };
    let told = one(200, parallel([&yard, &node], delete(&id)).await);
    assert_eq!(told, json!({"message": "File deleted successfully", "file_id": id}));
    assert_eq!(yard.database().events_of(&id, &["ArtifactExpired"]).await, 1);
    let reused = yard.send(delete(&kept)(&yard).header("Idempotency-Key", "k-1")).await.expect(422);
    assert!(reused.detail().contains("IDEMPOTENCY_KEY_REUSED"), "{}", reused.detail());
    yard.download(&kept).await;
    yard.send(delete(&id)(&yard)).await.expect(404);
}

#[tokio::test]
async fn a_hundred_clean_ups_at_once_count_what_one_would_have() {
    let yard = Yard::start().await;
    let node = yard.neighbour("api").await;
    let mut made = Vec::new();
    for name in ["one", "two", "three"] {
        let id = yard.upload(&Plugin::new(name), X86_64).await;
        yard.completed(&id).await;
        made.push(id);
    }
    yard.settle().await;
    let aged = "update read.tasks_v1 set ended_at = ended_at - interval '5 days'";
    yard.database().execute(aged).await.unwrap();
    let clean = |yard: &Yard| yard.request(Method::DELETE, "/api/v1/files/cleanup?retention_days=3");
    let told = one(200, parallel([&yard, &node], clean).await);
    assert_eq!((&told["cleaned_count"], &told["retention_days"]), (&json!(3), &json!(3)));
    for id in &made {
        assert_eq!(yard.database().events_of(id, &["ArtifactExpired"]).await, 1);
    }
    assert_eq!(yard.send(clean(&yard)).await.expect(200).json()["cleaned_count"], 0, "without the key");
}

#[tokio::test]
async fn a_hundred_issues_at_once_make_one_key_with_one_secret() {
    let yard = Yard::start().await;
    let node = yard.neighbour("api").await;
    let wish = |role: &str| json!({"owner": "alice", "dialects": ["nexus"], "role": role});
    let issue = |role: &str| {
        let wish = wish(role);
        move |yard: &Yard| yard.request(Method::POST, "/identity/keys").bearer_auth(ADMIN).json(&wish)
    };
    let told = one(201, parallel([&yard, &node], issue("user")).await);
    let secret = told["secret"].as_str().expect("a secret");
    let issued = "select count(*) from es.events where event_type = 'ApiKeyIssued'";
    assert_eq!(yard.database().number(issued).await, 1);
    let identity = |yard: &Yard| yard.request(Method::GET, "/nexus/identity").bearer_auth(secret);
    yard.send(identity(&node)).await.expect(200);
    yard.send(issue("publisher")(&yard).header("Idempotency-Key", "k-1")).await.expect(422);
}

#[tokio::test]
async fn a_hundred_times_the_same_password_at_once_is_one_that_no_repeat_brings_back() {
    let yard = Yard::start().await;
    let node = yard.neighbour("api").await;
    let put = |password: &'static str| {
        move |yard: &Yard| {
            let body = json!({"role": "user", "password": password});
            yard.request(Method::PUT, "/identity/accounts/alice").bearer_auth(ADMIN).json(&body)
        }
    };
    let told = one(200, parallel([&yard, &node], put("correct horse")).await);
    let changed = "select count(*) from es.events where event_type = 'PasswordChanged'";
    assert_eq!(yard.database().number(changed).await, 1);
    yard.send(put("another horse")(&yard).header("Idempotency-Key", "k-2")).await.expect(200);
    let again = yard.send(put("correct horse")(&yard).header("Idempotency-Key", "k-1")).await.expect(200);
    assert_eq!(again.json(), told);
    assert_eq!(yard.database().number(changed).await, 2);
    yard.log_in("alice", "another horse").await;
    yard.send(put("third horse")(&yard).header("Idempotency-Key", "k-1")).await.expect(422);
    assert_eq!(yard.database().number(changed).await, 2);
}

#[tokio::test]
async fn the_log_of_events_tells_who_asked_in_which_dialect_from_where_and_by_which_request() {
    let yard = Yard::start().await;
    let url = Files::start().url("/nothing.difypkg");
    let asked = yard.request(Method::POST, "/api/v1/tasks").header("X-Request-Id", "who-asks");
    yard.send(asked.json(&json!({ "url": url }))).await.expect(200);
    let tail = yard.cli().args(["events", "tail", "--lines", "100"]).run().await.expect(0);
    let lines: Vec<Value> = tail.out.lines().map(|line| line.parse().expect("one object a line")).collect();
    let line = lines.iter().find(|line| line["type"] == "TaskRequested").expect("the request");
    let told = ["actor", "dialect", "request_id"].map(|name| line[name].clone());
    assert_eq!(told, [json!("anonymous"), json!("dify"), json!("who-asks")]);
    let hash = line["ip_hash"].as_str().expect("a hash");
    assert!(hash.len() == 32 && !tail.out.contains("127.0.0.1\""), "{line}");
}
