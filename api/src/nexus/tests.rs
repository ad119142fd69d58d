mod changing;
mod configuring;
mod host;
mod installing;
mod messages;
mod showing;

use axum::{
    body::Body,
    http::{Method, Request},
};
use domain::values::{Dialect, Role};
use serde_json::{Value, json};

use super::{VOICE, operations};
use crate::{fakes::ADMIN, fakes::door::Door, refusal::Fault};

const PASSWORD: &str = "correct horse";

fn door() -> Door {
    Door::new(&VOICE, operations(), &["--rate-limits", "off"])
}

async fn logged_in(door: &Door, role: Role) -> Value {
    door.person("ada", role, PASSWORD).await;
    let login = json!({"username": "ada", "password": PASSWORD});
    let answer = door.say(Method::POST, "/api/v1/auth/login", "", &login).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{answer:?}");
    answer.body["data"].clone()
}

#[tokio::test(start_paused = true)]
async fn every_fault_has_its_status_and_code_in_the_one_shape() {
    for (fault, status, code) in [
        (Fault::Malformed, 400, "VALIDATION_ERROR"),
        (Fault::Meaningless, 400, "VALIDATION_ERROR"),
        (Fault::NoCredential, 401, "AUTHENTICATION_FAILED"),
        (Fault::BadCredential, 401, "AUTHENTICATION_FAILED"),
        (Fault::Forbidden, 403, "PLUGIN_PERMISSION_DENIED"),
        (Fault::NotFound, 404, "RESOURCE_NOT_FOUND"),
        (Fault::UnknownPath, 404, "RESOURCE_NOT_FOUND"),
        (Fault::WrongMethod, 405, "METHOD_NOT_ALLOWED"),
        (Fault::Late, 408, "REQUEST_TIMEOUT"),
        (Fault::Conflict, 409, "RESOURCE_CONFLICT"),
        (Fault::Gone, 410, "RESOURCE_GONE"),
        (Fault::TooLarge, 413, "PAYLOAD_TOO_LARGE"),
        (Fault::UrlTooLong, 414, "URI_TOO_LONG"),
        (Fault::MediaType, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Fault::KeyReused, 422, "IDEMPOTENCY_KEY_REUSED"),
        (Fault::UpgradeRequired, 426, "UPGRADE_REQUIRED"),
        (Fault::HeadersTooLarge, 431, "REQUEST_HEADERS_TOO_LARGE"),
        (Fault::Plugin, 500, "PLUGIN_INSTALLATION_FAILED"),
        (Fault::Internal, 500, "INTERNAL_ERROR"),
        (Fault::NotBuilt, 501, "NOT_IMPLEMENTED"),
        (Fault::Unavailable, 503, "SERVICE_UNAVAILABLE"),
    ] {
        let answer = door().provoke(fault).await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (status, &json!(code)), "{fault:?}");
        assert_eq!(answer.body["success"], false);
        assert!(answer.body["error"]["details"].is_object(), "{fault:?}");
        let message = answer.body["error"]["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && !message.contains("panic"), "{fault:?}");
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"), "{fault:?}");
        assert!(answer.body["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{fault:?}");
        assert_eq!(answer.header("content-type"), "application/json", "{fault:?}");
    }
}

#[tokio::test]
async fn too_many_requests_say_when_to_come_back() {
    let door = Door::new(&VOICE, operations(), &["--rate-limits", "nexus=2/3600"]);
    for left in ["1", "0"] {
        let answer = door.get("/v1/plugins", &[]).await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (401, left));
    }
    let refused = door.get("/api/v1/plugins", &[]).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (429, &json!("RATE_LIMIT_EXCEEDED")));
    let seconds = refused.body["error"]["retry_after"].as_u64().unwrap();
    assert_eq!(refused.header("retry-after"), seconds.to_string());
    assert_eq!((refused.header("x-ratelimit-limit"), refused.header("x-ratelimit-window")), ("2", "3600"));
    assert!(refused.header("x-ratelimit-reset").parse::<i64>().unwrap() > 1_700_000_000);
    let known = door.say(Method::GET, "/v1/plugins", ADMIN, &Value::Null).await;
    assert_eq!((known.status, known.header("x-ratelimit-limit")), (200, "1000"), "another bucket");
}

#[tokio::test]
async fn guessing_passwords_ends_soon() {
    let door = Door::new(&VOICE, operations(), &[]);
    let guess = json!({"username": "ada", "password": "no"});
    for _ in 0..10 {
        let answer = door.say(Method::POST, "/api/v1/auth/login", "", &guess).await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (401, &json!("INVALID_CREDENTIALS")));
    }
    assert_eq!(door.say(Method::POST, "/api/v1/auth/login", "", &guess).await.status, 429);
}

#[tokio::test]
async fn a_login_gives_tokens_and_says_whose_they_are() {
    let door = door();
    let session = logged_in(&door, Role::Admin).await;
    let tokens = &session["tokens"];
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(session["user"]["username"], "ada");
    assert_eq!(session["user"]["role"], "admin");
    assert_eq!(session["user"]["permissions"], json!(["read:plugins", "write:plugins", "admin:system"]));
    let access = tokens["access_token"].as_str().unwrap();
    let list = door.say(Method::GET, "/api/v1/plugins", access, &Value::Null).await;
    assert_eq!(list.status, 200, "{list:?}");
    assert_eq!(door.say(Method::GET, "/api/v1/plugins", "", &Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_session_ends_at_logout() {
    let door = door();
    let session = logged_in(&door, Role::User).await;
    let refresh = json!({"refresh_token": session["tokens"]["refresh_token"]});
    let renewed = door.say(Method::POST, "/api/v1/auth/refresh", "", &refresh).await;
    assert_eq!(renewed.status, 200, "{renewed:?}");
    let again = door.say(Method::POST, "/api/v1/auth/refresh", "", &refresh).await;
    assert_eq!((again.status, &again.body["error"]["code"]), (401, &json!("AUTHENTICATION_FAILED")));
    let access = renewed.body["data"]["tokens"]["access_token"].as_str().unwrap();
    let logout = door.say(Method::POST, "/api/v1/auth/logout", access, &Value::Null).await;
    assert_eq!((logout.status, &logout.body["data"]), (200, &json!({})));
    let refresh = json!({"refresh_token": renewed.body["data"]["tokens"]["refresh_token"]});
    assert_eq!(door.say(Method::POST, "/api/v1/auth/refresh", "", &refresh).await.status, 401);
    for token in [access, ""] {
        let ended = door.say(Method::POST, "/api/v1/auth/logout", token, &Value::Null).await;
        assert_eq!(ended.status, 401, "at once");
    }
}

#[tokio::test]
async fn the_list_is_empty_and_its_query_is_read() {
    let door = door();
    for base in ["/api/v1/plugins", "/v1/plugins"] {
        let list =
            door.say(Method::GET, &format!("{base}?status=active&search=x"), ADMIN, &Value::Null).await;
        let summary =
            json!({"total": 0, "active": 0, "inactive": 0, "error": 0, "loading": 0, "disabled": 0});
        assert_eq!(list.body["data"], json!({"plugins": [], "summary": summary}));
        assert_eq!(list.body["request_id"], list.header("x-request-id"));
        for query in ["status=gone", "include_disabled=maybe", &format!("search={}", "x".repeat(257))] {
            let refused = door.say(Method::GET, &format!("{base}?{query}"), ADMIN, &Value::Null).await;
            assert_eq!(refused.status, 400, "{query}");
            assert_eq!(refused.body["error"]["details"]["issues"].as_array().map(Vec::len), Some(1));
        }
    }
}

#[tokio::test]
async fn what_is_not_installed_is_not_found() {
    let door = door();
    let of_one = [
        (Method::GET, ["", "/config", "/health", "/metrics", "/logs", "/permissions", "/backups"].as_slice()),
        (Method::PUT, ["", "/config", "/permissions"].as_slice()),
        (Method::POST, ["/enable", "/disable", "/restart", "/rollback", "/message"].as_slice()),
        (Method::DELETE, [""].as_slice()),
    ];
    for id in ["some", "%2e%2e", "a%2fb", "%ff", "a%2fb%2fc"] {
        for (method, tails) in &of_one {
            for tail in *tails {
                let path = format!("/v1/plugins/{id}{tail}");
                let answer = door.say(method.clone(), &path, ADMIN, &json!({})).await;
                let code = &answer.body["error"]["code"];
                assert_eq!((answer.status, code), (404, &json!("PLUGIN_NOT_FOUND")), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn a_user_reads_and_sends_messages_and_changes_nothing() {
    let door = door();
    let (_, user) = door.key(Role::User).await;
    for (method, path, status) in [
        (Method::GET, "/v1/plugins", 200),
        (Method::GET, "/v1/plugins/some/logs", 404),
        (Method::POST, "/v1/plugins/some/message", 404),
        (Method::POST, "/v1/plugins/broadcast", 400),
        (Method::GET, "/v1/plugins/some/config?include_secrets=false", 404),
        (Method::GET, "/v1/plugins/some/config?include_secrets=true", 403),
        (Method::POST, "/v1/plugins/install", 403),
        (Method::PUT, "/v1/plugins/some", 403),
        (Method::DELETE, "/v1/plugins/some", 403),
        (Method::PUT, "/v1/plugins/some/permissions", 403),
    ] {
        let answer = door.say(method.clone(), path, &user, &Value::Null).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn both_forms_of_a_key_are_taken_and_those_of_others_are_not() {
    let door = door();
    let (_, here) = door.key(Role::User).await;
    let (_, elsewhere) = door.key_of("somebody", &[Dialect::Langbot], Role::Admin).await;
    for (name, value, status) in [
        ("x-api-key", here.clone(), 200),
        ("authorization", format!("Bearer {here}"), 200),
        ("authorization", here.clone(), 401),
        ("authorization", format!("Basic {here}"), 401),
        ("x-api-key", elsewhere, 401),
        ("x-api-key", String::new(), 401),
    ] {
        let answer = door.get("/v1/plugins", &[(name, &value)]).await;
        assert_eq!(answer.status, status, "{name}");
    }
    let wins = [("x-api-key", "wrong"), ("authorization", &*format!("Bearer {here}"))];
    assert_eq!(door.get("/v1/plugins", &wins).await.status, 401);
}

#[tokio::test]
async fn a_login_that_is_no_object_is_told_what_is_missing() {
    let body = Request::post("/api/v1/auth/login").body(Body::from("{}")).unwrap();
    let answer = door().send(body).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.body["error"]["message"], "username: Field required; password: Field required");
}

#[tokio::test]
async fn what_could_be_installed_is_searched_for_by_whoever_shows_a_credential() {
    let door = door();
    for base in ["/api/v1/plugins", "/v1/plugins"] {
        let search = format!("{base}/search?query=analytics");
        assert_eq!(door.say(Method::GET, &search, "", &Value::Null).await.status, 401);
        let found = door.say(Method::GET, &search, ADMIN, &Value::Null).await;
        let pagination = json!({"page": 1, "per_page": 20, "total": 0, "has_next": false});
        assert_eq!(found.body["data"], json!({"plugins": [], "pagination": pagination}), "{found:?}");
        let refused = door.say(Method::GET, &format!("{base}/search?sort=up"), ADMIN, &Value::Null).await;
        assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!("VALIDATION_ERROR")));
    }
}
