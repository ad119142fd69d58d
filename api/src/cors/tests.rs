use application::policy::Action;
use axum::http::Method;

use super::*;
use crate::{
    credential::Accepts,
    fakes::{Gate, door::Door, voice},
    operations::get,
};

const PAGE: &str = "https://app.example.org";
const ALLOWED: [&str; 2] = ["--cors-origins", "https://app.example.org, http://localhost:3000"];

fn gate(dialect: Dialect, flags: &[&str]) -> Gate {
    let accepts = Accepts { bearer: true, api_key: true, basic: false };
    let host = get("/host", Action::ReadHost, async || "fine");
    Gate::new(voice(dialect, accepts), vec![host], flags)
}

async fn preflight(gate: &Gate, origin: &str) -> crate::fakes::Reply {
    let asked = [("origin", origin), ("access-control-request-method", "PUT")];
    gate.ask(Method::OPTIONS, "/host", &asked).await
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    let read = |text: &str| text.parse::<Origin>().map(|Origin(text)| text);
    assert_eq!(read("https://app.example.org").unwrap(), "https://app.example.org");
    assert_eq!(read("HTTPS://App.Example.org:443/").unwrap(), "https://app.example.org");
    assert_eq!(read("http://[::1]:3000").unwrap(), "http://[::1]:3000");
    assert!(read("*").unwrap_err().contains("name the origins"));
    for text in [
        "",
        "null",
        "app.example.org",
        "https://",
        "https://a/b",
        "https://a?b",
        "https://u@a",
        "file:///a",
        "a,b",
    ] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn a_page_is_of_the_host_that_served_it() {
    let of = |origin: &str, host: &str| origin.parse::<Origin>().unwrap().is_of(host);
    assert!(of("https://app.example.org", "app.example.org"));
    assert!(of("https://app.example.org", "APP.example.org:443"));
    assert!(of("http://localhost:8000", "localhost:8000"));
    for host in [
        "app.example.org:8443",
        "example.org",
        "evil.app.example.org",
        "",
        "app.example.org/x",
        "u@app.example.org",
    ] {
        assert!(!of("https://app.example.org", host), "{host}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_get_nothing_unless_they_are_named() {
    let closed = gate(Dialect::Nexus, &[]);
    let refused = preflight(&closed, PAGE).await;
    assert_eq!(refused.status, 405);
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
    assert_eq!(refused.header("cross-origin-resource-policy"), "same-origin");

    let named = gate(Dialect::Nexus, &ALLOWED);
    let allowed = preflight(&named, PAGE).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, PAGE));
    assert!(allowed.header("access-control-allow-methods").contains("PUT"));
    assert!(allowed.header("access-control-allow-headers").contains("x-api-key"));
    assert!(allowed.header("vary").contains("origin"));
    assert!(
        !preflight(&named, "https://evil.example").await.headers.contains_key("access-control-allow-origin")
    );
    assert!(!preflight(&named, "null").await.headers.contains_key("access-control-allow-origin"));
    let refusal = named.ask(Method::GET, "/host", &[("origin", PAGE)]).await;
    assert_eq!((refusal.status, refusal.header("access-control-allow-origin")), (401, PAGE));
    assert!(refusal.header("access-control-expose-headers").contains("x-ratelimit-remaining"));
    assert!(!refusal.headers.contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn the_dialects_of_langbot_are_open_to_any_page_without_its_credentials() {
    for dialect in [Dialect::Langbot, Dialect::Space] {
        let gate = gate(dialect, &["--rate-limits", "credentials=1/3600"]);
        for _ in 0..3 {
            let allowed = preflight(&gate, "https://any.example").await;
            assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, "*"));
            for name in ["authorization", "x-api-key", "x-workspace-id", "x-langbot-language", "content-type"]
            {
                assert!(allowed.header("access-control-allow-headers").contains(name), "{name}");
            }
            assert!(!allowed.headers.contains_key("access-control-allow-credentials"));
        }
        let answer = gate.ask(Method::GET, "/host", &[("origin", "https://any.example")]).await;
        assert_eq!(answer.header("cross-origin-resource-policy"), "cross-origin");
    }
}

#[tokio::test]
async fn every_mount_and_the_root_know_whose_pages_may_ask() {
    let service = Door::of_everything(&[]);
    let asked = [("origin", "https://any.example"), ("access-control-request-method", "POST")];
    for (path, status) in [
        ("/langbot/api/v1/system/info", 200),
        ("/langbot/api/v1/nowhere", 200),
        ("/api/v1/system/info", 200),
        ("/space/api/v1/marketplace/plugins", 200),
        ("/nexus/api/v1/plugins", 405),
        ("/dify/api/v1/tasks", 405),
        ("/api/v1/tasks", 405),
        ("/identity", 405),
    ] {
        let answer = service.ask(Method::OPTIONS, path, &asked, "").await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("access-control-allow-origin") == "*", status == 200, "{path}");
    }
}
