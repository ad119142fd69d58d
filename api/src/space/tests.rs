use axum::{body::Body, http::Method};
use domain::values::Role;
use serde_json::json;

use super::{VOICE, operations};
use crate::{
    fakes::door::Door,
    refusal::{Fault, Refusal},
    voice::Heard,
};

fn door(limits: &str) -> Door {
    Door::new(&VOICE, operations(), &["--rate-limits", limits])
}

#[tokio::test(start_paused = true)]
async fn every_fault_has_its_status_and_its_code_in_the_one_shape() {
    for (fault, status, code) in [
        (Fault::Malformed, 400, json!(-1)),
        (Fault::Meaningless, 400, json!(-1)),
        (Fault::NoCredential, 401, json!(-1)),
        (Fault::BadCredential, 401, json!("invalid_authentication")),
        (Fault::Forbidden, 403, json!("permission_denied")),
        (Fault::NotFound, 404, json!(-1)),
        (Fault::UnknownPath, 404, json!(404)),
        (Fault::WrongMethod, 405, json!(405)),
        (Fault::Late, 408, json!(-1)),
        (Fault::Conflict, 409, json!(-1)),
        (Fault::Gone, 410, json!(-1)),
        (Fault::TooLarge, 413, json!(-1)),
        (Fault::UrlTooLong, 414, json!(-1)),
        (Fault::MediaType, 415, json!(-1)),
        (Fault::KeyReused, 422, json!(-1)),
        (Fault::UpgradeRequired, 426, json!(-1)),
        (Fault::Limited, 429, json!("task_capacity_exceeded")),
        (Fault::HeadersTooLarge, 431, json!(-1)),
        (Fault::NotBuilt, 501, json!(-1)),
        (Fault::Unavailable, 503, json!(-1)),
    ] {
        let answer = door("login=2/60").provoke(fault).await;
        let msg = answer.body["msg"].as_str().unwrap_or_default();
        assert!(!msg.is_empty(), "{fault:?}: {answer:?}");
        assert_eq!((answer.status, &answer.body), (status, &json!({"code": code, "msg": msg})), "{fault:?}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{fault:?}");
    }
}

#[test]
fn a_handler_that_knows_a_better_word_or_number_is_heard() {
    let heard = Heard { request_id: "r".into(), at: chrono::DateTime::UNIX_EPOCH };
    for (code, written) in [("404", json!(404)), ("token_pending", json!("token_pending"))] {
        let (_, body) = (VOICE.refuse)(&Refusal::not_found("Not there").coded(code), &heard);
        assert_eq!(body, json!({"code": written, "msg": "Not there"}));
    }
}

#[tokio::test]
async fn a_failure_of_ours_names_the_request() {
    let failed = door("off").provoke(Fault::Internal).await;
    let id = failed.header("x-request-id");
    let whole = json!({"code": "internal_error", "msg": "Internal server error", "request_id": id});
    assert_eq!((failed.status, &failed.body), (500, &whole));
}

#[tokio::test]
async fn there_are_no_servers_and_no_skills_so_that_clients_look_for_plugins() {
    for kind in ["mcps", "skills"] {
        let answer = door("off").get(&format!("/api/v1/marketplace/{kind}/langbot-team/x"), &[]).await;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!(-1)));
    }
}

#[tokio::test]
async fn publishing_needs_a_token_of_a_publisher_and_reading_none() {
    let door = door("off");
    let (_, secret) = door.key(Role::Publisher).await;
    assert!(secret.starts_with("lbpat_"));
    let publish = async |credential: Option<String>| {
        let headers: Vec<_> = credential.iter().map(|value| ("authorization", value.as_str())).collect();
        door.ask(Method::POST, "/api/v1/marketplace/plugins/publish", &headers, Body::empty()).await.status
    };
    assert_eq!(publish(None).await, 401);
    assert_eq!(publish(Some(format!("Bearer {}", door.key(Role::User).await.1))).await, 403);
    assert_eq!(publish(Some(format!("Bearer {secret}"))).await, 400, "there is no package");
    assert_eq!(door.get("/api/v1/marketplace/plugins/no/no%20name", &[]).await.status, 404);
}
