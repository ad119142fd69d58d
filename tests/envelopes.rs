//! Every refusal in the exact form, status and code of its dialect, at the mount and at the documented paths.

use plugyard_tests::{Answer, Dialect, Plan, Yard, yard::ADMIN};
use reqwest::Method;
use serde_json::json;

/// What wire.md 2.6 says of a fault, in the order of [`DIALECTS`]: status and code.
type Row = [(u16, &'static str); 5];

const DIALECTS: [Dialect; 5] = Dialect::WITH_CREDENTIALS;

const MALFORMED: Row =
    [(400, "400"), (400, "VALIDATION_ERROR"), (400, "-1"), (400, "-1"), (400, "VALIDATION_ERROR")];
const NO_CREDENTIAL: Row =
    [(401, "401"), (401, "UNAUTHORIZED"), (401, "-1"), (401, "-1"), (401, "AUTHENTICATION_FAILED")];
const BAD_CREDENTIAL: Row = [
    (401, "401"),
    (401, "UNAUTHORIZED"),
    (401, "invalid_authentication"),
    (401, "invalid_authentication"),
    (401, "AUTHENTICATION_FAILED"),
];
const FORBIDDEN: Row = [
    (403, "403"),
    (403, "FORBIDDEN"),
    (403, "permission_denied"),
    (403, "permission_denied"),
    (403, "PLUGIN_PERMISSION_DENIED"),
];
const UNKNOWN_PATH: Row =
    [(404, "404"), (404, "NOT_FOUND"), (404, "404"), (404, "404"), (404, "RESOURCE_NOT_FOUND")];
const WRONG_METHOD: Row =
    [(501, "501"), (405, "METHOD_NOT_ALLOWED"), (405, "405"), (405, "405"), (405, "METHOD_NOT_ALLOWED")];
const TOO_LARGE: [u16; 5] = [413; 5];

fn is(row: Row, dialect: Dialect, answer: &Answer) {
    let place = DIALECTS.iter().position(|other| *other == dialect).expect("a dialect with credentials");
    let refused = dialect.refusal(answer);
    assert_eq!((refused.status, &*refused.code), row[place], "{}: {}", dialect.name(), answer.text());
}

#[tokio::test]
async fn every_fault_has_the_status_and_the_code_of_its_dialect() {
    let yard = Yard::start().await;
    let everywhere = DIALECTS.map(Dialect::name);
    let user = yard.key_for("somebody", &everywhere, "user").await.secret;
    for dialect in DIALECTS {
        let at = |rest: &str| format!("{}{rest}", dialect.mount());
        let keys = at("/identity/keys");
        is(NO_CREDENTIAL, dialect, &yard.get(&keys).await);
        is(BAD_CREDENTIAL, dialect, &yard.get_as(&keys, "nonsense").await);
        is(FORBIDDEN, dialect, &yard.get_as(&at("/identity/accounts"), &user).await);
        is(MALFORMED, dialect, &yard.post_as(&keys, &user, &json!({ "dialects": 7 })).await);
        is(MALFORMED, dialect, &yard.post_as(&keys, &user, &json!([])).await);
        let broken = yard.bearing(Method::POST, &keys, &user).header("content-type", "application/json");
        is(MALFORMED, dialect, &yard.send(broken.body("{\"dialects\":")).await);
        is(MALFORMED, dialect, &yard.get_as(&at("/identity/keys?limit=0"), &user).await);
        is(UNKNOWN_PATH, dialect, &yard.get(&at("/nothing/of/the/kind")).await);
        is(UNKNOWN_PATH, dialect, &yard.get(&at("/")).await);
        let wrong = yard.send(yard.bearing(Method::PATCH, &keys, &user)).await;
        is(WRONG_METHOD, dialect, &wrong);
        let allowed: Vec<&str> = wrong.header("allow").split(',').map(str::trim).collect();
        assert!(allowed.contains(&"GET") && allowed.contains(&"POST"), "{allowed:?}");
        let large = json!({ "dialects": [dialect.name()], "label": "x".repeat(2 << 20) });
        let answer = yard.post_as(&keys, &user, &large).await;
        assert!(TOO_LARGE.contains(&dialect.refusal(&answer).status), "{}", answer.text());
    }
}

#[tokio::test]
async fn dify_refuses_with_a_detail_and_knows_no_credential() {
    let yard = Yard::start().await;
    for (method, path, status) in [
        (Method::GET, "/dify/nothing", 404),
        (Method::GET, "/api/v1/nothing", 404),
        (Method::GET, "/nothing", 404),
        (Method::GET, "/dify/api/v1/tasks/none", 404),
        (Method::PATCH, "/dify/api/v1/tasks", 405),
        (Method::GET, "/dify/api/v1/tasks?limit=x", 422),
        (Method::POST, "/dify/api/v1/tasks", 422),
    ] {
        let answer = yard.send(yard.bearing(method.clone(), path, "nonsense")).await;
        assert_eq!(Dialect::Dify.refusal(&answer).status, status, "{method} {path}");
    }
    assert_eq!(yard.get("/nothing").await.detail(), "Not Found");
}

#[tokio::test]
async fn an_unknown_path_of_the_root_answers_in_the_dialect_that_owns_its_longest_prefix() {
    let yard = Yard::start().await;
    for (path, dialect) in [
        ("/api/marketplace/v1/nothing/here", Dialect::Backstage),
        ("/v1/packages/a/b/c/d/e", Dialect::Inkdrop),
        ("/v2/packages/a/b/c/d/e", Dialect::Inkdrop),
        ("/api/v1/system/nothing", Dialect::Langbot),
        ("/v1/plugins/a/b/c/d", Dialect::Nexus),
        ("/api/v1/tasks/a/b/c", Dialect::Dify),
        ("/api/v1/nothing", Dialect::Dify),
        ("/admin/nothing", Dialect::Yard),
        ("/identity/nothing/here", Dialect::Yard),
    ] {
        assert_eq!(dialect.refusal(&yard.get(path).await).status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_one_path_of_two_dialects_is_decided_by_the_credential_and_merges_nothing_but_its_401() {
    let yard = Yard::start().await;
    let path = "/api/v1/plugins";
    let nexus = yard.key_for("somebody", &["nexus"], "user").await.secret;
    let langbot = yard.key_for("somebody", &["langbot"], "user").await.secret;
    let both = yard.key_for("somebody", &["nexus", "langbot"], "user").await.secret;
    for (secret, query, dialect) in [
        (&nexus, "", Dialect::Nexus),
        (&langbot, "?status=active", Dialect::Langbot),
        (&both, "?status=active", Dialect::Nexus),
        (&both, "", Dialect::Langbot),
    ] {
        let answer = yard.get_as(&format!("{path}{query}"), secret).await.expect(200);
        assert!(dialect.data(&answer)["plugins"].is_array(), "{query}: {}", answer.text());
    }
    for answer in [yard.get(path).await, yard.get_as(path, "nonsense").await] {
        let body = answer.json();
        assert_eq!(
            (answer.status, &body["success"], &body["code"]),
            (401, &json!(false), &json!(-1)),
            "{body}"
        );
        assert!(body["msg"].is_string() && body["error"]["code"] == "AUTHENTICATION_FAILED", "{body}");
        assert_eq!(body["request_id"], answer.header("x-request-id"));
    }
    assert_eq!(Dialect::Nexus.refusal(&yard.get("/v1/plugins").await).status, 401);
}

#[tokio::test]
async fn what_is_documented_and_not_built_says_so_to_whom_it_would_be_allowed() {
    let yard = Yard::start().await;
    let everywhere = DIALECTS.map(Dialect::name);
    let user = yard.key_for("somebody", &everywhere, "user").await.secret;
    for (dialect, method, path) in [
        (Dialect::Langbot, Method::POST, "/langbot/api/v1/plugins/github/releases"),
        (Dialect::Langbot, Method::POST, "/langbot/api/v1/plugins/config-files"),
    ] {
        let anonymous = yard.send(yard.request(method.clone(), path)).await;
        assert_eq!(dialect.refusal(&anonymous).status, 401, "{path}");
        let too_low = yard.send(yard.bearing(method.clone(), path, &user)).await;
        assert_eq!(dialect.refusal(&too_low).status, 403, "{path}");
        let allowed = yard.send(yard.bearing(method, path, ADMIN).json(&json!({}))).await;
        assert_eq!(dialect.refusal(&allowed).status, 501, "{path}");
    }
}

#[tokio::test]
async fn a_head_answers_as_the_get_would_without_a_body() {
    let yard = Yard::start().await;
    for dialect in DIALECTS {
        for rest in ["/identity", "/identity/keys", "/nothing"] {
            let path = format!("{}{rest}", dialect.mount());
            let (get, head) = (yard.get(&path).await, yard.send(yard.request(Method::HEAD, &path)).await);
            assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
            assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_request_keeps_its_own_name_in_header_and_body() {
    let yard = Plan::default().start().await;
    for dialect in [Dialect::Backstage, Dialect::Nexus] {
        let path = format!("{}/nothing", dialect.mount());
        let request = yard.request(Method::GET, &path).header("X-Request-Id", "mine-17 a");
        let answer = yard.send(request).await;
        dialect.refusal(&answer);
        assert_eq!(answer.header("x-request-id"), "mine-17 a");
    }
}
