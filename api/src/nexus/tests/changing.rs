use serde_json::json;

use super::host::{Host, analytics, data, refused, zip};

#[tokio::test(start_paused = true)]
async fn an_update_keeps_a_backup_that_it_can_be_taken_back_to() {
    let host = Host::with_analytics().await;
    let url = host.serve(&analytics("1.3.0"));
    let updated = host.put("/analytics-plugin", &json!({"source": "url", "download_url": url})).await;
    let update = &data(&updated)["update"];
    let backup = update["backup_id"].as_str().unwrap().to_owned();
    let told = json!({
        "plugin_id": "analytics-plugin",
        "old_version": "1.2.0",
        "new_version": "1.3.0",
        "status": "completed",
        "backup_id": backup,
        "updated_at": "2024-01-01T00:00:00Z",
    });
    assert_eq!(*update, told);
    assert_eq!(host.door.fakes().yard.versions(), ["1.3.0"]);
    let backups = host.get("/analytics-plugin/backups").await;
    let kept = json!([{
        "backup_id": backup,
        "version": "1.2.0",
        "holds_data": true,
        "created_at": "2024-01-01T00:00:00Z",
    }]);
    assert_eq!(data(&backups)["backups"], kept);
    let back = json!({"backup_id": backup, "with_data": true});
    let back = host.post("/analytics-plugin/rollback", &back).await;
    let rollback = &data(&back)["rollback"];
    assert_eq!((&rollback["old_version"], &rollback["new_version"]), (&json!("1.3.0"), &json!("1.2.0")));
    assert_eq!((&rollback["status"], &rollback["data_restored"]), (&json!("completed"), &json!(true)));
    assert_eq!(host.door.fakes().yard.versions(), ["1.2.0"]);
}

#[tokio::test(start_paused = true)]
async fn a_rollback_names_a_backup_that_is_there() {
    let host = Host::with_analytics().await;
    for (body, expected) in [
        (json!({}), (400, "VALIDATION_ERROR")),
        (json!({"backup_id": "backup_123"}), (400, "VALIDATION_ERROR")),
        (json!({"backup_id": uuid::Uuid::nil()}), (404, "RESOURCE_NOT_FOUND")),
        (json!({"backup_id": uuid::Uuid::nil(), "with_data": "yes"}), (400, "VALIDATION_ERROR")),
    ] {
        let answer = host.post("/analytics-plugin/rollback", &body).await;
        assert_eq!(refused(&answer), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_version_that_there_is_not_is_not_found_and_what_runs_goes_on() {
    let host = Host::with_analytics().await;
    let unknown = host.put("/analytics-plugin", &json!({"version": "9.9.9"})).await;
    assert_eq!(refused(&unknown), (404, "RESOURCE_NOT_FOUND"));
    let other = host.serve(&zip("other", "2.0.0"));
    let other = host.put("/analytics-plugin", &json!({"source": "url", "download_url": other})).await;
    assert_eq!(refused(&other), (500, "PLUGIN_INSTALLATION_FAILED"));
    let mut more = analytics("1.4.0");
    more.permissions.push("users:read".to_owned());
    let url = host.serve(&more);
    let more = host.put("/analytics-plugin", &json!({"source": "url", "download_url": url})).await;
    assert_eq!(refused(&more), (403, "PLUGIN_PERMISSION_DENIED"));
    for body in [
        json!({"backup_current": "yes"}),
        json!({"version": "1".repeat(65)}),
        json!({"source": "moon"}),
        json!({"source": "url", "download_url": "https://10.0.0.1/a.zip"}),
    ] {
        assert_eq!(refused(&host.put("/analytics-plugin", &body).await), (400, "VALIDATION_ERROR"), "{body}");
    }
    assert_eq!(host.door.fakes().yard.versions(), ["1.2.0"]);
}

#[tokio::test(start_paused = true)]
async fn what_others_need_is_removed_only_by_force() {
    let host = Host::with_analytics().await;
    let mut needy = zip("needy", "1.0.0");
    needy.dependencies.insert("analytics-plugin".to_owned(), "^1".to_owned());
    assert_eq!(host.install(&needy).await.status, 200);
    let refusal = host.delete("/analytics-plugin").await;
    assert_eq!(refused(&refusal), (409, "PLUGIN_DEPENDENCY_ERROR"));
    assert_eq!(refusal.body["error"]["details"]["dependents"], json!(["needy"]));
    assert_eq!(refused(&host.delete("/analytics-plugin?force=perhaps").await), (400, "VALIDATION_ERROR"));
    let removed = host.delete("/analytics-plugin?force=true&backup=true&cleanup_data=true").await;
    let told = &data(&removed)["uninstallation"];
    assert_eq!((&told["plugin_id"], &told["status"]), (&json!("analytics-plugin"), &json!("completed")));
    assert_eq!((&told["backup_created"], &told["data_removed"]), (&json!(true), &json!(true)));
    assert_eq!(told["uninstalled_at"], "2024-01-01T00:00:00Z");
    assert_eq!(host.get("/analytics-plugin").await.status, 404, "at once");
}

#[tokio::test(start_paused = true)]
async fn a_plugin_is_switched_off_and_on_and_started_again() {
    let host = Host::with_analytics().await;
    let body = json!({"reason": "Maintenance", "graceful_shutdown": true, "timeout_seconds": 30});
    let off = host.post("/analytics-plugin/disable", &body).await;
    let told = json!({
        "plugin_id": "analytics-plugin",
        "status": "inactive",
        "disabled_at": "2024-01-01T00:00:00Z",
        "reason": "Maintenance",
    });
    assert_eq!(*data(&off), told);
    assert!(host.door.fakes().yard.versions().is_empty());
    let again = host.post("/analytics-plugin/restart", &json!({})).await;
    assert_eq!(refused(&again), (409, "RESOURCE_CONFLICT"), "it is off");
    let on = host.post("/analytics-plugin/enable", &serde_json::Value::Null).await;
    let told = json!({
        "plugin_id": "analytics-plugin",
        "status": "active",
        "enabled_at": "2024-01-01T00:00:00Z",
    });
    assert_eq!(*data(&on), told);
    let body = json!({"reason": "Configuration change", "timeout_seconds": 30});
    let again = host.post("/analytics-plugin/restart", &body).await;
    let told = json!({
        "plugin_id": "analytics-plugin",
        "status": "active",
        "restarted_at": "2024-01-01T00:00:00Z",
        "reason": "Configuration change",
    });
    assert_eq!(*data(&again), told);
    for body in [
        json!({"timeout_seconds": 0}),
        json!({"timeout_seconds": 301}),
        json!({"timeout_seconds": "30"}),
        json!({"graceful_shutdown": 1}),
        json!({"reason": "x".repeat(501)}),
        json!([]),
    ] {
        let answer = host.post("/analytics-plugin/disable", &body).await;
        assert_eq!(refused(&answer), (400, "VALIDATION_ERROR"), "{body}");
    }
    assert_eq!(host.door.fakes().yard.versions(), ["1.2.0"]);
}

#[tokio::test(start_paused = true)]
async fn what_others_use_is_not_switched_off() {
    let host = Host::with_analytics().await;
    let mut needy = zip("needy", "1.0.0");
    needy.dependencies.insert("analytics-plugin".to_owned(), "^1".to_owned());
    assert_eq!(host.install(&needy).await.status, 200);
    let off = host.post("/analytics-plugin/disable", &json!({})).await;
    assert_eq!(refused(&off), (409, "PLUGIN_DEPENDENCY_ERROR"));
}
