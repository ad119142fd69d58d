use application::ports::hosting::{Exit, StartFault};
use serde_json::json;

use super::host::{Host, analytics, data, refused, zip};
use crate::fakes::{
    ADMIN,
    form::{BOUNDARY, form},
    shelf::packed,
};

#[tokio::test(start_paused = true)]
async fn what_is_installed_from_an_address_is_told_as_the_document_shows_it() {
    let host = Host::new();
    let config = json!({"enabled": true, "batch_size": 100, "flush_interval": 60});
    let installed = host.install_with(&analytics("1.2.0"), json!({"config": config})).await;
    let (installation, plugin) = (&data(&installed)["installation"], &data(&installed)["plugin"]);
    assert_eq!(
        (&installation["plugin_id"], &installation["status"]),
        (&json!("analytics-plugin"), &json!("completed"))
    );
    assert_eq!(
        (&installation["version"], &installation["installed_at"]),
        (&json!("1.2.0"), &json!("2024-01-01T00:00:00Z"))
    );
    assert!(installation["duration_seconds"].is_number());
    let shown = json!({
        "id": "analytics-plugin",
        "name": "Analytics Plugin",
        "version": "1.2.0",
        "status": "active",
        "enabled": true,
    });
    assert_eq!(*plugin, shown);
    let said = host.get("/analytics-plugin/config").await;
    assert_eq!(data(&said)["configuration"], config, "also what the schema does not have");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_is_installed_once_unless_it_is_forced_and_off_when_that_is_said() {
    let host = Host::new();
    let off = host.install_with(&zip("echo", "1.0.0"), json!({"auto_enable": false})).await;
    assert_eq!(
        (&data(&off)["plugin"]["status"], &data(&off)["plugin"]["enabled"]),
        (&json!("inactive"), &json!(false))
    );
    assert!(host.door.fakes().yard.versions().is_empty());
    let again = host.install(&zip("Echo", "1.1.0")).await;
    assert_eq!(refused(&again), (409, "PLUGIN_ALREADY_INSTALLED"));
    let details = &again.body["error"]["details"];
    assert_eq!(details["step"], "unpack");
    assert!(details["operation_id"].is_string() && details["installation_id"].is_string(), "{details}");
    let forced = host.install_with(&zip("echo", "1.1.0"), json!({"force_reinstall": true})).await;
    assert_eq!(data(&forced)["installation"]["version"], "1.1.0");
    assert_eq!(host.door.fakes().yard.versions(), ["1.1.0"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_sent_is_installed_with_the_texts_beside_it() {
    let host = Host::new();
    let bytes = packed(&analytics("1.2.0"));
    let parts: [(&str, &[u8]); 4] = [
        ("file", &bytes),
        ("config", br#"{"batch_size": 20, "api_key": "hunter22"}"#),
        ("permissions", b"http:external, database:read"),
        ("auto_enable", b"false"),
    ];
    let sent = |parts: &[(&str, &[u8])]| {
        let (kind, body) = (format!("multipart/form-data; boundary={BOUNDARY}"), form(parts));
        let authorization = format!("Bearer {ADMIN}");
        let host = &host;
        async move {
            let headers = [("content-type", kind.as_str()), ("authorization", authorization.as_str())];
            host.door.ask(axum::http::Method::POST, "/v1/plugins/install", &headers, body).await
        }
    };
    let refusals: [&[(&str, &[u8])]; 4] = [
        &[("file", &bytes), ("config", b"[]")],
        &[("file", &bytes), ("config", b"{")],
        &[("file", &bytes), ("auto_enable", b"maybe")],
        &[("config", b"{}")],
    ];
    for parts in refusals {
        assert_eq!(refused(&sent(parts).await), (400, "VALIDATION_ERROR"));
    }
    let installed = sent(&parts).await;
    assert_eq!(data(&installed)["plugin"]["status"], "inactive");
    let permissions = host.get("/analytics-plugin/permissions").await;
    assert_eq!(data(&permissions)["permissions"]["granted"], json!(["database:read", "http:external"]));
    let config = host.get("/analytics-plugin/config").await;
    assert_eq!(data(&config)["configuration"]["api_key"], "***hidden***");
}

#[tokio::test(start_paused = true)]
async fn every_failure_has_its_code_its_status_and_leaves_nothing() {
    let host = Host::new();
    let mut far = zip("far", "1.0.0");
    far.manifest["nexus_version"] = json!(">=99");
    let mut needy = zip("needy", "1.0.0");
    needy.dependencies.insert("absent".to_owned(), "^1".to_owned());
    let fault = StartFault::Exited { exit: Exit::Code(3), stderr: "boom".to_owned() };
    host.door.fakes().yard.lock().broken.insert("6.6.6".to_owned(), fault);
    let bad = json!({"config": {"batch_size": 5}});
    let greedy = json!({"permissions": ["users:read"]});
    let none = json!({});
    for (package, more, expected) in [
        (far, &none, (400, "PLUGIN_INCOMPATIBLE")),
        (needy, &none, (409, "PLUGIN_DEPENDENCY_ERROR")),
        (analytics("1.2.0"), &bad, (400, "PLUGIN_CONFIGURATION_ERROR")),
        (analytics("1.2.0"), &greedy, (403, "PLUGIN_PERMISSION_DENIED")),
        (zip("broken", "6.6.6"), &none, (500, "PLUGIN_STARTUP_FAILED")),
    ] {
        let answer = host.install_with(&package, more.clone()).await;
        assert_eq!(refused(&answer), expected, "{answer:?}");
        assert!(answer.body["error"]["details"]["step"].is_string(), "{answer:?}");
    }
    let gone = json!({"source": "url", "download_url": "https://plugins.example.org/gone.zip"});
    let answer = host.post("/install", &gone).await;
    assert_eq!(refused(&answer), (500, "PLUGIN_INSTALLATION_FAILED"));
    assert!(answer.body["error"]["details"].get("reason").is_none(), "a fault of ours");
    let broken = host.install(&zip("broken", "6.6.6")).await;
    let details = &broken.body["error"]["details"];
    assert_eq!(
        (&details["exit_code"], &details["stderr"], &details["step"]),
        (&json!(3), &json!("boom"), &json!("start"))
    );
    let unknown = json!({"source": "repository", "plugin_name": "nowhere"});
    assert_eq!(refused(&host.post("/install", &unknown).await), (404, "PLUGIN_NOT_FOUND"));
    assert_eq!(data(&host.get("").await)["summary"]["total"], 0);
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_the_fault_of_the_request() {
    let host = Host::new();
    for body in [
        json!({}),
        json!({"source": "moon"}),
        json!({"source": 7}),
        json!({"source": "repository"}),
        json!({"source": "repository", "plugin_name": ""}),
        json!({"source": "repository", "plugin_name": "a/b/c"}),
        json!({"source": "url"}),
        json!({"source": "url", "download_url": "https://10.0.0.1/a.zip"}),
        json!({"source": "url", "download_url": format!("https://example.org/{}", "a".repeat(2048))}),
        json!({"source": "file", "file_path": " "}),
        json!({"source": "file", "file_path": "/etc/passwd"}),
        json!({"source": "file", "file_path": "../elsewhere.zip"}),
        json!({"source": "repository", "plugin_name": "a", "config": []}),
        json!({"source": "repository", "plugin_name": "a", "config": {"a": "\0"}}),
        json!({"source": "repository", "plugin_name": "a", "permissions": "all"}),
        json!({"source": "repository", "plugin_name": "a", "permissions": vec!["a"; 201]}),
        json!({"source": "repository", "plugin_name": "a", "strategy": "bold"}),
        json!({"source": "repository", "plugin_name": "a", "auto_enable": "perhaps"}),
    ] {
        let answer = host.post("/install", &body).await;
        assert_eq!(refused(&answer), (400, "VALIDATION_ERROR"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_takes_longer_than_half_a_minute_is_told_as_going_on() {
    let host = Host::new();
    host.door.fakes().set_idle(true);
    let answer = host.install(&zip("echo", "1.0.0")).await;
    let installation = &data(&answer)["installation"];
    assert_eq!((&installation["status"], &installation["progress"]), (&json!("in_progress"), &json!(0)));
    assert!(installation["operation_id"].is_string() && data(&answer).get("plugin").is_none(), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_sent_again_with_its_key_installs_once() {
    let host = Host::new();
    let url = host.serve(&zip("echo", "1.0.0"));
    let body = json!({"source": "url", "download_url": url}).to_string();
    let authorization = format!("Bearer {ADMIN}");
    let headers = [("authorization", authorization.as_str()), ("idempotency-key", "once")];
    let mut answers = Vec::new();
    for _ in 0..2 {
        let path = "/v1/plugins/install";
        answers.push(host.door.ask(axum::http::Method::POST, path, &headers, body.clone()).await);
    }
    assert_eq!(data(&answers[0]), data(&answers[1]));
}

#[tokio::test(start_paused = true)]
async fn secrets_of_an_order_are_in_no_event() {
    let host = Host::new();
    let config = json!({"config": {"api_key": "hunter22", "batch_size": 20}});
    assert_eq!(host.install_with(&analytics("1.2.0"), config).await.status, 200);
    let log = format!("{:?}", host.door.shelf().recorded());
    assert!(log.contains("InstallationActivated") && !log.contains("hunter22"));
}
