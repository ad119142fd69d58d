//! The HTTP surface around the endpoints: identifiers, limits, refusals of odd requests, health.

use plugyard_tests::{
    Act, Plan, Plugin, Sample, Upload, X86_64, Yard, until, waiting::seconds, yard::task_id,
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn every_answer_names_its_request_and_its_time() {
    let yard = Yard::start().await;
    let paths = ["/api/v1/tasks", "/dify/api/v1/tasks", "/api/v1/nothing", "/api/v1/tasks/unknown"];
    for path in paths {
        let own = yard.send(yard.request(Method::GET, path).header("X-Request-Id", "my-id_7")).await;
        assert_eq!(own.header("x-request-id"), "my-id_7", "{path}");
        let made = [yard.get(path).await, yard.get(path).await];
        assert!(!made[0].header("x-request-id").is_empty(), "{path}");
        assert_ne!(made[0].header("x-request-id"), made[1].header("x-request-id"), "{path}");
        let took: f64 = own.header("x-process-time").parse().expect("seconds");
        assert!((0.0..5.0).contains(&took), "{took}");
    }
    let long = "x".repeat(129);
    let answer = yard.send(yard.request(Method::GET, "/api/v1/tasks").header("X-Request-Id", &long)).await;
    assert_ne!(answer.header("x-request-id"), long, "an unreasonable id is replaced");
}

#[tokio::test]
async fn ten_creations_a_minute_and_then_429() {
    let yard = Plan::default().set("PLUGYARD_RATE_LIMITS", "dify=10/60").start().await;
    let upload = Upload::of(&Plugin::new("often"));
    let before = yard.get("/api/v1/tasks").await.expect(200);
    assert_eq!((before.header("x-ratelimit-limit"), before.header("x-ratelimit-remaining")), ("10", "10"));
    for used in 1..=10 {
        let path = if used % 2 == 0 { "/dify/api/v1/tasks/upload" } else { "/api/v1/tasks/upload" };
        let request = yard.request(Method::POST, path).multipart(upload.clone().form());
        let answer =
            yard.send(request.header("X-Forwarded-For", format!("198.51.100.{used}"))).await.expect(200);
        assert_eq!(answer.header("x-ratelimit-remaining"), (10 - used).to_string());
    }
    let body = json!({ "url": "https://example.com/a.difypkg" });
    let refused = yard.post("/api/v1/tasks", &body).await.expect(429);
    assert_eq!(
        refused.json(),
        json!({
            "detail": "Rate limit exceeded. Please try again later.",
            "error": "Rate limit exceeded: 10 per 1 minute"
        })
    );
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_eq!((refused.header("x-ratelimit-limit"), refused.header("x-ratelimit-remaining")), ("10", "0"));
    let reset: u64 = refused.header("x-ratelimit-reset").parse().expect("unix seconds");
    assert!(reset > 1_700_000_000, "{reset}");
    let reading = yard.get("/api/v1/tasks?limit=1").await.expect(200);
    assert_eq!(reading.header("x-ratelimit-remaining"), "0", "reads are told, not counted");
    assert!(!yard.get("/api/v1/nothing").await.expect(404).header("x-ratelimit-limit").is_empty());
}

#[tokio::test]
async fn an_idempotency_key_makes_one_task_of_many_requests() {
    let (yard, sample) = (Yard::start().await, Sample::new("once"));
    let body = json!({ "url": sample.package_url(), "platform": X86_64 });
    let post = |key: &str, body: &serde_json::Value| {
        yard.request(Method::POST, "/api/v1/tasks").header("Idempotency-Key", key).json(body)
    };
    let (a, b, c) = tokio::join!(
        yard.send(post("k-1", &body)),
        yard.send(post("k-1", &body)),
        yard.send(post("k-1", &body))
    );
    let ids = [a, b, c].map(|answer| task_id(&answer.expect(200).json()));
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    yard.completed(&ids[0]).await;
    let later = yard.send(post("k-1", &body)).await.expect(200).json();
    assert_eq!(task_id(&later), ids[0]);
    let spaced = yard.request(Method::POST, "/api/v1/tasks").header("Content-Type", "application/json");
    let spaced = spaced.header("Idempotency-Key", "k-1").body(serde_json::to_string_pretty(&body).unwrap());
    assert_eq!(
        task_id(&yard.send(spaced).await.expect(200).json()),
        ids[0],
        "the same body, written otherwise"
    );
    let other = json!({ "url": sample.package_url(), "platform": "" });
    yard.send(post("k-1", &other)).await.expect(422);
    assert_ne!(task_id(&yard.send(post("k-2", &body)).await.expect(200).json()), ids[0]);

    let upload = |plugin: &Plugin| {
        let request = yard.request(Method::POST, "/api/v1/tasks/upload").header("Idempotency-Key", "u-1");
        request.multipart(Upload::of(plugin).form())
    };
    let plugin = Plugin::new("kept");
    let first = task_id(&yard.send(upload(&plugin)).await.expect(200).json());
    assert_eq!(task_id(&yard.send(upload(&plugin)).await.expect(200).json()), first);
    yard.send(upload(&plugin.file("more.txt", "other bytes"))).await.expect(422);
    let requested = "select count(*) from es.events where event_type = 'TaskRequested'";
    assert_eq!(yard.database().number(requested).await, 3);
}

#[tokio::test]
async fn odd_requests_are_refused_without_a_5xx() {
    let yard = Yard::start().await;
    let post = |body: Vec<u8>| {
        yard.request(Method::POST, "/api/v1/tasks").header("Content-Type", "application/json").body(body)
    };
    let url = "https://example.com/a.difypkg";
    let nul = format!("{{\"url\": \"{url}\", \"suffix\": \"a\\u0000b\"}}");
    let nul_in_url = "{\"url\": \"https://example.com/a\\u0000.difypkg\"}";
    let lone = format!("{{\"url\": \"{url}\", \"platform\": \"\\ud800\"}}");
    let twice = format!("{{\"url\": \"{url}\", \"url\": \"{url}\"}}");
    let large = format!("{{\"url\": \"{url}\", \"padding\": \"{}\"}}", "x".repeat(1 << 20));
    for body in [nul.into_bytes(), nul_in_url.into(), lone.into_bytes(), twice.into_bytes(), vec![0xff, 0xfe]]
    {
        let text = String::from_utf8_lossy(&body).into_owned();
        let status = yard.send(post(body)).await.status;
        assert!([400, 422].contains(&status), "{status} for {text}");
    }
    assert_eq!(yard.send(post(large.into_bytes())).await.status, 400, "JSON over 1 MiB");
    let number = format!("{{\"url\": \"{url}\", \"platform\": \"win\", \"x\": 1e999}}");
    assert!([400, 422].contains(&yard.send(post(number.into_bytes())).await.status));
    let packed = post(b"{}".to_vec()).header("Content-Encoding", "gzip");
    assert_eq!(yard.send(packed).await.status, 415);
    let long_url = yard.get(&format!("/api/v1/tasks?limit=5&x={}", "y".repeat(9_000))).await;
    assert_eq!(long_url.status, 414);
    let many = (0..250).map(|n| format!("a{n}=1")).collect::<Vec<_>>().join("&");
    assert_eq!(yard.get(&format!("/api/v1/tasks?{many}")).await.status, 400);
    let header = yard.request(Method::GET, "/api/v1/tasks").header("X-Large", "z".repeat(20_000));
    assert_eq!(yard.send(header).await.status, 431);
    let parts =
        (0..30).fold(Upload::of(&Plugin::new("parts")), |upload, n| upload.field(&format!("f{n}"), "1"));
    assert_eq!(yard.try_upload(parts).await.status, 400);
    yard.get("/api/v1/tasks?unknown=1").await.expect(200);
    assert_eq!(yard.asked_for().await, 0);
}

#[tokio::test]
async fn unknown_members_change_nothing() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("extra"));
    let sample = Sample::new("unused");
    let url = sample.files.put("/extra.difypkg", plugin.bytes());
    let body = json!({ "url": url, "status": "completed", "progress": 100, "task_id": "mine", "error": "x" });
    let record = yard.post("/api/v1/tasks", &body).await.expect(200).json();
    assert_eq!((&record["status"], &record["progress"]), (&json!("pending"), &json!(0)));
    assert_ne!(record["task_id"], "mine");
    yard.completed(&task_id(&record)).await;
}

#[tokio::test]
async fn health_readiness_and_metrics_are_served() {
    let yard = Yard::start().await;
    yard.get("/healthz").await.expect(200);
    yard.ready().await;
    yard.completed(&yard.upload(&Plugin::new("counted"), X86_64).await).await;
    yard.settle().await;
    let metrics = yard.get("/metrics").await.expect(200);
    assert!(metrics.header("content-type").starts_with("text/plain"), "{}", metrics.header("content-type"));
    for name in ["feed_horizon_lag_seconds", "subscription_lag_events", "subscription_parked_events"] {
        assert!(metrics.text().contains(name), "{name} is missing");
    }
    let view = yard.readers().await;
    assert!(view["log"]["position"].as_i64().unwrap() > 0, "{view}");
    for reader in view["projections"].as_array().unwrap() {
        assert!(reader["subscription"].is_string() && reader["generation"].is_i64(), "{reader}");
        assert_eq!((&reader["status"], &reader["parked"]), (&json!("live"), &json!([])), "{reader}");
    }
}

#[tokio::test]
async fn the_admin_view_is_for_the_admin() {
    let yard = Yard::start().await;
    for credential in [None, Some("wrong"), Some("")] {
        let request = yard.request(Method::GET, "/admin/projections");
        let request = credential
            .map_or_else(|| request.try_clone().unwrap(), |c| request.try_clone().unwrap().bearer_auth(c));
        let status = yard.send(request).await.status;
        assert!([401, 403].contains(&status), "{status} for {credential:?}");
    }
}

#[tokio::test]
async fn one_line_on_standard_output_and_json_lines_in_the_log() {
    let mut yard = Yard::start().await;
    yard.completed(&yard.upload(&Plugin::new("logged"), X86_64).await).await;
    let (code, took) = yard.terminate();
    assert_eq!(code, Some(0));
    assert!(took < seconds(15), "{took:?}");
    assert!(yard.server().further_output().is_empty(), "{:?}", yard.server().further_output());
    let log = yard.server().log();
    assert!(!log.is_empty());
    for line in log.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|l| l.is_object()), "{line}");
    }
    assert!(!log.contains(plugyard_tests::yard::ADMIN), "no credential in the log");
}

#[tokio::test]
async fn a_request_that_is_left_alone_does_its_work() {
    let (yard, sample) = (Yard::start().await, Sample::new("left"));
    sample.files.first(&sample.package_path(), Act::Stall(0));
    let id = yard.repackage_url(&sample.package_url(), X86_64).await;
    until("the task downloads", seconds(10), async || {
        (yard.task(&id).await["status"] == "downloading").then_some(())
    })
    .await;
    sample.files.release();
    yard.completed(&id).await;
}

#[tokio::test]
async fn a_write_says_where_it_stands_and_a_read_can_wait_for_it() {
    let yard = Yard::start().await;
    let made = yard.try_upload(Upload::of(&Plugin::new("placed"))).await.expect(200);
    let position = made.header("x-log-position").to_owned();
    let path = format!("/api/v1/tasks/{}", task_id(&made.json()));
    assert!(!position.is_empty());
    let after = |place: &str| yard.send(yard.request(Method::GET, &path).header("X-Read-After", place));
    assert_eq!(after(&position).await.expect(200).header("x-log-lag"), "", "it was reached");
    let odd = after("yesterday").await.expect(400);
    assert!(odd.detail().contains("X-Log-Position"), "{}", odd.detail());
}
