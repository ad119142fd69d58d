use std::time::Duration;

use axum::{
    body::Body,
    http::{Method, Request},
};
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::{Answer, Yard, from};
use crate::fakes::ARTIFACT;

const URL: &str = "https://example.com/agent.difypkg";
const PATHS: [&str; 2] = ["/api/v1/tasks", "/dify/api/v1/tasks"];

async fn upload(yard: &Yard, parts: &[(&str, Option<&str>, &[u8])], headers: &[(&str, &str)]) -> Answer {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    yard.ask(Method::POST, "/api/v1/tasks/upload", &[&kind, headers].concat(), body).await
}

#[tokio::test]
async fn a_creation_answers_a_pending_record_through_both_mounts() {
    let yard = Yard::new();
    for path in PATHS {
        let record = yard.post(path, &json!({"url": URL})).await.expect(200).json();
        assert_eq!((&record["status"], &record["progress"]), (&json!("pending"), &json!(0)));
        assert_eq!(record["original_filename"], "agent.difypkg");
        assert_eq!(record.as_object().unwrap().len(), 10);
    }
    assert_eq!(yard.fakes.tasks(), 2);
}

#[tokio::test]
async fn meaningless_creations_are_refused_in_the_documents_words() {
    let yard = Yard::new();
    for (body, detail) in [
        (json!({}), "Either url or marketplace_plugin must be provided"),
        (json!({"url": ""}), "Either url or marketplace_plugin must be provided"),
        (json!({"url": "https://example.com/a.zip?x=.difypkg"}), "URL must point to a .difypkg file"),
        (json!({"url": URL, "platform": "win32"}), "Unsupported platform: win32"),
        (json!({"url": "https://10.0.0.1/a.difypkg"}), "URL host not allowed: 10.0.0.1 (URL_FORBIDDEN)"),
        (
            json!({"url": URL, "marketplace_plugin": {"author": "a"}}),
            "marketplace_plugin must contain author, name, and version",
        ),
    ] {
        assert_eq!(yard.post(PATHS[0], &body).await.expect(400).detail(), detail, "{body}");
    }
    let plugin = json!({"marketplace_plugin": {"author": "a", "name": "../b", "version": "1.0.0"}});
    let detail = yard.post(PATHS[0], &plugin).await.expect(400).detail();
    assert_eq!(detail, "marketplace_plugin has an invalid name");
    assert_eq!(yard.fakes.tasks(), 0);
}

#[tokio::test]
async fn malformed_creations_are_422_with_every_fault_in_the_list() {
    let yard = Yard::new();
    let answer = yard.post(PATHS[0], &json!({"url": 7, "platform": [], "strict": "x"})).await.expect(422);
    let list = answer.detail();
    assert_eq!(list.as_array().unwrap().len(), 3, "{list}");
    assert_eq!(
        list[0],
        json!({"type": "string_type", "loc": ["body", "url"], "msg": "Input should be a valid string", "input": 7})
    );
    let answer = yard.ask(Method::POST, PATHS[0], &[], "{\"url\": NaN}").await.expect(422);
    assert_eq!(answer.detail()[0]["type"], "json_invalid");
    let large = format!("{{\"url\": \"{}\"}}", "a".repeat(1 << 20));
    yard.ask(Method::POST, PATHS[0], &[], large).await.expect(400);
}

#[tokio::test]
async fn a_repeated_key_is_the_same_task_and_another_request_under_it_is_refused() {
    let yard = Yard::new();
    let post = async |path: &str, body: Value| {
        yard.ask(Method::POST, path, &[("idempotency-key", "k1")], body.to_string()).await
    };
    let first = post(PATHS[0], json!({"url": URL})).await.expect(200).json();
    let again = post(PATHS[1], json!({"suffix": "offline", "url": URL})).await.expect(200).json();
    assert_eq!(first, again);
    assert_eq!(yard.fakes.tasks(), 1);
    let other = post(PATHS[0], json!({"url": URL, "suffix": "x"})).await.expect(422);
    assert_eq!(other.detail(), "this Idempotency-Key was used for another request (IDEMPOTENCY_KEY_REUSED)");
    for key in ["", "ü", &"k".repeat(256)] {
        let headers = [("idempotency-key", key)];
        yard.ask(Method::POST, PATHS[0], &headers, json!({"url": URL}).to_string()).await.expect(400);
    }
}

#[tokio::test]
async fn an_upload_is_stored_under_its_hash_and_leaves_no_file() {
    let yard = Yard::new();
    let record = upload(&yard, &[("platform", None, b""), ("file", Some("my.difypkg"), ARTIFACT)], &[])
        .await
        .expect(200)
        .json();
    assert_eq!((&record["status"], &record["original_filename"]), (&json!("pending"), &json!("my.difypkg")));
    let left = std::fs::read_dir(yard.dir.path().join("uploads")).unwrap().count();
    assert_eq!(left, 0, "the file has gone into the blob store");
}

#[tokio::test]
async fn a_bad_upload_is_refused_before_a_task_exists() {
    let yard = Yard::new();
    let good = ("file", Some("a.difypkg"), ARTIFACT);
    let refused =
        async |parts: &[(&str, Option<&str>, &[u8])]| upload(&yard, parts, &[]).await.expect(400).detail();
    assert_eq!(refused(&[("file", Some("a.zip"), ARTIFACT)]).await, "Only .difypkg files are allowed");
    assert_eq!(refused(&[good, ("platform", None, b"win32")]).await, "Unsupported platform: win32");
    assert_eq!(
        refused(&[("file", Some("a.difypkg"), b"<html>")]).await,
        "This is not a .difypkg file (PACKAGE_INVALID)"
    );
    assert_eq!(refused(&[good; 21]).await, "The form has too many parts");
    let large = vec![0; (100 << 20) + 1];
    assert_eq!(refused(&[("file", Some("a.difypkg"), &large)]).await, "File size must be less than 100MB");
    upload(&yard, &[("platform", None, b"")], &[]).await.expect(422);
    upload(&yard, &[("file", None, b"text")], &[]).await.expect(422);
    upload(&yard, &[good, ("suffix", None, b"a\0b")], &[]).await.expect(422);
    yard.post("/api/v1/tasks/upload", &json!({})).await.expect(422);
    assert_eq!(yard.fakes.tasks(), 0);
    assert_eq!(std::fs::read_dir(yard.dir.path().join("uploads")).unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_drips_is_408_and_leaves_no_file() {
    let yard = Yard::new();
    let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.difypkg\"\r\n\r\nPK";
    let drops = futures::stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_secs(5)).await;
        Some((Bytes::from_static(b"drop"), ()))
    });
    let bytes = futures::stream::iter([Bytes::from_static(head.as_bytes())]).chain(drops);
    let body = Body::from_stream(bytes.map(Ok::<_, std::io::Error>));
    let kind = [("content-type", "multipart/form-data; boundary=x")];
    let began = tokio::time::Instant::now();
    let refused = yard.ask(Method::POST, "/api/v1/tasks/upload", &kind, body).await.expect(408);
    assert_eq!(refused.detail(), "The upload is slower than 16 KiB per second");
    assert!(began.elapsed().as_secs() < 40, "{:?}", began.elapsed());
    assert_eq!(std::fs::read_dir(yard.dir.path().join("uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_key_of_an_upload_stands_for_the_files_bytes() {
    let yard = Yard::new();
    let key = [("idempotency-key", "u1")];
    let first = upload(&yard, &[("file", Some("a.difypkg"), ARTIFACT)], &key).await.expect(200).json();
    let again = upload(&yard, &[("file", Some("a.difypkg"), ARTIFACT)], &key).await.expect(200).json();
    assert_eq!(first["task_id"], again["task_id"]);
    upload(&yard, &[("file", Some("a.difypkg"), b"PK other")], &key).await.expect(422);
}

#[tokio::test]
async fn creations_of_one_address_share_one_number_over_both_mounts() {
    let yard = Yard::with(&["--rate-limits", "dify=2/60", "--trusted-proxies", "192.0.2.1"]);
    let post = async |path: &str, address: &str, forwarded: &str| {
        let request =
            Request::post(path).header("x-forwarded-for", forwarded).body(Body::from("{}")).unwrap();
        yard.send(from(request, address)).await
    };
    assert_eq!(
        post(PATHS[0], "198.51.100.7", "1.1.1.1").await.expect(400).header("x-ratelimit-remaining"),
        "1"
    );
    assert_eq!(
        post(PATHS[1], "198.51.100.7", "2.2.2.2").await.expect(400).header("x-ratelimit-remaining"),
        "0"
    );
    let refused = post("/dify/api/v1/tasks/upload", "198.51.100.7", "3.3.3.3").await.expect(429);
    assert_eq!(
        refused.json(),
        json!({
            "detail": "Rate limit exceeded. Please try again later.",
            "error": "Rate limit exceeded: 2 per 1 minute",
        })
    );
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((28..=30).contains(&wait));
    assert_eq!(refused.header("x-ratelimit-limit"), "2");
    post(PATHS[0], "192.0.2.1", "198.51.100.7").await.expect(429);
    post(PATHS[0], "192.0.2.1", "198.51.100.8").await.expect(400);
    let free = Request::get("/api/v1/tasks").body(Body::empty()).unwrap();
    assert_eq!(yard.send(from(free, "198.51.100.7")).await.expect(200).header("x-ratelimit-remaining"), "0");
}

#[tokio::test]
async fn a_log_that_does_not_answer_is_503_with_a_time_to_wait() {
    let yard = Yard::new();
    yard.fakes.take_down();
    let answer = yard.post(PATHS[0], &json!({"url": URL})).await.expect(503);
    assert_eq!(answer.header("retry-after"), "2");
    assert!(answer.detail().is_string());
    let ready = yard.get("/readyz").await.expect(503);
    assert_eq!(ready.json(), json!({"status": "not ready", "reason": "DATABASE"}));
    yard.get("/healthz").await.expect(200);
}

#[tokio::test]
async fn a_panic_says_nothing_of_the_inside() {
    let yard = Yard::new();
    let answer = upload(&yard, &[("file", Some("a.difypkg"), b"panic")], &[]).await.expect(500);
    assert_eq!(answer.detail(), "Internal server error");
}

const BATCH: &str = "/api/v1/tasks/batch";

fn three() -> Value {
    json!({"url": URL, "platforms": ["manylinux2014_x86_64", "manylinux2014_aarch64", "macosx_11_0_arm64"]})
}

#[tokio::test]
async fn a_batch_that_does_not_fit_is_taken_back() {
    let yard = Yard::new();
    yard.fakes.make_room(Some(2));
    yard.post(BATCH, &three()).await.expect(503);
    let recent = yard.get("/api/v1/tasks").await.json();
    let statuses: Vec<_> = recent["tasks"].as_array().unwrap().iter().map(|task| &task["status"]).collect();
    assert_eq!(statuses, ["failed", "failed"], "cancelled");
}

#[tokio::test]
async fn a_batch_that_broke_off_is_made_whole_by_the_same_key() {
    let yard = Yard::new();
    let ask = async || {
        let headers = [("idempotency-key", "k"), ("content-type", "application/json")];
        yard.ask(Method::POST, BATCH, &headers, three().to_string()).await
    };
    yard.fakes.make_room(Some(2));
    ask().await.expect(503);
    assert_eq!(yard.fakes.tasks(), 2);
    yard.fakes.make_room(None);
    let answer = ask().await.expect(200).json();
    assert_eq!((answer["tasks"].as_array().unwrap().len(), yard.fakes.tasks()), (3, 3));
    assert_eq!(ask().await.expect(200).json(), answer);
    assert_eq!(yard.fakes.tasks(), 3);
    let group = answer["group_id"].as_str().unwrap();
    let shown = yard.get(&format!("/dify{BATCH}/{group}")).await.expect(200).json();
    assert_eq!((&shown["status"], shown["tasks"].as_array().unwrap().len()), (&json!("pending"), 3));
}
