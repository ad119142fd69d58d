use application::ports::packages::Package;
use axum::http::Method;
use domain::{plugin::PackageFormat, values::Role};
use serde_json::{Value, json};

use super::{door, get, session};
use crate::fakes::{
    ADMIN,
    door::{Door, Heard},
    form::{BOUNDARY, form},
    shelf::{packed, prepared},
};

const PLUGINS: &str = "/api/v1/plugins";

fn hello(version: &str) -> Package {
    let mut package = prepared(PackageFormat::Lbpkg, Some("acme"), "Hello", version);
    package.readme = Some("# Hello".to_owned());
    package.manifest = json!({
        "kind": "Plugin",
        "metadata": {"author": "acme", "name": "Hello", "version": version, "icon": "assets/icon"},
        "spec": {
            "config": [{"name": "api_key", "type": "string"}, {"name": "city", "type": "string"}],
            "components": {"Tool": {"fromDirs": [{"path": "tools"}]}},
        },
    });
    package
}

async fn send(door: &Door, tail: &str, bytes: &[u8]) -> Heard {
    let (kind, auth) = (format!("multipart/form-data; boundary={BOUNDARY}"), format!("Bearer {ADMIN}"));
    let headers = [("content-type", kind.as_str()), ("authorization", auth.as_str())];
    door.ask(Method::POST, &format!("{PLUGINS}/install/local{tail}"), &headers, form(&[("file", bytes)]))
        .await
}

async fn ended(door: &Door, accepted: &Heard) -> Value {
    assert_eq!(accepted.status, 200, "{accepted:?}");
    let id = accepted.body["data"]["task_id"].as_str().unwrap().to_owned();
    for _ in 0..1_000 {
        let task = get(door, &format!("/api/v1/system/tasks/{id}"), ADMIN).await.body["data"].clone();
        if task["runtime"]["done"] == true {
            return task;
        }
        tokio::task::yield_now().await;
    }
    panic!("the task does not end");
}

async fn with_hello() -> Door {
    let door = door();
    let task = ended(&door, &send(&door, "", &packed(&hello("1.0.0"))).await).await;
    assert_eq!((&task["status"], &task["name"]), (&json!("succeeded"), &json!("plugin-install-local")));
    assert_eq!(task["task_context"]["current_action"], "plugin installed");
    assert!(task["id"].is_u64() && task["created_at"].is_number() && task["error"].is_null(), "{task}");
    door
}

#[tokio::test]
async fn a_package_that_is_sent_is_one_plugin_however_often() {
    let door = with_hello().await;
    ended(&door, &send(&door, "", &packed(&hello("1.0.0"))).await).await;
    let list = get(&door, PLUGINS, ADMIN).await.body["data"]["plugins"].clone();
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    let plugin = &list[0];
    assert_eq!((&plugin["install_source"], &plugin["status"]), (&json!("local"), &json!("initialized")));
    assert_eq!(plugin["manifest"]["manifest"]["metadata"]["name"], "Hello");
    assert!(plugin.get("name").is_none());
    let one = get(&door, &format!("{PLUGINS}/ACME/hello"), ADMIN).await;
    assert_eq!(one.body["data"]["plugin"], *plugin);
    let readme = get(&door, &format!("{PLUGINS}/acme/Hello/readme"), ADMIN).await;
    assert_eq!(readme.body["data"]["readme"], "# Hello");
    for tail in ["icon", "assets/none.png", "assets/../manifest.yaml", "assets/%2e%2e/manifest.yaml"] {
        assert_eq!(get(&door, &format!("{PLUGINS}/acme/Hello/{tail}"), "").await.status, 404, "{tail}");
    }
}

#[tokio::test]
async fn what_is_no_package_is_a_task_that_fails_and_no_preview() {
    let door = door();
    let task = ended(&door, &send(&door, "", b"junk").await).await;
    assert_eq!((&task["status"], &task["runtime"]["state"]), (&json!("failed"), &json!("FINISHED")));
    assert!(task["error"]["message"].is_string() && task["result"].is_null(), "{task}");
    let preview = send(&door, "/preview", b"junk").await;
    assert_eq!((preview.status, &preview.body["msg"]), (400, &json!("invalid .lbpkg file")));
    let preview = send(&door, "/preview", &packed(&hello("1.0.0"))).await;
    assert_eq!(preview.body["data"]["component_counts"], json!({"Tool": 1}), "{preview:?}");
    let nothing = door.say(Method::POST, &format!("{PLUGINS}/install/local"), ADMIN, &json!({})).await;
    assert_eq!((nothing.status, &nothing.body["msg"]), (400, &json!("file is required")));
}

#[tokio::test]
async fn a_mask_keeps_its_secret_and_one_for_nothing_is_refused() {
    let door = with_hello().await;
    let path = format!("{PLUGINS}/acme/Hello/config");
    let masked = json!({"api_key": "***"});
    let refused = door.say(Method::PUT, &path, ADMIN, &masked).await;
    let told = json!({"code": -1, "msg": "Masked plugin secret has no existing value"});
    assert_eq!((refused.status, refused.body), (400, told));
    for sent in [json!({"api_key": "hunter22", "city": "Ulm"}), json!({"api_key": "***", "city": "Ulm"})] {
        let written = door.say(Method::PUT, &path, ADMIN, &sent).await;
        assert_eq!((written.status, &written.body["data"]), (200, &json!({})), "{written:?}");
        let shown = get(&door, &path, ADMIN).await.body["data"]["config"].clone();
        assert_eq!(shown, json!({"api_key": "***", "city": "Ulm"}));
    }
    assert_eq!(door.say(Method::PUT, &path, ADMIN, &json!([])).await.status, 400);
}

#[tokio::test]
async fn what_is_not_there_fails_as_a_task_and_what_is_is_removed() {
    let door = with_hello().await;
    let unknown = door.say(Method::DELETE, &format!("{PLUGINS}/no/body"), ADMIN, &Value::Null).await;
    assert_eq!(ended(&door, &unknown).await["status"], "failed");
    let wanted = json!({"plugin_id": "no/body"});
    let path = format!("{PLUGINS}/install/marketplace");
    let unknown = door.say(Method::POST, &path, ADMIN, &wanted).await;
    assert_eq!(ended(&door, &unknown).await["error"]["type"], "PLUGIN_NOT_FOUND");
    for wrong in
        [json!({}), json!({"plugin_id": ""}), json!({"plugin_id": "a"}), json!({"plugin_id": "a/b/c"})]
    {
        assert_eq!(door.say(Method::POST, &path, ADMIN, &wrong).await.status, 400, "{wrong}");
    }
    let upgrade = door.say(Method::POST, &format!("{PLUGINS}/acme/Hello/upgrade"), ADMIN, &Value::Null).await;
    assert_eq!(upgrade.status, 400, "it did not come from there");
    assert_eq!(get(&door, &format!("{PLUGINS}/acme/Hello/logs?limit=0"), ADMIN).await.status, 400);
    let logs = get(&door, &format!("{PLUGINS}/acme/Hello/logs?level=INFO"), ADMIN).await;
    assert_eq!(logs.body["data"], json!({"logs": []}));
    let removed = door.say(Method::DELETE, &format!("{PLUGINS}/acme/Hello"), ADMIN, &Value::Null).await;
    let task = ended(&door, &removed).await;
    assert_eq!((&task["name"], &task["status"]), (&json!("plugin-remove-Hello"), &json!("succeeded")));
    assert_eq!(get(&door, PLUGINS, ADMIN).await.body["data"]["plugins"], json!([]));
}

#[tokio::test]
async fn a_release_is_named_whole_and_a_session_gets_numbers() {
    let door = door();
    let path = format!("{PLUGINS}/install/github");
    let url = "https://github.com/acme/hello/releases/download/v1/hello.lbpkg";
    let with = |more: Value| {
        let mut body = json!({"owner": "acme", "repo": "hello", "release_tag": "v1"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, msg) in [
        (with(json!({"release_id": 1})), "release_id and asset_id must be provided together"),
        (
            with(json!({"asset_url": "http://github.com/a"})),
            "asset_url must be an HTTPS GitHub release asset URL",
        ),
        (
            with(json!({"asset_url": url, "release_tag": "v2"})),
            "asset_url does not match the requested GitHub release",
        ),
    ] {
        let refused = door.say(Method::POST, &path, ADMIN, &body).await;
        assert_eq!((refused.status, &refused.body["msg"]), (400, &json!(msg)));
    }
    let token = session(&door, Role::Admin).await;
    door.fakes().serve(url, packed(&hello("1.0.0")));
    let accepted = door.say(Method::POST, &path, &token, &with(json!({"asset_url": url}))).await;
    assert!(accepted.body["data"]["task_id"].is_u64(), "{accepted:?}");
}
