use super::*;
use crate::fetch::{
    FetchPolicy,
    stub::{Answer, Stub},
};

async fn posted(answer: Answer) -> (Posted, Vec<String>) {
    let stub = Stub::start(vec![answer]).await;
    let guarded = GuardedClient::new(FetchPolicy::default()).unwrap();
    let hook = DiscordHook::new(stub.url("/api/webhooks/1/hush").parse().unwrap(), guarded).unwrap();
    (hook.post("**notes** 1.0.0").await, stub.requests())
}

#[tokio::test]
async fn a_text_is_posted_in_which_nobody_is_mentioned() {
    let (posted, requests) = posted(Answer::status(204, b"")).await;
    assert_eq!(posted, Posted::Done);
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/webhooks/1/hush "), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, json!({"content": "**notes** 1.0.0", "allowed_mentions": {"parse": []}}));
}

#[tokio::test]
async fn a_busy_hook_is_waited_for_as_long_as_it_asks() {
    let busy = Answer::status(429, br#"{"message": "slow down", "retry_after": 1.5}"#);
    assert_eq!(posted(busy).await.0, Posted::Later(Some(Duration::from_millis(1500))));
    let by_header = Answer::status(429, b"no JSON").header("Retry-After: 7");
    assert_eq!(posted(by_header).await.0, Posted::Later(Some(Duration::from_secs(7))));
    for odd in [r#"{"retry_after": -1}"#, r#"{"retry_after": 1e300}"#, "{}"] {
        assert_eq!(posted(Answer::status(429, odd.as_bytes())).await.0, Posted::Later(None), "{odd}");
    }
}

#[tokio::test]
async fn a_broken_hook_is_tried_again_and_one_that_is_gone_is_not() {
    assert_eq!(posted(Answer::status(502, b"")).await.0, Posted::Later(None));
    assert_eq!(posted(Answer::status(404, b"")).await.0, Posted::Refused);
    let guarded = GuardedClient::new(FetchPolicy::default()).unwrap();
    let nobody = DiscordHook::new("http://127.0.0.1:1/".parse().unwrap(), guarded).unwrap();
    assert_eq!(nobody.post("text").await, Posted::Later(None));
}
