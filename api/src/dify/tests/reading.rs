use application::queries::tasks::{TaskStatus, TaskView};
use axum::{
    body::Body,
    http::{Method, Request},
};
use domain::values::TaskId;
use serde_json::json;
use uuid::Uuid;

use super::Yard;
use crate::fakes::{ADMIN, ARTIFACT, completed_view, queued_view};

fn other(number: u128, view: TaskView) -> TaskView {
    TaskView { id: TaskId(Uuid::from_u128(number)), ..view }
}

#[tokio::test]
async fn a_task_is_shown_with_links_of_its_mount() {
    let yard = Yard::new();
    let id = yard.fakes.put(completed_view());
    for (mount, prefix) in [("", ""), ("/dify", "/dify")] {
        let record = yard.get(&format!("{mount}/api/v1/tasks/{id}")).await.expect(200).json();
        assert_eq!(record["download_url"], format!("{prefix}/api/v1/tasks/{id}/download"));
        assert_eq!(record["created_at"], "2024-01-01T00:00:00Z");
    }
}

#[tokio::test]
async fn what_is_no_task_is_not_found_whatever_it_looks_like() {
    let yard = Yard::new();
    for id in [&completed_view().id.to_string(), "1", "%2e%2e", "%ff", "123e4567e89b42d3a456426614174000"] {
        for tail in ["", "/download", "/report"] {
            let answer = yard.get(&format!("/api/v1/tasks/{id}{tail}")).await.expect(404);
            assert_eq!(answer.detail(), "Task not found", "{id}{tail}");
        }
        yard.post(&format!("/api/v1/tasks/{id}/cancel"), &json!({})).await.expect(404);
        assert_eq!(yard.get(&format!("/ws/tasks/{id}")).await.expect(404).detail(), "Task not found");
    }
}

#[tokio::test]
async fn every_refusal_wears_the_dialects_form() {
    let yard = Yard::new();
    for path in
        ["/nothing", "/api/v1/nothing", "/dify", "/dify/", "/dify/nothing", "/api/v1/tasks/", "/healthz/x"]
    {
        assert_eq!(yard.get(path).await.expect(404).detail(), "Not Found", "{path}");
    }
    for (method, path) in [
        (Method::DELETE, "/api/v1/tasks"),
        (Method::PUT, "/dify/api/v1/tasks/upload"),
        (Method::POST, "/dify/api/v1/tasks/completed"),
        (Method::POST, "/healthz"),
    ] {
        let answer = yard.ask(method, path, &[], Body::empty()).await.expect(405);
        assert_eq!(answer.detail(), "Method Not Allowed", "{path}");
        assert!(!answer.header("allow").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn every_answer_names_its_request_and_its_time() {
    let yard = Yard::with(&[]);
    for path in ["/healthz", "/metrics", "/api/v1/tasks", "/dify/nothing", "/api/v1/tasks?limit=0"] {
        let answer = yard.get(path).await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        assert!(answer.header("x-process-time").parse::<f64>().unwrap() >= 0.0);
        let dify = !matches!(path, "/healthz" | "/metrics");
        assert_eq!(!answer.header("x-ratelimit-remaining").is_empty(), dify, "{path}");
    }
    let answer = yard.ask(Method::GET, "/api/v1/tasks", &[("x-request-id", "mine")], Body::empty()).await;
    assert_eq!(answer.header("x-request-id"), "mine");
}

#[tokio::test]
async fn requests_too_large_in_any_direction_are_refused() {
    let yard = Yard::new();
    yard.get(&format!("/api/v1/tasks?x={}", "a".repeat(8200))).await.expect(414);
    yard.get(&format!("/api/v1/tasks?{}", "a&".repeat(201))).await.expect(400);
    yard.get(&format!("/api/v1/tasks?{}", "a&".repeat(200))).await.expect(200);
    let long = "a".repeat(17_000);
    yard.ask(Method::GET, "/api/v1/tasks", &[("x-long", &long)], Body::empty()).await.expect(431);
    let packed = [("content-encoding", "gzip")];
    let answer = yard.ask(Method::POST, "/api/v1/tasks", &packed, "{}").await.expect(415);
    assert!(answer.detail().is_string());
    yard.ask(Method::POST, "/api/v1/tasks", &[("content-encoding", "Identity")], "{}").await.expect(400);
}

#[tokio::test]
async fn lists_take_a_limit_within_its_bounds() {
    let yard = Yard::new();
    yard.fakes.put(completed_view());
    for number in 1..=11 {
        yard.fakes.put(other(number, queued_view()));
    }
    let recent = yard.get("/api/v1/tasks").await.expect(200).json();
    assert_eq!(recent["tasks"].as_array().unwrap().len(), 10);
    let completed = yard.get("/dify/api/v1/tasks/completed?limit=5").await.expect(200).json();
    assert_eq!((&completed["total"], &completed["limit"]), (&json!(1), &json!(5)));
    let item = &completed["tasks"][0];
    assert_eq!(item["plugin_info"], json!({"author": "langgenius", "name": "agent", "version": "0.0.9"}));
    assert_eq!(item["file_size"], ARTIFACT.len());
    assert!(item["download_url"].as_str().unwrap().starts_with("/dify/"));
    for query in ["limit=0", "limit=101", "limit=x", "limit=%00"] {
        let answer = yard.get(&format!("/api/v1/tasks/completed?{query}")).await.expect(422);
        assert_eq!(answer.detail()[0]["loc"], json!(["query", "limit"]), "{query}");
    }
}

#[tokio::test]
async fn a_result_is_downloaded_whole_in_part_or_not_again() {
    let yard = Yard::new();
    let path = format!("/api/v1/tasks/{}/download", yard.fakes.put(completed_view()));
    yard.fakes.put_blob(ARTIFACT);
    let whole = yard.get(&path).await.expect(200);
    assert_eq!(whole.body, ARTIFACT);
    assert_eq!(whole.header("content-length"), ARTIFACT.len().to_string());
    assert!(whole.header("content-disposition").contains("filename=\"agent-offline.difypkg\""));
    let head = yard.ask(Method::HEAD, &path, &[], Body::empty()).await.expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), (whole.header("content-length"), 0));
    let part = yard.ask(Method::GET, &path, &[("range", "bytes=2-3")], Body::empty()).await.expect(206);
    assert_eq!(part.body, &ARTIFACT[2..4]);
    yard.ask(Method::GET, &path, &[("range", "bytes=9999-")], Body::empty()).await.expect(416);
    let known = [("if-none-match", whole.header("etag"))];
    assert!(yard.ask(Method::GET, &path, &known, Body::empty()).await.expect(304).body.is_empty());
}

#[tokio::test]
async fn without_a_result_there_is_a_reason_and_no_file() {
    let yard = Yard::new();
    for (number, status, code, detail) in [
        (1, TaskStatus::Queued, 400, "Task is not completed. Current status: pending"),
        (2, TaskStatus::Failed, 400, "Task is not completed. Current status: failed"),
        (3, TaskStatus::Expired, 410, "The file has expired and is no longer available"),
    ] {
        let id = yard.fakes.put(other(number, TaskView { status, ..queued_view() }));
        for tail in ["download", "report"] {
            let answer = yard.get(&format!("/api/v1/tasks/{id}/{tail}")).await.expect(code);
            assert_eq!(answer.detail(), detail, "{tail}");
        }
    }
    let lost = yard.fakes.put(completed_view());
    yard.get(&format!("/api/v1/tasks/{lost}/download")).await.expect(410);
}

#[tokio::test]
async fn the_report_says_whether_its_floor_was_literal() {
    let yard = Yard::new();
    let id = yard.fakes.put(completed_view());
    let report = yard.get(&format!("/api/v1/tasks/{id}/report")).await.expect(200).json();
    assert_eq!((&report["target"]["strict"], &report["wheels"]), (&json!(false), &json!(3)));
}

#[tokio::test]
async fn a_task_is_cancelled_once() {
    let yard = Yard::new();
    let id = yard.fakes.put(queued_view());
    let path = format!("/dify/api/v1/tasks/{id}/cancel");
    let record = yard.post(&path, &json!({})).await.expect(200).json();
    assert_eq!((&record["status"], &record["error"]), (&json!("failed"), &json!("Cancelled (CANCELLED)")));
    assert_eq!(yard.post(&path, &json!({})).await.expect(409).detail(), "Task is already finished");
}

#[tokio::test]
async fn the_admin_api_is_there_for_its_token_alone() {
    let path = "/admin/projections";
    let yard = Yard::new();
    assert_eq!(yard.get(path).await.expect(401).header("www-authenticate"), "Bearer");
    let ask = async |method, path: &str| {
        let request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {ADMIN}"));
        yard.send(request.body(Body::empty()).unwrap()).await
    };
    ask(Method::GET, path).await.expect(200);
    ask(Method::POST, "/admin/projections/tasks/rebuild").await.expect(200);
    assert_eq!(
        ask(Method::POST, "/admin/projections/x/retry").await.expect(404).detail(),
        "No such read model"
    );
    ask(Method::POST, "/admin/projections/%ff/retry").await.expect(404);
}

#[tokio::test]
async fn what_the_operator_began_ends_although_he_went_away() {
    let (yard, admin) = (Yard::new(), format!("Bearer {ADMIN}"));
    for (what, done) in [("rebuild", 1), ("retry", 2)] {
        let path = format!("/admin/projections/tasks/{what}");
        let headers = [("authorization", admin.as_str())];
        let mut asking = Box::pin(yard.ask(Method::POST, &path, &headers, Body::empty()));
        assert!(futures::poll!(asking.as_mut()).is_pending());
        drop(asking);
        for _ in 0..9 {
            tokio::task::yield_now().await;
        }
        assert_eq!(yard.fakes.rebuilt(), done, "{what}");
    }
}

#[tokio::test]
async fn answers_are_counted_by_route_status_and_dialect() {
    let yard = Yard::new();
    yard.get("/dify/api/v1/tasks/1").await.expect(404);
    let text = String::from_utf8(yard.get("/metrics").await.expect(200).body).unwrap();
    let line =
        "plugyard_http_requests_total{dialect=\"dify\",route=\"/dify/api/v1/tasks/{id}\",status=\"404\"} 1";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("plugyard_open_sockets 0"));
}
