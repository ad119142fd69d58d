use application::ports::hosting::Configured;
use axum::http::Method;
use serde_json::{Value, json};

use super::host::{Host, data, refused};

#[tokio::test(start_paused = true)]
async fn a_configuration_is_shown_with_its_defaults_and_without_its_secrets() {
    let host = Host::with_analytics().await;
    let sent = json!({"batch_size": 200, "flush_interval": 30, "api_key": "new_secret_key"});
    let changed = host.put("/analytics-plugin/config", &sent).await;
    let told = data(&changed);
    let shown = json!({"batch_size": 200, "flush_interval": 30, "api_key": "***hidden***"});
    assert_eq!(told["configuration"], shown);
    assert_eq!(told["updated_fields"], json!(["api_key", "batch_size", "flush_interval"]));
    assert_eq!(
        (&told["restart_required"], &told["updated_at"]),
        (&json!(false), &json!("2024-01-01T00:00:00Z"))
    );
    let read = host.get("/analytics-plugin/config").await;
    assert_eq!(data(&read)["configuration"], shown);
    assert_eq!(data(&read)["schema"]["batch_size"]["max"], 1000);
    assert_eq!(data(&read)["last_updated"], "2024-01-01T00:00:00Z");
    let without = host.get("/analytics-plugin/config?include_schema=false").await;
    assert!(data(&without).get("schema").is_none());
    assert_eq!(
        refused(&host.get("/analytics-plugin/config?include_schema=x").await),
        (400, "VALIDATION_ERROR")
    );
}

#[tokio::test(start_paused = true)]
async fn a_mask_that_comes_back_keeps_the_secret_and_only_an_admin_reads_it() {
    let host = Host::with_analytics().await;
    host.put("/analytics-plugin/config", &json!({"api_key": "hunter22"})).await;
    let mut whole = data(&host.get("/analytics-plugin/config").await)["configuration"].clone();
    whole["batch_size"] = json!(60);
    let kept = host.put("/analytics-plugin/config", &whole).await;
    assert_eq!(data(&kept)["configuration"]["api_key"], "***hidden***");
    let secrets = host.get("/analytics-plugin/config?include_secrets=true").await;
    assert_eq!(secrets.header("cache-control"), "no-store");
    let opened = &data(&secrets)["configuration"];
    assert_eq!(
        (&opened["api_key"], &opened["batch_size"], &opened["seed"]),
        (&json!("hunter22"), &json!(60), &json!("s"))
    );
    let nosy = host.as_user(Method::GET, "/analytics-plugin/config?include_secrets=true", &Value::Null).await;
    assert_eq!(refused(&nosy), (403, "PLUGIN_PERMISSION_DENIED"));
    let user = host.as_user(Method::GET, "/analytics-plugin/config", &Value::Null).await;
    assert_eq!(data(&user)["configuration"]["api_key"], "***hidden***");
}

#[tokio::test(start_paused = true)]
async fn what_the_schema_or_the_plugin_refuses_changes_nothing() {
    let host = Host::with_analytics().await;
    for sent in [
        json!({"batch_size": 5}),
        json!({"batch_size": 1001}),
        json!({"batch_size": "many"}),
        json!({"seed": "***hidden***"}),
    ] {
        let answer = host.put("/analytics-plugin/config", &sent).await;
        assert_eq!(refused(&answer), (400, "PLUGIN_CONFIGURATION_ERROR"), "{sent}");
    }
    host.door.fakes().yard.lock().told = Some(Configured::Refused("no such bucket".to_owned()));
    let answer = host.put("/analytics-plugin/config", &json!({"batch_size": 60})).await;
    assert_eq!(refused(&answer), (400, "PLUGIN_CONFIGURATION_ERROR"));
    assert!(answer.body["error"]["message"].as_str().unwrap().ends_with("no such bucket"));
    for sent in [json!([]), json!("x"), json!({"a": "\0"})] {
        let answer = host.put("/analytics-plugin/config", &sent).await;
        assert_eq!(refused(&answer), (400, "VALIDATION_ERROR"), "{sent}");
    }
    let read = host.get("/analytics-plugin/config").await;
    assert_eq!(data(&read)["configuration"]["batch_size"], 50, "the default");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_cannot_change_while_it_runs_says_so() {
    let host = Host::with_analytics().await;
    host.door.fakes().yard.lock().told = Some(Configured::RestartRequired);
    let answer = host.put("/analytics-plugin/config", &json!({"batch_size": 60})).await;
    assert_eq!(data(&answer)["restart_required"], true);
}

#[tokio::test(start_paused = true)]
async fn permissions_are_granted_and_taken_and_the_network_starts_it_again() {
    let host = Host::with_analytics().await;
    let before = host.get("/analytics-plugin/permissions").await;
    let permissions = json!({
        "requested": ["database:read", "http:external"],
        "granted": ["database:read"],
        "denied": ["http:external"],
    });
    let told = data(&before);
    assert_eq!(told["permissions"], permissions);
    assert_eq!((&told["security_level"], &told["sandbox_enabled"]), (&json!("medium"), &json!(false)));
    assert_eq!(told["resource_limits"]["memory_mb"], 256);
    assert_eq!((&told["sandbox"]["tier"], &told["sandbox"]["network"]), (&json!("T1"), &json!("unknown")));
    let body = json!({"grant": ["http:external"], "revoke": [], "security_level": "low"});
    let after = host.put("/analytics-plugin/permissions", &body).await;
    let told = data(&after);
    assert_eq!(told["permissions"]["denied"], json!([]));
    assert_eq!((&told["security_level"], &told["restart_required"]), (&json!("low"), &json!(true)));
    assert_eq!(told["updated_at"], "2024-01-01T00:00:00Z");
    let revoked = host.put("/analytics-plugin/permissions", &json!({"revoke": ["database:read"]})).await;
    assert_eq!(
        (&data(&revoked)["permissions"]["granted"], &data(&revoked)["restart_required"]),
        (&json!(["http:external"]), &json!(false))
    );
}

#[tokio::test(start_paused = true)]
async fn only_what_was_requested_is_granted() {
    let host = Host::with_analytics().await;
    for body in [
        json!({"grant": ["users:read"]}),
        json!({"grant": "http:external"}),
        json!({"grant": ["x".repeat(129)]}),
        json!({"grant": ["http:external"], "revoke": ["http:external"]}),
        json!({"security_level": "paranoid"}),
        json!({"security_level": 7}),
    ] {
        let answer = host.put("/analytics-plugin/permissions", &body).await;
        assert_eq!(refused(&answer), (400, "VALIDATION_ERROR"), "{body}");
    }
    let user = host.as_user(Method::PUT, "/analytics-plugin/permissions", &json!({"grant": []})).await;
    assert_eq!(refused(&user), (403, "PLUGIN_PERMISSION_DENIED"));
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_was_proven_is_told_with_its_controls() {
    use application::ports::hosting::{Control, SandboxReport, Tier};
    let host = Host::with_analytics().await;
    let report = SandboxReport {
        tier: Tier::Users,
        filesystem: Control::Enforced,
        network: Control::Enforced,
        privileges: Control::Enforced,
        memory: Control::Watchdog,
        cpu: Control::Measured,
        file_handles: Control::Enforced,
        processes: Control::Unavailable,
        checked_at: Some(chrono::DateTime::UNIX_EPOCH),
    };
    host.door.fakes().yard.lock().sandbox = Some(report);
    let told = host.get("/analytics-plugin/permissions").await;
    assert_eq!(data(&told)["sandbox_enabled"], true);
    let sandbox = json!({
        "tier": "T3",
        "filesystem": "enforced",
        "network": "enforced",
        "privileges": "enforced",
        "memory": "watchdog",
        "cpu": "measured",
        "file_handles": "enforced",
        "processes": "unavailable",
        "checked_at": "1970-01-01T00:00:00Z",
    });
    assert_eq!(data(&told)["sandbox"], sandbox);
}
