use axum::{
    body::Body,
    http::{HeaderMap, Method},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use domain::{
    plugin::PackageFormat,
    values::{Dialect, Role},
};
use serde_json::json;

use super::{VOICE, operations};
use crate::{
    fakes::{
        ADMIN,
        door::{Door, Heard},
        form::{BOUNDARY, form},
        shelf::{packed, prepared},
    },
    refusal::Fault,
};

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
async fn ipm_publishes_reads_and_unpublishes() {
    let desk = Desk::new().await;
    let first = desk.publish("/v2/packages", "notes", "1.0.0").await;
    assert_eq!((first.status, &first.body["releases"]["latest"]), (201, &json!("1.0.0")));
    assert_eq!(first.header("location"), "http://example.org/v1/packages/notes");
    let again = desk.publish("/v2/packages", "notes", "1.0.0").await;
    let told = "notes exists already; publish a new version of it";
    assert_eq!((again.status, &again.body), (409, &json!({"status": 409, "message": told})));
    assert_eq!(desk.publish("/v2/packages/notes/versions", "notes", "1.1.0").await.status, 201);
    assert_eq!(
        desk.publish("/v2/packages/notes/versions", "notes", "1.1.0").await.status,
        200,
        "the same bytes"
    );
    let whole = desk.get("/v1/packages/notes").await.body;
    assert_eq!(whole["versions"].as_object().unwrap().len(), 2);
    let tarball = "http://example.org/v1/packages/notes/versions/1.0.0/tarball";
    assert_eq!(whole["versions"]["1.0.0"]["dist"]["tarball"], tarball);
    let listed = desk.get("/v1/packages/?sort=recency&page=0&theme=").await.body;
    assert_eq!((&listed[0]["name"], listed[0].get("versions")), (&json!("notes"), None));
    assert_eq!(desk.get("/v1/packages/search?q=notes").await.body[0]["versions"], whole["versions"]);
    assert_eq!(desk.get("/v1/packages?page=1").await.body, json!([]));
    for version in ["1.1.0", "1.0.0"] {
        assert_eq!(desk.delete(&format!("/v2/packages/notes/versions/{version}")).await.status, 204);
        assert_eq!(desk.delete(&format!("/v2/packages/notes/versions/{version}")).await.status, 404);
    }
    assert_eq!(desk.get("/v1/packages/notes").await.status, 404);
    assert_eq!(desk.publish("/v2/packages", "notes", "2.0.0").await.status, 201, "it can be begun again");
    assert_eq!(desk.delete("/v2/packages/notes").await.status, 204);
    assert_eq!(desk.delete("/v2/packages/notes").await.status, 404);
}

#[tokio::test]
async fn what_is_wrong_with_a_publication_has_its_status() {
    let desk = Desk::new().await;
    desk.publish("/v2/packages", "notes", "1.0.0").await;
    let other = desk.publish("/v2/packages/other/versions", "notes", "1.1.0").await;
    assert_eq!(other.status, 400, "the name in the path is another one: {:?}", other.body);
    assert_eq!(desk.publish("/v2/packages/none/versions", "none", "1.0.0").await.status, 404);
    assert_eq!(desk.publish("/v2/packages", "search", "1.0.0").await.status, 400, "a reserved name");
    let somebody =
        Desk { token: desk.door.key_of("another", &[Dialect::Inkdrop], Role::Publisher).await.1, ..desk };
    assert_eq!(somebody.publish("/v2/packages/notes/versions", "notes", "1.1.0").await.status, 403);
    assert_eq!(somebody.delete("/v2/packages/notes").await.status, 403);
    assert_eq!(somebody.delete("/v2/packages/notes/versions/1.0.0").await.status, 403);
    for parts in [vec![], vec![("tarball", b"junk".as_slice())], vec![("file", b"x".as_slice())]] {
        let answer = somebody.send("/v2/packages", &parts).await;
        assert_eq!(answer.status, 400, "{parts:?}: {:?}", answer.body);
    }
    let package = packed(&prepared(PackageFormat::Tarball, None, "new", "1.0.0"));
    for (name, value) in [("repository", "nothing"), ("dryrun", "perhaps"), ("repository", "a/b\0")] {
        let parts = [("tarball", &package[..]), (name, value.as_bytes())];
        assert_eq!(somebody.send("/v2/packages", &parts).await.status, 400, "{name}={value}");
    }
    let large = vec![0; 30 * 1024 * 1024 + 1];
    assert_eq!(somebody.send("/v2/packages", &[("tarball", &large)]).await.status, 413);
}

#[tokio::test]
async fn a_dry_run_checks_and_leaves_nothing() {
    let desk = Desk::new().await;
    let package = packed(&prepared(PackageFormat::Tarball, None, "notes", "1.0.0"));
    let parts = [("tarball", &package[..]), ("repository", b"ada/notes"), ("dryrun", b"true")];
    let tried = desk.send("/v2/packages", &parts).await;
    let checked = json!({"name": "notes", "version": "1.0.0", "dryrun": true, "quarantine": null});
    assert_eq!((tried.status, tried.body), (200, checked));
    assert_eq!(desk.get("/v1/packages/notes").await.status, 404);
    let parts = [("tarball", &package[..]), ("repository", b"ada/notes"), ("dryrun", b"false")];
    assert_eq!(desk.send("/v2/packages", &parts).await.body["repository"], "ada/notes");
}

#[tokio::test]
async fn a_tarball_elsewhere_needs_an_address_that_may_be_asked() {
    let desk = Desk::new().await;
    for body in [
        json!({}),
        json!({"repository": "ada/notes"}),
        json!({"tag": "v1"}),
        json!({"url": "https://10.0.0.1/x.tar.gz"}),
        json!({"url": "https://example.org/x.tar.gz", "tag": "v1"}),
        json!({"repository": "ada/notes", "tag": "../v1"}),
        json!({"repository": 7, "tag": "v1"}),
        json!([]),
    ] {
        let authorization = format!("Bearer {}", desk.token);
        let headers = [("host", "example.org"), ("authorization", &authorization)];
        let answer = desk.door.ask(Method::POST, "/v2/packages", &headers, body.to_string()).await;
        assert_eq!((answer.status, &answer.body["status"]), (400, &json!(400)), "{body}");
        assert!(!answer.body.to_string().contains("Host"), "{answer:?}");
    }
}

/// A publisher before the registry.
struct Desk {
    door: Door,
    token: String,
}

impl Desk {
    async fn new() -> Self {
        let door = door();
        let (_, token) = door.key(Role::Publisher).await;
        Self { door, token }
    }

    async fn get(&self, path: &str) -> Heard {
        self.door.get(path, &[("host", "example.org")]).await
    }

    async fn delete(&self, path: &str) -> Heard {
        self.door.say(Method::DELETE, path, &self.token, &json!(null)).await
    }

    async fn publish(&self, path: &str, name: &str, version: &str) -> Heard {
        let package = packed(&prepared(PackageFormat::Tarball, None, name, version));
        self.send(path, &[("tarball", &package)]).await
    }

    async fn send(&self, path: &str, parts: &[(&str, &[u8])]) -> Heard {
        let authorization = format!("Bearer {}", self.token);
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let headers = [("host", "example.org"), ("authorization", &authorization), ("content-type", &kind)];
        self.door.ask(Method::POST, path, &headers, form(parts)).await
    }
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
