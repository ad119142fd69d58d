use axum::http::Method;
use domain::values::{Dialect, Role};
use serde_json::{Value, json};

use crate::{
    backstage, crossroads, dify,
    fakes::ADMIN,
    fakes::door::{Door, Heard},
    inkdrop, langbot, nexus,
    operations::Operation,
    space,
};

const OFF: [&str; 2] = ["--rate-limits", "off"];

/// Paths with something in the place of each parameter.
fn asked(operation: &Operation) -> (Method, String) {
    let filled = operation.path.split('/').map(|part| if part.starts_with('{') { "some" } else { part });
    (operation.method.clone(), filled.collect::<Vec<_>>().join("/"))
}

async fn say(door: &Door, method: &Method, path: &str, token: &str) -> Heard {
    door.say(method.clone(), path, token, &Value::Null).await
}

/// Without what differs between two requests.
fn essence(mut answer: Heard, mount: &str) -> (u16, String) {
    for member in ["timestamp", "request_id", "requestId", "metadata"] {
        if let Some(members) = answer.body.as_object_mut() {
            members.remove(member);
        }
    }
    // Each request is a task of its own.
    if let Some(number) = answer.body.pointer_mut("/data/task_id") {
        *number = "some".into();
    }
    (answer.status, answer.body.to_string().replace(&format!("{mount}/"), "/"))
}

#[tokio::test]
async fn every_documented_path_is_served_at_the_root_and_below_its_mount_alike() {
    let door = Door::of_everything(&OFF);
    let everywhere = Dialect::WITH_CREDENTIALS;
    let (_, user) = door.key_of("ada", &everywhere, Role::User).await;
    let mut asked_for = 0;
    for (mount, operations) in [
        ("/dify", dify::operations()),
        ("/inkdrop", inkdrop::operations()),
        ("/backstage", backstage::operations()),
        ("/langbot", crossroads::beside(langbot::operations())),
        ("/nexus", crossroads::beside(nexus::operations())),
    ] {
        for operation in &operations {
            let (method, path) = asked(operation);
            // Ends the session, or opens something that a plain request cannot.
            if path.ends_with("/logout") || path.starts_with("/ws/") {
                continue;
            }
            for token in ["", &*user, ADMIN] {
                let below = say(&door, &method, &format!("{mount}{path}"), token).await;
                let at_root = say(&door, &method, &path, token).await;
                assert_ne!(below.status, 405, "{method} {mount}{path}");
                assert_eq!(essence(at_root, mount), essence(below, mount), "{method} {path}");
                asked_for += 1;
            }
        }
    }
    assert!(asked_for > 200, "{asked_for}");
}

#[tokio::test]
async fn a_session_of_langbot_reads_the_marketplace_beside_it_and_publishes_nothing() {
    let door = Door::of_everything(&["--rate-limits", "credentials=2/3600"]);
    door.person("ada", Role::Publisher, "correct horse").await;
    let login = json!({"user": "ada", "password": "correct horse"});
    let session = door.say(Method::POST, "/langbot/api/v1/user/auth", "", &login).await;
    let session = session.body["data"]["token"].as_str().unwrap();
    let skill = "/api/v1/marketplace/skills/a/b";
    let publish = "/langbot/api/v1/marketplace/plugins/publish";
    let (_, own) = door.key_of("bob", &[Dialect::Space], Role::Publisher).await;
    for (method, path, token, status) in [
        (Method::GET, &*format!("/langbot{skill}"), session, 404),
        (Method::POST, publish, session, 401),
        (Method::POST, publish, &own, 400),
        (Method::GET, &*format!("/langbot{skill}"), "nonsense", 401),
        (Method::GET, &*format!("/space{skill}"), session, 401),
    ] {
        assert_eq!(say(&door, &method, path, token).await.status, status, "{method} {path} {token}");
    }
}

/// Codes are new in every answer.
fn without_codes(mut heard: Heard) -> Heard {
    for code in ["/data/device_code", "/data/user_code"] {
        if let Some(made) = heard.body.pointer_mut(code) {
            *made = json!("made");
        }
    }
    heard
}

#[tokio::test]
async fn the_marketplace_of_langbot_is_not_at_the_root() {
    let door = Door::of_everything(&OFF);
    for operation in space::operations() {
        let (method, path) = asked(&operation);
        let [alone, inside] = ["/space", "/langbot"].map(|mount| format!("{mount}{path}"));
        let (alone, inside) = (say(&door, &method, &alone, "").await, say(&door, &method, &inside, "").await);
        let [alone, inside] = [alone, inside].map(without_codes);
        assert_eq!(essence(alone, "/space"), essence(inside, "/langbot"), "{method} {path}");
        let at_root = say(&door, &method, &path, "").await;
        assert!(at_root.body.get("code").is_none(), "{method} {path} is dify's: {at_root:?}");
    }
}

#[tokio::test]
async fn no_spelling_gets_past_the_policy() {
    let door = Door::of_everything(&OFF);
    let (_, user) = door.key_of("ada", &[Dialect::Nexus, Dialect::Langbot], Role::User).await;
    let plain = [
        (Method::POST, "/api/v1/plugins/install", 403),
        (Method::DELETE, "/api/v1/plugins/some", 403),
        (Method::PUT, "/v1/plugins/some/permissions", 403),
        (Method::POST, "/api/v1/plugins/install/local", 403),
        (Method::DELETE, "/api/v1/plugins/some/other", 403),
        (Method::GET, "/admin/projections", 403),
        (Method::GET, "/identity/accounts", 403),
    ];
    for (method, path, status) in plain {
        for mount in ["", "/nexus", "/langbot"] {
            let as_it_is = say(&door, &method, &format!("{mount}{path}"), &user).await.status;
            assert!(as_it_is == status || (!mount.is_empty() && as_it_is >= 403), "{method} {mount}{path}");
            let last = path.rfind('/').unwrap_or_default();
            let (head, tail) = path.split_at(last);
            for spelling in [
                format!("{mount}/{path}"),
                format!("{mount}{head}/{tail}"),
                format!("{mount}{path}/"),
                format!("{mount}{head}%2f{}", &tail[1..]),
                format!("{mount}{head}/..;{tail}"),
                format!("{mount}{head}/.{tail}"),
                format!("{mount}{}", path.to_uppercase()),
                format!("{mount}{path}%00"),
                format!("{mount}{path};x=1"),
                format!("{mount}{}", path.replacen('/', "/%2e%2e/", 1)),
            ] {
                let answer = say(&door, &method, &spelling, &user).await;
                assert!(
                    matches!(answer.status, 401 | 403 | 404 | 405 | 501),
                    "{method} {spelling}: {answer:?}"
                );
                assert_ne!(answer.status, 501, "{method} {spelling} got past");
            }
        }
    }
}

#[tokio::test]
async fn a_method_is_what_the_request_line_says() {
    let door = Door::of_everything(&OFF);
    let authorization = format!("Bearer {ADMIN}");
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let headers = [("authorization", &*authorization), (name, "DELETE")];
        let answer = door.ask(Method::GET, "/api/v1/plugins/some/other", &headers, "").await;
        assert_eq!(answer.status, 404, "a DELETE is not built: {name}");
        let answer = door.ask(Method::POST, "/v1/plugins?_method=GET", &headers, "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET,HEAD"), "{name}");
    }
}

#[tokio::test]
async fn an_unknown_path_is_answered_by_whose_prefix_it_has() {
    let door = Door::of_everything(&OFF);
    for (path, member) in [
        ("/nothing", "detail"),
        ("/", "detail"),
        ("/api/v1/nothing", "detail"),
        ("/api/v1/plugins/a/b/c/d/e", "detail"),
        ("/api/marketplace/v1/nothing", "requestId"),
        ("/v1/packages/a/b/c", "message"),
        ("/v2/packages/a/b/c", "message"),
        ("/api/v1/system/nothing", "msg"),
        ("/api/v1/user/nothing", "msg"),
        ("/v1/plugins/a/b/c", "success"),
        ("/api/v1/auth/nothing", "success"),
        ("/api/v1/authors", "detail"),
        ("/admin/nothing", "title"),
        ("/identity/nothing/here", "title"),
        ("/nexus", "success"),
        ("/nexus/nothing", "success"),
        ("/langbot/", "msg"),
        ("/space/nothing", "msg"),
        ("/inkdrop/nothing", "message"),
        ("/backstage/nothing", "requestId"),
    ] {
        let answer = say(&door, &Method::GET, path, "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.get(member).is_some(), "{path}: {answer:?}");
    }
}
