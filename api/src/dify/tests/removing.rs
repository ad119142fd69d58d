use axum::{body::Body, http::Method};
use serde_json::json;

use super::{Answer, Yard};
use crate::fakes::{completed_view, queued_view};

async fn delete(yard: &Yard, path: &str, key: &str) -> Answer {
    let headers = [("idempotency-key", key)];
    yard.ask(Method::DELETE, path, if key.is_empty() { &[] } else { &headers }, Body::empty()).await
}

#[tokio::test]
async fn a_file_goes_once_and_only_the_same_request_is_told_so_again() {
    let yard = Yard::new();
    let id = yard.fakes.put(completed_view());
    let path = format!("/api/v1/files/{id}");
    let gone = json!({"message": "File deleted successfully", "file_id": id});
    assert_eq!(delete(&yard, &path, "k").await.expect(200).json(), gone);
    assert_eq!(delete(&yard, &format!("/dify{path}"), "k").await.expect(200).json(), gone);
    assert_eq!(delete(&yard, &path, "").await.expect(404).detail(), "File not found");
    delete(&yard, &path, "other").await.expect(404);
    delete(&yard, &path, "other").await.expect(404);
}

#[tokio::test]
async fn a_key_is_good_for_one_request() {
    let yard = Yard::new();
    let id = yard.fakes.put(completed_view());
    delete(&yard, &format!("/api/v1/files/{id}"), "k").await.expect(200);
    let cleaned = |days| format!("/api/v1/files/cleanup?retention_days={days}");
    assert_eq!(delete(&yard, &cleaned(3), "c").await.expect(200).json()["cleaned_count"], 0);
    assert_eq!(delete(&yard, &cleaned(3), "c").await.expect(200).json()["cleaned_count"], 0);
    let reused = delete(&yard, &cleaned(4), "c").await.expect(422).detail();
    assert!(reused.as_str().unwrap().contains("IDEMPOTENCY_KEY_REUSED"), "{reused}");
    let unfinished = yard.fakes.put(queued_view());
    delete(&yard, &format!("/api/v1/files/{unfinished}"), "u").await.expect(404);
}

#[tokio::test]
async fn two_keys_are_none() {
    let yard = Yard::new();
    let headers = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let answer = yard.ask(Method::DELETE, "/api/v1/files/cleanup", &headers, Body::empty()).await;
    assert_eq!(answer.expect(400).detail(), "Send one Idempotency-Key");
}
