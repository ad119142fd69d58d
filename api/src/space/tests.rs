use application::{
    identity::DEVICE_LASTS,
    ports::packages::{IconFile, Package},
};
use axum::{body::Body, http::Method};
use domain::{
    plugin::PackageFormat,
    values::{Dialect, Role},
};
use serde_json::{Value, json};

use super::{VOICE, operations};
use crate::{
    fakes::{
        door::{Door, Heard},
        form::{BOUNDARY, form},
        shelf::{packed, prepared},
    },
    refusal::{Fault, Refusal},
    voice,
};

const SVG: &[u8] = b"<svg xmlns='http://www.w3.org/2000/svg'/>";

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
    let heard = voice::Heard { request_id: "r".into(), ..voice::Heard::of_nobody() };
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

/// A publisher before the marketplace.
async fn publish(door: &Door, token: &str, version: &str) -> Heard {
    let manifest = json!({
        "kind": "Plugin",
        "metadata": {"author": "ada", "name": "LocalAgent", "version": version},
        "spec": {"components": {"Tool": {"fromDirs": [{"path": "a"}, {"path": "b"}]}, "EventListener": {}}},
    });
    let mut package =
        Package { manifest, ..prepared(PackageFormat::Lbpkg, Some("ada"), "LocalAgent", version) };
    package.description.components = vec!["EventListener".to_owned(), "Tool".to_owned()];
    package.icon = Some(IconFile { media_type: "image/svg+xml".to_owned(), bytes: SVG.into() });
    send(door, token, &[("file", &packed(&package)), ("changelog", b"More of it")]).await
}

async fn send(door: &Door, token: &str, parts: &[(&str, &[u8])]) -> Heard {
    let authorization = format!("Bearer {token}");
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let headers = [("authorization", authorization.as_str()), ("content-type", &kind)];
    door.ask(Method::POST, "/api/v1/marketplace/plugins/publish", &headers, form(parts)).await
}

#[tokio::test]
async fn lbp_publishes_and_the_core_finds_it() {
    let door = door("off");
    let (_, token) = door.key(Role::Publisher).await;
    let published = publish(&door, &token, "0.1.7").await;
    let submission =
        json!({"status": "live", "plugin_id": "ada/LocalAgent", "version": "0.1.7", "reason": ""});
    assert_eq!((published.status, &published.body["data"]["submission"]), (200, &submission));
    assert_eq!(publish(&door, &token, "0.2.0-beta.1").await.status, 200);
    let get =
        async |path: &str| door.get(&format!("/api/v1/marketplace{path}"), &[]).await.body["data"].clone();
    let plugin = get("/plugins/ada/LocalAgent").await["plugin"].clone();
    for (member, value) in [
        ("plugin_id", json!("ada/LocalAgent")),
        ("label", json!({"en_US": "LocalAgent"})),
        ("description", json!({"en_US": ""})),
        ("icon", json!("plugins/ada/LocalAgent/resources/icon")),
        ("like_count", json!(0)),
        ("repository", json!("")),
        ("tags", json!([])),
        ("deleted_at", json!(null)),
        ("latest_version", json!("0.1.7")),
        ("components", json!({"Tool": 2, "EventListener": 1})),
        ("status", json!("live")),
        ("type", json!("plugin")),
    ] {
        assert_eq!(plugin[member], value, "{member}");
    }
    let versions = get("/plugins/ADA/localagent/versions").await["versions"].clone();
    assert_eq!((&versions[0]["version"], &versions[1]["version"]), (&json!("0.1.7"), &json!("0.2.0-beta.1")));
    assert_eq!(versions[0]["changelog"], "More of it");
    assert_eq!(get("/plugins?page=1&page_size=5").await, json!({"plugins": [plugin], "total": 1}));
    assert_eq!(get("/plugins/ada/LocalAgent/resources/README").await, json!({"readme": ""}));
    assert_eq!(get("/recommendation-lists").await, json!({"lists": []}));
    assert_eq!(get("/tags").await, json!({"tags": []}));
    let search = async |path: &str, body: Value| {
        let found = door.say(Method::POST, &format!("/api/v1/marketplace{path}"), "", &body).await;
        found.body["data"].clone()
    };
    let wish = json!({
        "query": "local", "page": 1, "page_size": 20, "sort_by": "hot_score", "sort_order": "DESC",
        "tags_filter": [], "type_filter": "",
    });
    assert_eq!(search("/plugins/search", wish.clone()).await["plugins"][0]["name"], "LocalAgent");
    assert_eq!(search("/extensions/search", wish).await["extensions"][0]["name"], "LocalAgent");
    let servers = json!({"type_filter": "mcp"});
    assert_eq!(search("/extensions/search", servers).await, json!({"extensions": [], "total": 0}));
    let tools = json!({"component_filter": "Tool"});
    assert_eq!(search("/plugins/search", tools).await["total"], 1);
    let pages = json!({"component_filter": "Page"});
    assert_eq!(search("/plugins/search", pages).await, json!({"plugins": [], "total": 0}));
}

#[tokio::test]
async fn what_lbp_cannot_publish_is_told_in_msg() {
    let door = door("off");
    let (_, token) = door.key(Role::Publisher).await;
    publish(&door, &token, "0.1.7").await;
    let (_, other) = door.key_of("another", &[Dialect::Space], Role::Publisher).await;
    assert_eq!(publish(&door, &other, "0.1.8").await.status, 403, "it belongs to somebody else");
    let tarball = packed(&prepared(PackageFormat::Tarball, None, "notes", "1.0.0"));
    for (parts, status) in [
        (vec![("file", b"junk".as_slice())], 400),
        (vec![("file", &tarball[..])], 400),
        (vec![("package", b"junk".as_slice())], 400),
        (vec![("file", b"1".as_slice()), ("file", b"2".as_slice())], 400),
    ] {
        let refused = send(&door, &token, &parts).await;
        assert_eq!(refused.status, status, "{refused:?}");
        assert!(refused.body["msg"].as_str().is_some_and(|msg| !msg.is_empty()), "{refused:?}");
    }
    for body in
        [json!({"page": 0}), json!({"page_size": 101}), json!({"sort_by": "stars"}), json!({"tags": [1]})]
    {
        let refused = door.say(Method::POST, "/api/v1/marketplace/plugins/search", "", &body).await;
        assert_eq!((refused.status, &refused.body["code"]), (400, &json!(-1)), "{body}");
    }
}

#[tokio::test]
async fn an_account_likes_a_plugin_once_and_a_fingerprint_is_nobody() {
    let door = door("off");
    let (_, token) = door.key(Role::Publisher).await;
    publish(&door, &token, "0.1.7").await;
    let (_, bob) = door.key_of("bob", &[Dialect::Space], Role::User).await;
    let like = async |path: &str, token: &str, body: Value| {
        door.say(Method::PUT, &format!("/api/v1/marketplace/extensions/{path}/like"), token, &body).await
    };
    let yes = || json!({"fingerprint": "x", "liked": true});
    for _ in 0..2 {
        let told = like("plugin/ADA/localagent", &bob, yes()).await;
        let whole =
            json!({"type": "plugin", "extension_id": "ada/LocalAgent", "liked": true, "like_count": 1});
        assert_eq!((told.status, &told.body["data"]), (200, &whole));
    }
    assert_eq!(like("plugin/ada/LocalAgent", &token, yes()).await.body["data"]["like_count"], 2);
    let shown = door.get("/api/v1/marketplace/plugins/ada/LocalAgent", &[]).await;
    assert_eq!(shown.body["data"]["plugin"]["like_count"], 2);
    let status = async |token: &str| {
        let path = "/api/v1/marketplace/extensions/likes/status";
        door.say(Method::POST, path, token, &json!({"fingerprint": "x"})).await.body["data"]["extensions"]
            .clone()
    };
    assert_eq!(status(&bob).await, json!([{"type": "plugin", "extension_id": "ada/LocalAgent"}]));
    assert_eq!(status("").await, json!([]));
    assert_eq!(
        like("plugin/ada/LocalAgent", &bob, json!({"liked": false})).await.body["data"]["like_count"],
        1
    );
    assert_eq!(status(&bob).await, json!([]));
    for (path, token, body, expected) in [
        ("plugin/ada/LocalAgent", "", yes(), 401),
        ("plugin/ada/Nobody", &bob, yes(), 404),
        ("mcp/ada/LocalAgent", &bob, yes(), 404),
        ("plugin/ada/LocalAgent", &bob, json!({}), 400),
        ("plugin/ada/LocalAgent", &bob, json!({"liked": "perhaps"}), 400),
    ] {
        assert_eq!(like(path, token, body).await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn a_machine_without_a_browser_gets_what_somebody_approves() {
    let door = door("off");
    let (_, ada) = door.key_of("ada", &[Dialect::Space], Role::Publisher).await;
    let post = async |what: &str, token: &str, body: Value| {
        door.say(Method::POST, &format!("/api/v1/accounts/token/{what}"), token, &body).await
    };
    let begun = post("generate", "", Value::Null).await;
    let codes = &begun.body["data"];
    assert_eq!(
        (begun.status, &codes["verification_uri"], &codes["expires_in"]),
        (200, &json!("/device"), &json!(900))
    );
    assert_eq!(begun.header("cache-control"), "no-store");
    let both = json!({"device_code": codes["device_code"], "user_code": codes["user_code"]});
    let waiting = post("get", "", both.clone()).await;
    assert_eq!((waiting.status, &waiting.body["code"]), (200, &json!(425)), "{waiting:?}");
    let code = json!({"user_code": codes["user_code"]});
    assert_eq!(post("approve", "", code.clone()).await.status, 401);
    assert_eq!(post("approve", &ada, json!({"user_code": "BBBB-BBBB"})).await.status, 404);
    assert_eq!(post("approve", &ada, code.clone()).await.status, 200);
    assert_eq!(post("approve", &ada, code).await.status, 409);
    let session = post("get", "", both.clone()).await;
    assert_eq!((session.status, &session.body["code"]), (200, &json!(0)), "{session:?}");
    assert_eq!(session.body["data"]["token_type"], "Bearer");
    assert_eq!(post("get", "", both).await.status, 401, "once");
    let text = |name: &str| session.body["data"][name].as_str().unwrap().to_owned();
    assert_eq!(publish(&door, &text("access_token"), "0.1.7").await.status, 200);
    let renewed = post("refresh", "", json!({"refresh_token": text("refresh_token")})).await;
    let access = renewed.body["data"]["access_token"].as_str().unwrap();
    assert_eq!(publish(&door, access, "0.1.8").await.status, 200);
    let again = post("refresh", "", json!({"refresh_token": text("refresh_token")})).await;
    assert_eq!(again.status, 200, "lbp keeps the first one");
    assert_eq!(post("refresh", "", json!({"refresh_token": text("access_token")})).await.status, 401);
    for body in [json!({}), json!({"device_code": 1, "user_code": "x"})] {
        assert_eq!(post("get", "", body).await.status, 400);
    }
    door.passes(DEVICE_LASTS);
    assert_eq!(post("refresh", "", json!({"refresh_token": text("refresh_token")})).await.status, 401);
}

#[tokio::test]
async fn codes_are_not_made_without_end_and_devices_may_ask_often() {
    let door = door("login=2/60,identity=20/60");
    let post = async |what: &str| {
        let body = json!({"device_code": "x", "user_code": "y"});
        door.say(Method::POST, &format!("/api/v1/accounts/token/{what}"), "", &body).await.status
    };
    assert_eq!((post("generate").await, post("generate").await, post("generate").await), (200, 200, 429));
    for _ in 0..20 {
        assert_eq!(post("get").await, 401);
    }
    assert_eq!(post("get").await, 429);
}
