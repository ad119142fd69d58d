use axum::{
    body::Body,
    http::{HeaderMap, Method},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::values::Role;
use serde_json::json;

use super::{VOICE, operations};
use crate::{fakes::ADMIN, fakes::door::Door, refusal::Fault};

fn door() -> Door {
    Door::new(&VOICE, operations(), &["--rate-limits", "off"])
}

#[tokio::test(start_paused = true)]
async fn every_fault_has_its_status_in_the_one_shape() {
    for (fault, status) in [
        (Fault::Malformed, 400),
        (Fault::Meaningless, 400),
        (Fault::NoCredential, 401),
        (Fault::BadCredential, 401),
        (Fault::Forbidden, 403),
        (Fault::NotFound, 404),
        (Fault::UnknownPath, 404),
        (Fault::WrongMethod, 501),
        (Fault::Late, 408),
        (Fault::Conflict, 409),
        (Fault::Gone, 410),
        (Fault::TooLarge, 413),
        (Fault::UrlTooLong, 414),
        (Fault::MediaType, 415),
        (Fault::KeyReused, 422),
        (Fault::UpgradeRequired, 426),
        (Fault::HeadersTooLarge, 431),
        (Fault::Internal, 500),
        (Fault::NotBuilt, 501),
        (Fault::Unavailable, 503),
    ] {
        let answer = door().provoke(fault).await;
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty() && !message.contains("panic"), "{fault:?}: {answer:?}");
        assert_eq!((answer.status, &answer.body), (status, &json!({"status": status, "message": message})));
        assert_eq!(answer.header("content-type"), "application/json", "{fault:?}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{fault:?}");
    }
}

#[tokio::test]
async fn a_failure_of_ours_names_the_request_and_a_wrong_method_the_right_ones() {
    let failed = door().provoke(Fault::Internal).await;
    let message = format!("Internal server error (request {})", failed.header("x-request-id"));
    assert_eq!(failed.body["message"], message);
    let wrong = door().ask(Method::PUT, "/v2/packages/some", &[], Body::empty()).await;
    assert_eq!((wrong.status, wrong.header("allow")), (501, "DELETE"));
}

#[tokio::test]
async fn a_pair_and_a_bearer_are_the_same_key_and_the_constant_of_ipm_is_none() {
    let door = door();
    let (id, secret) = door.key(Role::Publisher).await;
    let basic = |pair: String| format!("Basic {}", BASE64_STANDARD.encode(pair));
    let publish = async |credential: &str| {
        let headers = [("authorization", credential), ("x-api-key", "1")];
        door.ask(Method::POST, "/v2/packages", &headers, Body::empty()).await
    };
    for good in [basic(format!("{id}:{secret}")), format!("Bearer {secret}"), format!("Bearer {ADMIN}")] {
        assert_eq!(publish(&good).await.status, 400, "what is missing is said after who may");
    }
    let (_, low) = door.key(Role::User).await;
    assert_eq!(publish(&format!("Bearer {low}")).await.status, 403);
    for bad in [basic(format!("other:{secret}")), basic(secret.clone()), "Basic %".to_owned(), secret] {
        let refused = publish(&bad).await;
        assert_eq!(refused.status, 401, "{bad}");
        let challenges: Vec<_> = refused.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(challenges, ["Basic realm=\"plugyard\", charset=\"UTF-8\"", "Bearer"]);
    }
    let constant = door.ask(Method::POST, "/v2/packages", &[("x-api-key", "1")], Body::empty()).await;
    assert_eq!(constant.status, 401, "no credential was sent");
    let headers = [("host", "example.org"), ("x-api-key", "1")];
    let read = door.get("/v1/packages/no%20name", &headers).await;
    assert_eq!(read.status, 404, "reading needs none");
}

#[tokio::test]
async fn requests_are_counted_by_address_and_the_reset_is_in_unix_seconds() {
    let door = Door::new(&VOICE, operations(), &["--rate-limits", "inkdrop=3/60"]);
    let told = |headers: &HeaderMap, name: &str| headers[name].to_str().unwrap().parse::<i64>().unwrap();
    for (path, left) in [("/v1/packages", 2), ("/nothing", 1), ("/v1/packages/search", 0)] {
        let headers = door.get(path, &[]).await.headers;
        assert_eq!((told(&headers, "x-ratelimit-limit"), told(&headers, "x-ratelimit-remaining")), (3, left));
    }
    let refused = door.get("/v1/packages", &[]).await;
    let message = "Rate limit exceeded. Please try again later.";
    assert_eq!((refused.status, &refused.body), (429, &json!({"status": 429, "message": message})));
    assert_eq!(told(&refused.headers, "retry-after"), 20);
    assert!(told(&refused.headers, "x-ratelimit-reset") > 1_700_000_000);
}
