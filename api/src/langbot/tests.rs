mod installing;

use axum::http::Method;
use domain::values::Role;
use serde_json::{Value, json};

use super::{VOICE, operations};
use crate::{
    fakes::ADMIN,
    fakes::door::{Door, Heard},
    refusal::Fault,
};

const PASSWORD: &str = "correct horse";

fn door() -> Door {
    Door::new(&VOICE, operations(), &["--rate-limits", "off"])
}

async fn get(door: &Door, path: &str, token: &str) -> Heard {
    door.say(Method::GET, path, token, &Value::Null).await
}

async fn session(door: &Door, role: Role) -> String {
    door.person("ada", role, PASSWORD).await;
    let login = json!({"user": "ada", "password": PASSWORD});
    let answer = door.say(Method::POST, "/api/v1/user/auth", "", &login).await;
    assert_eq!((answer.status, &answer.body["code"]), (200, &json!(0)), "{answer:?}");
    answer.body["data"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test(start_paused = true)]
async fn every_fault_has_its_status_and_code_in_the_one_shape() {
    for (fault, status, code) in [
        (Fault::Malformed, 400, json!(-1)),
        (Fault::Meaningless, 400, json!(-1)),
        (Fault::NoCredential, 401, json!(-1)),
        (Fault::BadCredential, 401, json!("invalid_authentication")),
        (Fault::Forbidden, 403, json!("permission_denied")),
        (Fault::NotFound, 404, json!(-1)),
        (Fault::UnknownPath, 404, json!(404)),
        (Fault::WrongMethod, 405, json!(405)),
        (Fault::Late, 408, json!(408)),
        (Fault::Conflict, 409, json!(409)),
        (Fault::Gone, 410, json!(410)),
        (Fault::TooLarge, 413, json!(413)),
        (Fault::UrlTooLong, 414, json!(414)),
        (Fault::MediaType, 415, json!(415)),
        (Fault::KeyReused, 422, json!(422)),
        (Fault::UpgradeRequired, 426, json!(426)),
        (Fault::HeadersTooLarge, 431, json!(431)),
        (Fault::Internal, 500, json!("internal_error")),
        (Fault::NotBuilt, 501, json!(501)),
        (Fault::Unavailable, 503, json!(503)),
    ] {
        let answer = door().provoke(fault).await;
        let msg = answer.body["msg"].as_str().unwrap_or_default();
        assert!(!msg.is_empty() && !msg.contains("panic"), "{fault:?}: {answer:?}");
        let mut shape = json!({"code": code, "msg": msg});
        if fault == Fault::Internal {
            shape["request_id"] = answer.header("x-request-id").into();
        }
        assert_eq!((answer.status, &answer.body), (status, &shape), "{fault:?}");
        assert_eq!(answer.header("content-type"), "application/json", "{fault:?}");
        assert_eq!(answer.header("x-request-id").len(), 36, "{fault:?}");
    }
}

#[tokio::test]
async fn guessing_passwords_ends_soon_and_a_wrong_one_is_an_answer() {
    let door = Door::new(&VOICE, operations(), &[]);
    let guess = json!({"user": "ada", "password": "no"});
    for _ in 0..10 {
        let answer = door.say(Method::POST, "/api/v1/user/auth", "", &guess).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.body, json!({"code": 1, "msg": "Wrong user name or password"}));
    }
    let refused = door.say(Method::POST, "/api/v1/user/auth", "", &guess).await;
    assert_eq!((refused.status, &refused.body["code"]), (429, &json!("task_capacity_exceeded")));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn a_session_is_renewed_by_asking_whether_it_is_good() {
    let door = door();
    let token = session(&door, Role::User).await;
    let checked = get(&door, "/api/v1/user/check-token", &token).await;
    let renewed = checked.body["data"]["token"].as_str().unwrap();
    assert_eq!(get(&door, "/api/v1/plugins", renewed).await.status, 200);
    assert_eq!(get(&door, "/api/v1/user/check-token", "").await.status, 401);
    let (_, key) = door.key(Role::Admin).await;
    let refused = get(&door, "/api/v1/user/check-token", &key).await;
    assert_eq!((refused.status, &refused.body["code"]), (401, &json!("invalid_authentication")));
}

#[tokio::test]
async fn what_the_instance_is_is_open_and_says_nothing_that_is_not_so() {
    let info = get(&door(), "/api/v1/system/info", "").await;
    assert_eq!((info.status, &info.body["msg"]), (200, &json!("ok")));
    assert_eq!(info.body["data"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(info.body["data"]["edition"], "community");
    assert_eq!(info.body["data"]["enable_marketplace"], false);
}

#[tokio::test]
async fn a_key_knows_its_instance_and_what_it_may() {
    let door = door();
    let everything = json!(["resource.view", "resource.manage", "audit.view"]);
    for (role, permissions) in [(Role::User, json!(["resource.view"])), (Role::Admin, everything)] {
        let (id, key) = door.key_of(role.as_str(), &[VOICE.dialect], role).await;
        let context = get(&door, "/api/v1/system/context", &key).await;
        assert_eq!(context.body["data"]["api_key_id"], id);
        assert_eq!(context.body["data"]["permissions"], permissions);
        let again = get(&door, "/api/v1/system/context", ADMIN).await;
        for name in ["instance_uuid", "workspace_uuid"] {
            assert_eq!(context.body["data"][name], again.body["data"][name]);
            assert_eq!(context.body["data"][name].as_str().map(str::len), Some(36));
        }
        let capabilities = get(&door, "/api/v1/system/capabilities", &key).await;
        assert_eq!(capabilities.body["data"]["schema_version"], 1);
        let operations = &capabilities.body["data"]["operations"];
        assert_eq!(operations["plugin.list"], json!({"supported": true}));
        assert_eq!(operations["plugin.install.local"], json!({"supported": true}));
    }
    let token = session(&door, Role::User).await;
    for path in ["/api/v1/system/context", "/api/v1/system/capabilities"] {
        assert_eq!(get(&door, path, &token).await.status, 401, "{path}");
        assert_eq!(get(&door, path, "").await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn nothing_is_installed_before_somebody_installs() {
    let door = door();
    assert_eq!(get(&door, "/api/v1/plugins", ADMIN).await.body["data"], json!({"plugins": []}));
    let tasks = get(&door, "/api/v1/system/tasks?type=user&kind=plugin-operation", ADMIN).await;
    assert_eq!(tasks.body["data"]["tasks"], json!([]));
    let task = get(&door, "/api/v1/system/tasks/1", ADMIN).await;
    assert_eq!((task.status, task.body), (404, json!({"code": 404, "msg": "Task not found"})));
    let state = get(&door, "/api/v1/system/status/plugin-system", ADMIN).await;
    assert_eq!(state.body["data"]["is_enable"], true);
    let none = json!({"code": -1, "msg": "plugin not found"});
    for tail in
        ["", "/config", "/logs", "/readme?language=en", "/icon", "/assets/a/b.js", "/authenticated-icon"]
    {
        let answer = get(&door, &format!("/api/v1/plugins/a/n{tail}"), ADMIN).await;
        assert_eq!((answer.status, &answer.body), (404, &none), "{tail}");
    }
    for open in ["/icon", "/assets/x.png"] {
        let answer = get(&door, &format!("/api/v1/plugins/a/n{open}"), "").await;
        assert_eq!((answer.status, &answer.body), (404, &none), "{open}");
    }
}

#[tokio::test]
async fn a_user_sees_and_changes_nothing() {
    let door = door();
    let (_, user) = door.key(Role::User).await;
    let plugins = "/api/v1/plugins";
    for (method, path, by_user, by_admin) in [
        (Method::POST, "install/local", 403, 400),
        (Method::POST, "install/local/preview", 403, 400),
        (Method::POST, "install/github", 403, 400),
        (Method::POST, "install/marketplace", 403, 400),
        (Method::POST, "github/releases", 403, 501),
        (Method::POST, "config-files", 403, 501),
        (Method::DELETE, "config-files/some", 403, 501),
        (Method::GET, "debug-info", 403, 501),
        (Method::GET, "_sdk/page-sdk.js", 501, 501),
        (Method::DELETE, "a/n", 403, 200),
        (Method::POST, "a/n/upgrade", 403, 404),
        (Method::PUT, "a/n/config", 403, 404),
        (Method::GET, "a/n/logs", 403, 404),
        (Method::POST, "a/n/page-api", 501, 501),
    ] {
        let path = format!("{plugins}/{path}");
        for (token, status) in [(&*user, by_user), (ADMIN, by_admin)] {
            let answer = door.say(method.clone(), &path, token, &Value::Null).await;
            assert_eq!(answer.status, status, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_key_header_wins() {
    let door = door();
    let (_, key) = door.key(Role::User).await;
    let token = session(&door, Role::User).await;
    let bearer = format!("Bearer {token}");
    let both = [("x-api-key", &*key), ("authorization", &bearer)];
    assert_eq!(door.get("/api/v1/system/context", &both).await.status, 200, "the session would not do");
    let wrong = [("x-api-key", "wrong"), ("authorization", &bearer)];
    assert_eq!(door.get("/api/v1/plugins", &wrong).await.status, 401);
}
