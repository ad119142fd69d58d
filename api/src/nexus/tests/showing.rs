use std::time::Duration;

use application::{
    ports::hosting::{Check, CheckStatus, Counters, Health, Level, Snapshot, State},
    queries::telemetry::{Bucket, LogView, Totals},
};
use axum::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use domain::{plugin::PackageFormat, values::InstallationId};
use serde_json::{Map, Value, json};

use super::host::{Host, data, refused, zip};
use crate::fakes::shelf::prepared;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_704_067_200 + seconds, 0).unwrap()
}

fn seen() -> Snapshot {
    Snapshot {
        state: State::Running,
        health: Health::Warning,
        checks: vec![Check {
            name: "external_api".to_owned(),
            status: CheckStatus::Warning,
            message: "Slow response time".to_owned(),
        }],
        process: Some(1),
        uptime: Duration::from_hours(24),
        restarts: 1,
        counters: Counters::default(),
        rss: 240 * 1024 * 1024,
        cpu_percent: 2.5,
        file_handles: 15,
        processes: 1,
        sandboxed: true,
        why: None,
    }
}

fn line(seconds: i64, level: Level, text: &str) -> LogView {
    let metadata: Map<String, Value> = [("batch_size".to_owned(), json!(100))].into_iter().collect();
    LogView { at: at(seconds), level, text: text.to_owned(), metadata }
}

/// Ten requests in each of the last five minutes, one of them in vain.
fn busy(host: &Host) {
    let buckets = (1..=5).rev().map(|minute| Bucket {
        at: at(-60 * minute),
        seconds: 60.0,
        requests: 10,
        ok: 9,
        errors: 1,
        latency_sum_ms: 1250.0,
        rss_seconds: 60.0 * 45.0 * 1_048_576.0,
        cpu_ms: 1500.0,
        file_handles_max: 15,
        ..Bucket::default()
    });
    *host.door.fakes().told.buckets.lock().unwrap() = buckets.collect();
    *host.door.fakes().told.totals.lock().unwrap() =
        Totals { requests: 15_420, ok: 15_390, failed: 30, unique_users: 450 };
}

#[tokio::test(start_paused = true)]
async fn the_list_shows_all_that_the_document_shows() {
    let host = Host::with_analytics().await;
    busy(&host);
    host.door.fakes().yard.lock().seen = Some(seen());
    let list = host.as_user(Method::GET, "", &Value::Null).await;
    let shown = json!({
        "id": "analytics-plugin",
        "name": "Analytics Plugin",
        "version": "1.2.0",
        "description": "Counts what happens",
        "author": "Nexus Team",
        "category": "monitoring",
        "status": "active",
        "enabled": true,
        "health": "degraded",
        "load_order": 1,
        "manifest": {"entry_point": "analytics:Plugin", "nexus_version": ">=1.0.0", "license": "MIT"},
        "dependencies": [],
        "dependents": [],
        "permissions": ["database:read"],
        "endpoints": ["/api/v1/a", "/api/v1/b"],
        "events": {"emits": ["a.done"], "subscribes": ["user.login"]},
        "configuration": {"batch_size": 50, "flush_interval": 30},
        "metrics": {
            "requests_handled": 15_420,
            "average_response_time": 125.0,
            "error_count": 30,
            "uptime_seconds": 86_400,
        },
        "installed_at": "2024-01-01T00:00:00Z",
        "last_updated": "2024-01-01T00:00:00Z",
    });
    assert_eq!(data(&list)["plugins"], json!([shown]));
    let summary = json!({"total": 1, "active": 1, "inactive": 0, "error": 0, "loading": 0, "disabled": 0});
    assert_eq!(data(&list)["summary"], summary);
}

#[tokio::test(start_paused = true)]
async fn filters_combine_and_the_summary_counts_what_they_find() {
    let host = Host::with_analytics().await;
    assert_eq!(host.install_with(&zip("echo", "1.0.0"), json!({"auto_enable": false})).await.status, 200);
    // Enabled, and nothing of it runs.
    host.door.shelf().install("lost", InstallationId(uuid::Uuid::from_u128(7)), &[]);
    for (query, total, disabled) in [
        ("", 3, 1),
        ("?status=active", 1, 0),
        ("?status=inactive", 1, 1),
        ("?status=error", 1, 0),
        ("?status=loading", 0, 0),
        ("?include_disabled=false", 2, 0),
        ("?category=Monitoring", 1, 0),
        ("?category=none", 0, 0),
        ("?search=COUNTS", 1, 0),
        ("?search=ech", 1, 1),
        ("?search=ech&status=active", 0, 0),
    ] {
        let list = host.get(query).await;
        let summary = &data(&list)["summary"];
        assert_eq!((&summary["total"], &summary["disabled"]), (&json!(total), &json!(disabled)), "{query}");
        assert_eq!(data(&list)["plugins"].as_array().map(Vec::len), Some(total), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_details_show_the_rest() {
    let host = Host::with_analytics().await;
    let mut needy = zip("needy", "1.0.0");
    needy.dependencies.insert("analytics-plugin".to_owned(), "^1".to_owned());
    host.door.passes(Duration::from_secs(1));
    assert_eq!(host.install(&needy).await.status, 200);
    busy(&host);
    host.door.fakes().yard.lock().seen = Some(seen());
    *host.door.fakes().told.logs.lock().unwrap() = vec![line(0, Level::Info, "Ready")];
    let details = host.get("/Analytics-Plugin").await;
    let plugin = &data(&details)["plugin"];
    assert_eq!((&plugin["dependents"], &plugin["email"]), (&json!(["needy"]), &json!("team@nexus.dev")));
    assert_eq!((&plugin["tags"], &plugin["load_order"]), (&json!(["events", "numbers"]), &json!(1)));
    assert_eq!(plugin["manifest"]["dependencies"], json!({"packages": {"numpy": ">=2"}, "plugins": {}}));
    assert_eq!(
        plugin["api_endpoints"][1],
        json!({"path": "/api/v1/b", "methods": ["GET"], "description": "B"})
    );
    assert_eq!(plugin["events"]["subscribes"], json!([{"type": "user.login", "description": "L"}]));
    assert_eq!(plugin["configuration"]["schema"]["api_key"]["secret"], true);
    assert_eq!(plugin["configuration"]["current"], json!({"batch_size": 50, "flush_interval": 30}));
    let metrics = json!({
        "performance": {
            "requests_per_minute": 10.0,
            "average_response_time": 125.0,
            "p95_response_time": null,
            "error_rate": 0.1,
        },
        "usage": {
            "total_requests": 15_420,
            "successful_requests": 15_390,
            "failed_requests": 30,
            "unique_users": 450,
        },
        "resources": {"memory_usage_mb": 240, "cpu_usage_percent": 2.5, "file_handles": 15},
    });
    assert_eq!(plugin["metrics"], metrics);
    let logs = json!([{"timestamp": "2024-01-01T00:00:00.000Z", "level": "INFO", "message": "Ready"}]);
    assert_eq!(plugin["logs"], logs);
    let needy = host.get("/needy").await;
    assert_eq!(data(&needy)["plugin"]["dependencies"], json!(["analytics-plugin"]));
    assert_eq!(data(&needy)["plugin"]["category"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn of_two_plugins_with_one_word_the_one_without_an_author_is_meant() {
    let host = Host::new();
    let agent = |author: Option<&str>, format| {
        let mut package = prepared(format, author, "agent", "1.0.0");
        package.manifest = json!({
            "name": "agent",
            "version": "1.0.0",
            "entry_point": "main.py",
            "label": {"en_US": author},
            "meta": {"runner": {"entrypoint": "main"}},
        });
        package
    };
    for author in ["first", "second"] {
        let package = agent(Some(author), PackageFormat::Difypkg);
        let url = format!("https://plugins.example.org/{author}.difypkg");
        host.door.fakes().serve(&url, crate::fakes::shelf::packed(&package));
        let body = json!({"source": "url", "download_url": url});
        assert_eq!(host.post("/install", &body).await.status, 200);
        host.door.passes(Duration::from_secs(1));
    }
    let name = async |id: &str| data(&host.get(&format!("/{id}")).await)["plugin"]["name"].clone();
    assert_eq!(name("agent").await, "first", "it was there before the other");
    assert_eq!(name("Second%2Fagent").await, "second");
    assert_eq!(host.install(&agent(None, PackageFormat::Zip)).await.status, 200);
    assert_eq!(name("AGENT").await, "agent");
}

#[tokio::test(start_paused = true)]
async fn health_is_what_host_and_plugin_have_checked() {
    let host = Host::with_analytics().await;
    busy(&host);
    host.door.fakes().yard.lock().seen = Some(seen());
    let health = host.get("/analytics-plugin/health").await;
    let told = json!({
        "status": "degraded",
        "last_check": "2024-01-01T00:00:00Z",
        "uptime_seconds": 86_400,
        "restarts": 1,
        "last_failure": null,
        "checks": [
            {"name": "external_api", "status": "warning", "details": "Slow response time"},
            {"name": "memory_usage", "status": "warning", "value": 240, "threshold": 256, "unit": "MB"},
        ],
        "metrics": {
            "requests_per_minute": 10.0,
            "error_rate": 0.1,
            "memory_usage_mb": 240,
            "cpu_usage_percent": 2.5,
        },
    });
    assert_eq!(data(&health)["health"], told);
    host.door.fakes().yard.crash();
    let gone = host.get("/analytics-plugin/health").await;
    let gone = &data(&gone)["health"];
    assert_eq!(
        (&gone["status"], &gone["last_check"], &gone["checks"]),
        (&json!("unknown"), &Value::Null, &json!([]))
    );
}

#[tokio::test(start_paused = true)]
async fn figures_come_in_whole_buckets_with_nothing_between() {
    let host = Host::with_analytics().await;
    busy(&host);
    let query = "start_time=2023-12-31T23:58:30Z&end_time=2024-01-01T00:00:00Z&metrics=requests_per_minute,error_rate";
    let metrics = host.get(&format!("/analytics-plugin/metrics?{query}")).await;
    let range = json!({"start": "2023-12-31T23:58:00Z", "end": "2024-01-01T00:00:00Z", "resolution": "1m"});
    assert_eq!(data(&metrics)["time_range"], range);
    let series = |values: [f64; 2]| {
        json!([
            {"timestamp": "2023-12-31T23:58:00Z", "value": values[0]},
            {"timestamp": "2023-12-31T23:59:00Z", "value": values[1]},
        ])
    };
    let expected = json!({"requests_per_minute": series([10.0, 10.0]), "error_rate": series([0.1, 0.1])});
    assert_eq!(data(&metrics)["metrics"], expected);
    let usual = host.get("/analytics-plugin/metrics").await;
    let memory = data(&usual)["metrics"]["memory_usage_mb"].as_array().unwrap().clone();
    assert_eq!((memory.len(), &memory[0]["value"], &memory[59]["value"]), (60, &Value::Null, &json!(45.0)));
    let coarse = host.get("/analytics-plugin/metrics?resolution=5m&metrics[]=requests_per_minute").await;
    assert_eq!(data(&coarse)["metrics"].as_object().map(Map::len), Some(1));
    for odd in ["resolution=2m", "metrics=luck", "start_time=x", "start_time=2020-01-01T00:00:00Z"] {
        let refusal = host.get(&format!("/analytics-plugin/metrics?{odd}")).await;
        assert_eq!(refused(&refusal), (400, "VALIDATION_ERROR"), "{odd}");
    }
}

#[tokio::test(start_paused = true)]
async fn logs_are_filtered_and_come_in_pages() {
    let host = Host::with_analytics().await;
    let lines = (0..5).map(|second| line(second, Level::Info, &format!("batch {second}")));
    let lines = lines.chain([line(9, Level::Error, "Lost a BATCH")]).collect();
    *host.door.fakes().told.logs.lock().unwrap() = lines;
    let page = host.get("/analytics-plugin/logs?search=batch&per_page=2&page=1").await;
    let first = json!({
        "timestamp": "2024-01-01T00:00:09.000Z",
        "level": "ERROR",
        "message": "Lost a BATCH",
        "metadata": {"batch_size": 100},
    });
    assert_eq!(data(&page)["logs"][0], first);
    assert_eq!(data(&page)["pagination"], json!({"page": 1, "per_page": 2, "total": 6, "has_next": true}));
    let until = (at(3) + TimeDelta::zero()).to_rfc3339();
    for (query, total) in [
        ("level=ERROR".to_owned(), 1),
        ("level=WARNING".to_owned(), 0),
        ("start_time=2024-01-01T00:00:03Z".to_owned(), 3),
        (format!("end_time={until}"), 3),
        ("page=9".to_owned(), 6),
        ("search=nothing".to_owned(), 0),
    ] {
        let found = host.get(&format!("/analytics-plugin/logs?{query}")).await;
        assert_eq!(data(&found)["pagination"]["total"], total, "{query}");
        assert_eq!(data(&found)["pagination"]["has_next"], false, "{query}");
    }
    for odd in [
        "level=LOUD",
        "per_page=1001",
        "page=0",
        "start_time=x",
        "start_time=2024-01-02T00:00:00Z&end_time=2024-01-01T00:00:00Z",
    ] {
        let refusal = host.get(&format!("/analytics-plugin/logs?{odd}")).await;
        assert_eq!(refused(&refusal), (400, "VALIDATION_ERROR"), "{odd}");
    }
}
