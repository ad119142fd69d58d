use axum::http::Method;
use domain::values::{Dialect, Role};
use serde_json::{Value, json};

use crate::{
    fakes::ADMIN,
    fakes::door::{Door, Heard},
};

const OFF: [&str; 2] = ["--rate-limits", "off"];

async fn get(door: &Door, query: &str, token: &str) -> Heard {
    door.say(Method::GET, &format!("/api/v1/plugins{query}"), token, &Value::Null).await
}

/// Whose envelope it is.
fn dialect(answer: &Heard) -> &'static str {
    match (answer.body.get("success").is_some(), answer.body.get("code").is_some()) {
        (true, true) => "both",
        (true, false) => "nexus",
        (false, true) => "langbot",
        (false, false) => "neither",
    }
}

#[tokio::test]
async fn the_credential_decides_then_the_query_then_the_setting() {
    for (setting, by_default) in [(None, "langbot"), (Some("langbot"), "langbot"), (Some("nexus"), "nexus")] {
        let flags: Vec<&str> = OFF
            .into_iter()
            .chain(setting.into_iter().flat_map(|it| ["--default-plugins-dialect", it]))
            .collect();
        let door = Door::of_everything(&flags);
        let (_, nexus) = door.key_of("n", &[Dialect::Nexus, Dialect::Backstage], Role::User).await;
        let (_, langbot) = door.key_of("l", &[Dialect::Langbot], Role::User).await;
        let (_, both) = door.key_of("b", &[Dialect::Langbot, Dialect::Nexus], Role::User).await;
        for (token, query, whose) in [
            (&*nexus, "", "nexus"),
            (&*nexus, "?other=1", "nexus"),
            (&*langbot, "", "langbot"),
            (&*langbot, "?status=active", "langbot"),
            (&*both, "", by_default),
            (&*both, "?other=1", by_default),
            (&*both, "?status=active", "nexus"),
            (&*both, "?category=", "nexus"),
            (&*both, "?search=x", "nexus"),
            (&*both, "?include_disabled=true", "nexus"),
            (ADMIN, "", by_default),
            (ADMIN, "?%73tatus=active", "nexus"),
        ] {
            let answer = get(&door, query, token).await;
            assert_eq!((answer.status, dialect(&answer)), (200, whose), "{setting:?} {query}");
        }
    }
}

#[tokio::test]
async fn without_a_valid_credential_the_refusal_has_the_members_of_both() {
    let door = Door::of_everything(&OFF);
    let (_, elsewhere) = door.key_of("e", &[Dialect::Inkdrop], Role::Admin).await;
    for (token, query) in [("", ""), ("", "?status=active"), ("wrong", ""), (&*elsewhere, "")] {
        let answer = get(&door, query, token).await;
        assert_eq!((answer.status, dialect(&answer)), (401, "both"), "{query}");
        let body = &answer.body;
        assert_eq!((&body["success"], &body["code"]), (&json!(false), &json!(-1)));
        assert_eq!(body["error"]["code"], "AUTHENTICATION_FAILED");
        assert_eq!(body["error"]["message"], body["msg"]);
        assert_eq!(body["request_id"], answer.header("x-request-id"));
        assert!(body["timestamp"].is_string());
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

#[tokio::test]
async fn wrong_credentials_are_counted_where_nobody_knows_the_dialect() {
    let door = Door::of_everything(&["--rate-limits", "nexus=2/3600"]);
    assert_eq!(get(&door, "", "").await.header("x-ratelimit-remaining"), "1");
    assert_eq!(get(&door, "", "wrong").await.header("x-ratelimit-remaining"), "0");
    assert_eq!(get(&door, "", "wrong").await.status, 429);
    let (_, langbot) = door.key_of("l", &[Dialect::Langbot], Role::User).await;
    let known = get(&door, "", &langbot).await;
    assert_eq!((known.status, known.header("x-ratelimit-limit")), (200, ""), "it has no limit");
}

#[tokio::test]
async fn an_address_that_guesses_has_to_wait_before_anybody_is_asked() {
    let door = Door::of_everything(&["--rate-limits", "credentials=1/3600"]);
    let (_, langbot) = door.key_of("l", &[Dialect::Langbot], Role::User).await;
    assert_eq!(get(&door, "", "wrong").await.status, 401);
    for token in ["wrong", &*langbot] {
        let waiting = get(&door, "", token).await;
        assert_eq!((waiting.status, waiting.header("retry-after")), (429, "3600"), "{token}");
        assert_eq!(dialect(&waiting), "nexus", "nobody has looked whose it is");
    }
    assert_eq!(get(&door, "", ADMIN).await.status, 200, "for this one nobody has to be asked");
}

#[tokio::test]
async fn no_credential_is_looked_at_of_a_request_that_is_too_large() {
    let door = Door::of_everything(&OFF);
    let (_, nexus) = door.key_of("n", &[Dialect::Nexus], Role::User).await;
    let answer = get(&door, &format!("?{}", "a".repeat(9_000)), &nexus).await;
    assert_eq!((answer.status, dialect(&answer)), (414, "langbot"));
}

#[tokio::test]
async fn a_page_may_ask_here_as_below_the_mount() {
    let page = ("origin", "https://page.example");
    let asked = [page, ("access-control-request-method", "GET")];
    let allowed = "access-control-allow-origin";
    let door = Door::of_everything(&OFF);
    for path in ["/api/v1/plugins", "/langbot/api/v1/plugins"] {
        let preflight = door.ask(Method::OPTIONS, path, &asked, "").await;
        assert_eq!((preflight.status, preflight.header(allowed)), (200, "*"), "{path}");
        let unproven = door.get(path, &[page]).await;
        assert_eq!((unproven.status, unproven.header(allowed)), (401, "*"), "{path}");
    }
    let (_, nexus) = door.key_of("n", &[Dialect::Nexus], Role::User).await;
    let authorization = format!("Bearer {nexus}");
    let other = door.get("/api/v1/plugins", &[page, ("authorization", &authorization)]).await;
    assert_eq!((other.status, other.header(allowed)), (200, ""), "this dialect has named no page");
    let door = Door::of_everything(&["--rate-limits", "off", "--default-plugins-dialect", "nexus"]);
    let preflight = door.ask(Method::OPTIONS, "/api/v1/plugins", &asked, "").await;
    assert_eq!((preflight.status, preflight.header(allowed)), (405, ""));
    assert_eq!(door.get("/api/v1/plugins", &[page]).await.header(allowed), "");
}

#[tokio::test]
async fn only_this_one_path_is_shared() {
    let door = Door::of_everything(&OFF);
    let (_, both) = door.key_of("b", &[Dialect::Langbot, Dialect::Nexus], Role::User).await;
    for (path, whose) in [
        ("/langbot/api/v1/plugins?status=active", "langbot"),
        ("/nexus/api/v1/plugins", "nexus"),
        ("/nexus/v1/plugins", "nexus"),
        ("/v1/plugins", "nexus"),
    ] {
        let answer = door.say(Method::GET, path, &both, &Value::Null).await;
        assert_eq!((answer.status, dialect(&answer)), (200, whose), "{path}");
        assert_eq!(dialect(&door.say(Method::GET, path, "", &Value::Null).await), whose, "{path}");
    }
    let wrong = door.say(Method::DELETE, "/api/v1/plugins", &both, &Value::Null).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET,HEAD"));
    let head = door.say(Method::HEAD, "/api/v1/plugins", &both, &Value::Null).await;
    assert_eq!((head.status, head.body), (200, Value::Null));
}
