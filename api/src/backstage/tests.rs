use axum::{body::Body, http::Method};
use domain::values::Role;
use serde_json::json;

use super::{VOICE, operations};
use crate::{
    fakes::ADMIN,
    fakes::door::Door,
    refusal::{Fault, Refusal},
    voice::Heard,
};

fn door() -> Door {
    Door::new(&VOICE, operations(), &["--rate-limits", "off"])
}

#[tokio::test(start_paused = true)]
async fn every_fault_has_its_status_and_its_code_in_the_one_shape() {
    for (fault, status, code) in [
        (Fault::Malformed, 400, "VALIDATION_ERROR"),
        (Fault::Meaningless, 400, "VALIDATION_ERROR"),
        (Fault::NoCredential, 401, "UNAUTHORIZED"),
        (Fault::BadCredential, 401, "UNAUTHORIZED"),
        (Fault::Forbidden, 403, "FORBIDDEN"),
        (Fault::NotFound, 404, "NOT_FOUND"),
        (Fault::UnknownPath, 404, "NOT_FOUND"),
        (Fault::WrongMethod, 405, "METHOD_NOT_ALLOWED"),
        (Fault::Late, 408, "REQUEST_TIMEOUT"),
        (Fault::Conflict, 409, "CONFLICT"),
        (Fault::Gone, 410, "GONE"),
        (Fault::TooLarge, 413, "PAYLOAD_TOO_LARGE"),
        (Fault::UrlTooLong, 414, "URI_TOO_LONG"),
        (Fault::MediaType, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Fault::KeyReused, 422, "IDEMPOTENCY_KEY_REUSED"),
        (Fault::UpgradeRequired, 426, "UPGRADE_REQUIRED"),
        (Fault::HeadersTooLarge, 431, "HEADERS_TOO_LARGE"),
        (Fault::Internal, 500, "INTERNAL_ERROR"),
        (Fault::NotBuilt, 501, "NOT_IMPLEMENTED"),
        (Fault::Unavailable, 503, "SERVICE_UNAVAILABLE"),
    ] {
        let answer = door().provoke(fault).await;
        let error = &answer.body["error"];
        let message = error["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && !message.contains("panic"), "{fault:?}: {answer:?}");
        assert!(error["details"].is_object(), "{fault:?}");
        let whole = json!({
            "error": {"code": code, "message": message, "details": error["details"]},
            "timestamp": "2024-01-01T00:00:00Z",
            "requestId": answer.header("x-request-id"),
        });
        assert_eq!((answer.status, &answer.body), (status, &whole), "{fault:?}");
        assert_eq!(
            (answer.header("x-api-version"), answer.header("content-type")),
            ("v1", "application/json")
        );
    }
}

#[test]
fn a_handler_that_knows_a_better_word_is_heard() {
    let heard = Heard { request_id: "r".into(), ..Heard::of_nobody() };
    let refusal = Refusal::not_found("No such installation").coded("INSTALLATION_NOT_FOUND");
    let (status, body) = (VOICE.refuse)(&refusal, &heard);
    assert_eq!((status.as_u16(), &body["error"]["code"]), (404, &json!("INSTALLATION_NOT_FOUND")));
}

#[tokio::test]
async fn the_id_of_the_request_is_the_clients_own() {
    let answer = door().get("/nothing", &[("x-request-id", "req_abc123")]).await;
    assert_eq!(
        (answer.header("x-request-id"), &answer.body["requestId"]),
        ("req_abc123", &json!("req_abc123"))
    );
}

#[tokio::test]
async fn what_is_malformed_is_listed_in_the_details() {
    let answer = door().ask(Method::POST, "/test/read", &[], r#"{"a":"\u0000"}"#).await;
    assert_eq!(answer.body["error"]["details"]["issues"][0]["at"], json!(["body", "a"]));
}

#[tokio::test]
async fn a_key_comes_as_a_bearer_or_in_its_own_header() {
    let door = door();
    let (_, secret) = door.key(Role::User).await;
    let install = "/api/marketplace/v1/plugins/plugin_123/install";
    let bearer = format!("Bearer {secret}");
    for (name, value, status) in [
        ("authorization", bearer.as_str(), 501),
        ("x-api-key", &secret, 501),
        ("x-api-key", ADMIN, 501),
        ("x-api-key", "1", 401),
        ("authorization", "Basic YTpi", 401),
    ] {
        assert_eq!(door.ask(Method::POST, install, &[(name, value)], "{}").await.status, status, "{value}");
    }
    let refused = door.ask(Method::POST, install, &[], "{}").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"));
}

#[tokio::test]
async fn what_nobody_can_do_is_not_implemented_for_everybody() {
    for method in [Method::PUT, Method::DELETE] {
        let answer = door().ask(method, "/api/marketplace/v1/plugins/plugin_1", &[], Body::empty()).await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (501, &json!("NOT_IMPLEMENTED")));
    }
}

#[tokio::test]
async fn whoever_shows_a_key_has_a_limit_of_his_own() {
    let flags = ["--rate-limits", "backstage=2/3600,backstage.authenticated=5/3600"];
    let door = Door::new(&VOICE, operations(), &flags);
    let (_, secret) = door.key(Role::User).await;
    let path = "/api/marketplace/v1/plugins?page=0";
    for left in ["1", "0"] {
        let answer = door.get(path, &[]).await;
        assert_eq!((answer.header("x-ratelimit-limit"), answer.header("x-ratelimit-remaining")), ("2", left));
    }
    let refused = door.get(path, &[]).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (429, &json!("RATE_LIMITED")));
    assert_eq!(refused.header("retry-after"), "1800");
    let reset = refused.header("x-ratelimit-reset");
    assert!(reset.starts_with("2024-01-01T0") && reset.ends_with('Z'), "{reset}");
    let own = door.get(path, &[("x-api-key", &secret)]).await;
    assert_eq!((own.status, own.header("x-ratelimit-remaining")), (400, "4"));
}

mod browsing;
mod reviewing;
