use axum::{
    Json,
    http::{HeaderMap, Method, StatusCode, header::CONTENT_DISPOSITION},
};
use domain::values::{Dialect, Role};
use serde_json::{Value, json};

use super::*;
use crate::{
    credential::Accepts,
    fakes::{ADMIN, Gate, Served, voice},
    fields::Fields,
    voice::Said,
};

const KEYS: Accepts = Accepts { bearer: true, api_key: true, basic: false };

async fn fine() -> Said {
    Said::ok(json!({"fine": true}))
}

async fn read(body: axum::body::Body) -> Result<Json<Value>, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    let name = fields.needed_text("name");
    fields.well_formed()?;
    Ok(Json(json!({ "name": name })))
}

async fn broken() -> Said {
    panic!("asked to")
}

async fn slow() -> Said {
    tokio::time::sleep(Duration::from_hours(1)).await;
    Said::ok(Value::Null)
}

async fn bytes() -> (StatusCode, HeaderMap, &'static str) {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, "application/octet-stream".parse().unwrap());
    headers.insert(CONTENT_DISPOSITION, "attachment".parse().unwrap());
    (StatusCode::BAD_GATEWAY, headers, "bytes")
}

fn operations() -> Vec<Operation> {
    vec![
        get("/open", Action::ReadCatalogue, fine),
        get("/host", Action::ReadHost, fine),
        get("/operate", Action::Operate, fine),
        post("/read", Action::ReadCatalogue, read),
        put("/read", Action::ReadCatalogue, read),
        post("/log-in", Action::LogIn, fine),
        delete("/keys", Action::RevokeKey, fine),
        get("/broken", Action::ReadCatalogue, broken),
        get("/slow", Action::ReadCatalogue, slow),
        get("/bytes", Action::ReadCatalogue, bytes).patient(),
    ]
}

fn gate(dialect: Dialect, flags: &[&str]) -> Gate {
    Gate::new(voice(dialect, KEYS), operations(), flags)
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

#[tokio::test]
async fn every_verdict_of_the_policy_has_its_answer() {
    let gate = gate(Dialect::Nexus, &[]);
    let user = bearer(&gate.key(Dialect::Nexus, Role::User, None).await);
    let (user, admin) = ([("authorization", user.as_str())], bearer(ADMIN));
    let admin = [("authorization", admin.as_str())];
    for (path, who, status) in [
        ("/open", &[][..], 200),
        ("/host", &[], 401),
        ("/host", &user, 200),
        ("/operate", &[], 401),
        ("/operate", &user, 403),
        ("/operate", &admin, 200),
    ] {
        let answer = gate.ask(Method::GET, path, who).await;
        assert_eq!(answer.status, status, "{path} {who:?}");
        assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401, "{path} {who:?}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request_and_says_where_the_limit_stands() {
    let gate = gate(Dialect::Backstage, &["--rate-limits", "backstage=50/3600"]);
    let long = format!("/open?{}", "a".repeat(9_000));
    let heads = [("x-padding", "a".repeat(20_000))];
    let heads: Vec<(&str, &str)> = heads.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let gzip = [("content-encoding", "gzip")];
    let text = [("content-type", "text/plain")];
    let large = "a".repeat((1 << 20) + 1);
    let (get, post) = (Method::GET, Method::POST);
    for (method, path, headers, body, status) in [
        (&get, "/open", &[][..], "", 200),
        (&Method::HEAD, "/open", &[], "", 200),
        (&post, "/read", &[], "{\"name\": 7}", 400),
        (&get, "/open?q=%00", &[], "", 400),
        (&get, "/open", &[("authorization", "Bearer nobody")], "", 401),
        (&get, "/host", &[], "", 401),
        (&get, "/nowhere", &[], "", 404),
        (&Method::DELETE, "/open", &[], "", 405),
        (&Method::OPTIONS, "/open", &[], "", 405),
        (&post, "/read", &[], &large, 413),
        (&get, &long, &[], "", 414),
        (&post, "/read", &gzip, "{}", 415),
        (&post, "/read", &text, "{}", 415),
        (&get, "/open", &heads, "", 431),
        (&get, "/broken", &[], "", 500),
        (&get, "/bytes", &[], "", 502),
    ] {
        let mut headers = headers.to_vec();
        headers.push(("x-request-id", "mine"));
        let answer = gate.send(method.clone(), path, &headers, body.to_owned(), "192.0.2.1").await;
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("x-request-id"), "mine", "{method} {path}");
        assert_eq!(answer.header("x-ratelimit-limit"), "50", "{method} {path}");
        assert!(answer.header("x-ratelimit-remaining").parse::<u32>().is_ok(), "{method} {path}");
        assert!(!answer.header("x-ratelimit-reset").is_empty(), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{method} {path}");
        assert_eq!(answer.headers.contains_key("allow"), status == 405, "{method} {path}");
        match status {
            200 => {}
            502 => assert_eq!(answer.body, b"bytes", "what has a type of its own is no plain answer"),
            _ => assert_eq!(answer.json()["id"], "mine", "{method} {path}"),
        }
    }
}

#[tokio::test]
async fn whoever_is_known_is_told_of_his_own_limit() {
    let gate = gate(Dialect::Backstage, &[]);
    let user = bearer(&gate.key(Dialect::Backstage, Role::User, None).await);
    for path in ["/open", "/nowhere", "/operate", "/broken"] {
        let answer = gate.ask(Method::GET, path, &[("authorization", &user)]).await;
        assert_eq!(answer.header("x-ratelimit-limit"), "1000", "{path}");
    }
    let wrong = gate.ask(Method::DELETE, "/open", &[("authorization", &user)]).await;
    assert_eq!((wrong.status, wrong.header("x-ratelimit-limit")), (405, "1000"));
}

#[tokio::test]
async fn every_answer_of_a_dialect_that_counts_all_is_counted() {
    let gate = gate(Dialect::Backstage, &["--rate-limits", "backstage=4/3600"]);
    for (method, path, status, left) in [
        (Method::GET, "/open", 200, "3"),
        (Method::GET, "/nowhere", 404, "2"),
        (Method::DELETE, "/open", 405, "1"),
        (Method::GET, "/log-in", 405, "0"),
        (Method::DELETE, "/open", 429, "0"),
    ] {
        let answer = gate.ask(method.clone(), path, &[]).await;
        assert_eq!(
            (answer.status, answer.header("x-ratelimit-remaining")),
            (status, left),
            "{method} {path}"
        );
        assert!(status != 405 || answer.headers.contains_key("allow"), "{method} {path}");
    }
}

#[tokio::test]
async fn whoever_comes_for_a_new_credential_may_send_the_old_one() {
    let gate = gate(Dialect::Nexus, &["--rate-limits", "credentials=1/3600"]);
    for _ in 0..3 {
        for (name, value) in [("authorization", "Bearer old"), ("authorization", "?"), ("x-api-key", "old")] {
            assert_eq!(
                gate.ask(Method::POST, "/log-in", &[(name, value)]).await.status,
                200,
                "{name}: {value}"
            );
        }
    }
    let old = [("authorization", "Bearer old")];
    assert_eq!(gate.ask(Method::GET, "/open", &old).await.status, 401, "none of those was counted");
    assert_eq!(gate.ask(Method::GET, "/open", &old).await.status, 429);
}

#[tokio::test]
async fn json_comes_as_json_or_without_a_name() {
    let gate = gate(Dialect::Nexus, &[]);
    let body = "{\"name\": \"a\"}";
    for (kind, status) in [
        ("", 200),
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/vnd.x+json", 200),
        ("application/x-www-form-urlencoded", 200),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("json", 415),
    ] {
        for method in [Method::POST, Method::PUT] {
            let answer = gate.send(method, "/read", &[("content-type", kind)], body, "192.0.2.1").await;
            assert_eq!(answer.status, status, "{kind}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_told_so() {
    let answer = gate(Dialect::Nexus, &[]).ask(Method::GET, "/slow", &[]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "2"));
}

#[tokio::test]
async fn what_is_about_secrets_is_kept_nowhere_and_what_is_somebodys_nowhere_else() {
    let gate = gate(Dialect::Nexus, &[]);
    let admin = bearer(ADMIN);
    let kept = async |method, path| {
        let answer = gate.ask(method, path, &[("authorization", &admin)]).await;
        answer.header("cache-control").to_owned()
    };
    assert_eq!(kept(Method::DELETE, "/keys").await, "no-store");
    assert_eq!(kept(Method::GET, "/operate").await, "private");
    assert_eq!(gate.ask(Method::GET, "/open", &[]).await.header("cache-control"), "");
    assert_eq!(gate.ask(Method::DELETE, "/keys", &[]).await.header("cache-control"), "");
}

#[tokio::test]
async fn a_head_is_answered_without_a_body_whoever_answers() {
    let served = Served::with(&[]).await;
    for path in ["/api/v1/tasks", "/api/v1/nothing", "/admin/projections", "/api/v1/tasks/unknown"] {
        let asked = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = served.say(asked.as_bytes()).await;
        assert!(answer.contains("content-length: ") && answer.ends_with("\r\n\r\n"), "{answer}");
    }
}
