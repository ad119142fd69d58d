//! The task part of the Dify API: shapes, texts and statuses as the document and its clients want them.

use plugyard_tests::{Act, Plugin, Sample, Upload, X86_64, Yard, yard::task_id};
use reqwest::Method;
use serde_json::{Value, json};

const RECORD: [&str; 10] = [
    "completed_at",
    "created_at",
    "download_url",
    "error",
    "original_filename",
    "output_filename",
    "progress",
    "status",
    "task_id",
    "updated_at",
];

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

fn is_utc_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z')
}

#[tokio::test]
async fn a_task_record_has_ten_keys_from_the_beginning_to_the_end() {
    let (yard, sample) = (Yard::start().await, Sample::new("ten"));
    let body = json!({ "url": sample.package_url(), "platform": X86_64, "suffix": "air-gapped" });
    let created = yard.post("/api/v1/tasks", &body).await.expect(200).json();
    assert_eq!(keys(&created), RECORD);
    assert_eq!((&created["status"], &created["progress"]), (&json!("pending"), &json!(0)));
    assert!(is_utc_time(&created["created_at"]), "{created}");
    for unknown in ["completed_at", "error", "download_url"] {
        assert_eq!(created[unknown], Value::Null, "{unknown}");
    }
    let id = task_id(&created);
    assert_eq!(id.len(), 36, "a UUID");
    assert_eq!(keys(&yard.task(&id).await), RECORD, "readable at once");
    let done = yard.completed(&id).await;
    assert_eq!(keys(&done), RECORD);
    assert_eq!(done["progress"], 100);
    assert_eq!(done["error"], Value::Null);
    assert_eq!(done["output_filename"], "ten-air-gapped.difypkg");
    assert_eq!(done["download_url"], format!("/api/v1/tasks/{id}/download"));
    assert!(is_utc_time(&done["completed_at"]) && is_utc_time(&done["updated_at"]), "{done}");
    assert!(done["updated_at"].as_str() >= done["completed_at"].as_str(), "{done}");
}

#[tokio::test]
async fn a_failed_task_keeps_its_progress_and_says_why() {
    let (yard, sample) = (Yard::start().await, Sample::new("gone"));
    let url = sample.files.url("/no/such.difypkg");
    let id = yard.repackage_url(&url, X86_64).await;
    let record = yard.finished(&id).await;
    assert_eq!((&record["status"], keys(&record).as_slice()), (&json!("failed"), RECORD.as_slice()));
    assert!(record["error"].as_str().unwrap().ends_with("(FETCH_FAILED)"), "{record}");
    assert!(record["progress"].as_i64().unwrap() < 100, "{record}");
    assert_eq!(record["download_url"], Value::Null);
    let refused = yard.get(&format!("/api/v1/tasks/{id}/download")).await.expect(400);
    assert_eq!(refused.detail(), "Task is not completed. Current status: failed");
}

#[tokio::test]
async fn every_documented_platform_is_accepted_on_both_endpoints() {
    let yard = Yard::start().await;
    let (sample, plugin) = (Sample::new("everywhere"), Plugin::new("no-dependencies"));
    let url = sample.files.put("/no-dependencies.difypkg", plugin.bytes());
    for platform in [
        "manylinux2014_x86_64",
        "manylinux2014_aarch64",
        "manylinux_2_17_x86_64",
        "manylinux_2_17_aarch64",
        "macosx_10_9_x86_64",
        "macosx_11_0_arm64",
        "",
    ] {
        yard.completed(&yard.repackage_url(&url, platform).await).await;
        yard.completed(&yard.upload(&plugin, platform).await).await;
    }
    yard.completed(&yard.repackage(&json!({ "url": url })).await).await;
    yard.completed(&task_id(&yard.try_upload(Upload::of(&plugin)).await.expect(200).json())).await;
}

#[tokio::test]
async fn meaningless_requests_are_400_with_the_documented_texts() {
    let yard = Yard::start().await;
    let url = "https://example.com/plugin.difypkg";
    let refused = async |body: Value| yard.post("/api/v1/tasks", &body).await.expect(400).detail();
    assert_eq!(refused(json!({})).await, "Either url or marketplace_plugin must be provided");
    assert_eq!(refused(json!({ "url": null })).await, "Either url or marketplace_plugin must be provided");
    for other in
        ["https://example.com/plugin.zip", "https://example.com/", "https://example.com/x.difypkg.exe"]
    {
        assert_eq!(refused(json!({ "url": other })).await, "URL must point to a .difypkg file", "{other}");
    }
    assert_eq!(
        refused(json!({ "marketplace_plugin": { "author": "langgenius", "name": "agent" } })).await,
        "marketplace_plugin must contain author, name, and version"
    );
    for platform in
        ["win_amd64", "musllinux_1_2_x86_64", "manylinux_2_28_x86_64", "Manylinux2014_x86_64", " "]
    {
        let said = refused(json!({ "url": url, "platform": platform })).await;
        assert_eq!(said, format!("Unsupported platform: {platform}"));
    }
    for suffix in ["", "-x", "..", "a/b", "a\\b", "a b", "a\"b", "ä", &"a".repeat(33)] {
        let said = refused(json!({ "url": url, "suffix": suffix })).await;
        assert!(said.starts_with("Invalid suffix"), "{suffix:?}: {said}");
    }
    assert_eq!(yard.asked_for().await, 0, "nothing happened");
}

#[tokio::test]
async fn malformed_requests_are_422_with_a_list() {
    let yard = Yard::start().await;
    let post = |body: &'static str| {
        yard.request(Method::POST, "/api/v1/tasks").header("Content-Type", "application/json").body(body)
    };
    let deep = format!("{{\"url\": {}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let deep =
        yard.request(Method::POST, "/api/v1/tasks").header("Content-Type", "application/json").body(deep);
    for request in [
        post("{"),
        post("[]"),
        post("\"text\""),
        post(r#"{"url": 7}"#),
        post(r#"{"url": ["https://example.com/a.difypkg"]}"#),
        post(r#"{"url": "https://example.com/a.difypkg", "platform": 1}"#),
        post(r#"{"marketplace_plugin": "agent"}"#),
        yard.request(Method::GET, "/api/v1/tasks?limit=x"),
        yard.request(Method::GET, "/api/v1/tasks?limit=0"),
        yard.request(Method::GET, "/api/v1/tasks/completed?limit=0"),
        yard.request(Method::GET, "/api/v1/tasks/completed?limit=101"),
        yard.request(Method::GET, "/api/v1/tasks?limit=99999999999999999999"),
        deep,
    ] {
        let answer = yard.send(request).await.expect(422).json();
        let list = answer["detail"].as_array().unwrap_or_else(|| panic!("no list: {answer}"));
        assert!(!list.is_empty());
        for item in list {
            for member in ["type", "loc", "msg"] {
                assert!(!item[member].is_null(), "{member} is missing in {answer}");
            }
            assert!(item.as_object().unwrap().contains_key("input"), "{answer}");
        }
    }
}

#[tokio::test]
async fn an_upload_is_judged_before_a_task_exists() {
    let yard = Yard::start().await;
    let good = Upload::of(&Plugin::new("good"));
    let refused = async |upload: Upload| yard.try_upload(upload).await.expect(400).detail();
    let zip = Upload { file_name: "good.zip".into(), ..good.clone() };
    assert_eq!(refused(zip).await, "Only .difypkg files are allowed");
    assert_eq!(refused(good.clone().field("platform", "win32")).await, "Unsupported platform: win32");
    assert!(refused(good.clone().field("suffix", "../x")).await.starts_with("Invalid suffix"));
    let large = Upload::bytes("large.difypkg", [b"PK\x03\x04".to_vec(), vec![0; 100 << 20]].concat());
    assert_eq!(refused(large).await, "File size must be less than 100MB");
    let without_file = reqwest::multipart::Form::new().text("platform", X86_64);
    let request = yard.request(Method::POST, "/api/v1/tasks/upload").multipart(without_file);
    assert!(yard.send(request).await.expect(422).json()["detail"].is_array());
    let request = yard.request(Method::POST, "/api/v1/tasks/upload").json(&json!({}));
    assert!(yard.send(request).await.expect(422).json()["detail"].is_array());
    assert_eq!(yard.asked_for().await, 0);
    assert!(yard.get("/api/v1/tasks").await.json()["tasks"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn the_name_of_an_upload_is_data_and_never_a_path() {
    let yard = Yard::start().await;
    for (name, stem) in
        [("../../escape.difypkg", "escape"), ("/tmp/abs.difypkg", "abs"), ("ü\"q.difypkg", "ü")]
    {
        let upload = Upload { file_name: name.into(), ..Upload::of(&Plugin::new("named")) };
        let answer = yard.try_upload(upload).await;
        if answer.status == 400 {
            continue;
        }
        let record = yard.completed(&task_id(&answer.expect(200).json())).await;
        let output = record["output_filename"].as_str().unwrap();
        assert!(output.contains(stem) && !output.contains(['/', '\\']), "{output}");
        let download = yard.get(record["download_url"].as_str().unwrap()).await.expect(200);
        let disposition = download.header("content-disposition").to_owned();
        assert!(!disposition.contains('/') && disposition.matches("filename=").count() == 1, "{disposition}");
    }
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
}

#[tokio::test]
async fn unknown_things_are_404_and_wrong_methods_405() {
    let yard = Yard::start().await;
    let nobody = "123e4567-e89b-42d3-a456-426614174000";
    for id in [nobody, "not-a-uuid", "..%2f..", "1", "123E4567"] {
        for tail in ["", "/download", "/report"] {
            let answer = yard.get(&format!("/api/v1/tasks/{id}{tail}")).await.expect(404);
            assert_eq!(answer.detail(), "Task not found", "{id}{tail}");
        }
    }
    let cancel = yard.post(&format!("/api/v1/tasks/{nobody}/cancel"), &json!({})).await.expect(404);
    assert_eq!(cancel.detail(), "Task not found");
    let ws = yard.get(&format!("/ws/tasks/{nobody}")).await.expect(404);
    assert_eq!(ws.detail(), "Task not found");
    for path in ["/api/v1/nothing", "/dify/nothing", "/dify/api/v1", "/api/v1/tasks/", "/api/v1//tasks"] {
        assert_eq!(yard.get(path).await.expect(404).detail(), "Not Found", "{path}");
    }
    for (method, path) in [
        (Method::DELETE, "/api/v1/tasks".to_owned()),
        (Method::PUT, "/dify/api/v1/tasks/upload".to_owned()),
        (Method::POST, format!("/api/v1/tasks/{nobody}/download")),
    ] {
        let answer = yard.send(yard.request(method.clone(), &path)).await.expect(405);
        assert_eq!(answer.detail(), "Method Not Allowed", "{method} {path}");
        assert!(!answer.header("allow").is_empty(), "{method} {path}: no Allow");
    }
}

#[tokio::test]
async fn recent_tasks_come_newest_first() {
    let yard = Yard::start().await;
    let mut tasks = Vec::new();
    for n in 0..12 {
        tasks.push(yard.upload(&Plugin::new(&format!("p{n}")), X86_64).await);
    }
    tasks.reverse();
    let list = async |query: &str| yard.get(&format!("/api/v1/tasks{query}")).await.expect(200).json();
    let ids =
        |list: &Value| -> Vec<String> { list["tasks"].as_array().unwrap().iter().map(task_id).collect() };
    let recent = list("").await;
    assert_eq!(keys(&recent), ["tasks"]);
    assert_eq!(ids(&recent), tasks[..10], "ten by default, a write shows at once");
    assert_eq!(keys(&recent["tasks"][0]), ["created_at", "plugin_info", "progress", "status", "task_id"]);
    assert_eq!(ids(&list("?limit=3").await), tasks[..3]);
    assert_eq!(ids(&list("?limit=100").await), tasks);
    for task in &tasks {
        yard.completed(task).await;
    }
    let done = list("/completed?limit=5").await;
    assert_eq!((&done["total"], &done["limit"]), (&json!(12), &json!(5)));
    assert_eq!(done["tasks"].as_array().unwrap().len(), 5);
    let item = &done["tasks"][0];
    assert_eq!(
        keys(item),
        [
            "completed_at",
            "created_at",
            "download_url",
            "file_size",
            "original_filename",
            "output_filename",
            "plugin_info",
            "status",
            "task_id"
        ]
    );
    let info = &item["plugin_info"];
    assert_eq!((&info["author"], &info["version"]), (&json!("yard"), &json!("0.0.1")), "{item}");
    let bytes = yard.download(&task_id(item)).await;
    assert_eq!(item["file_size"], bytes.len());
}

#[tokio::test]
async fn a_task_can_be_cancelled_until_it_has_ended() {
    let (yard, sample) = (Yard::start().await, Sample::new("unwanted"));
    let path = Sample::wheel_path(&sample.alpha);
    sample.files.first(&path, Act::Stall(10));
    let id = yard.upload(&sample.plugin, X86_64).await;
    sample.files.reached(&path).await;
    let record = yard.post(&format!("/api/v1/tasks/{id}/cancel"), &json!({})).await.expect(200).json();
    assert_eq!((&record["status"], &record["error"]), (&json!("failed"), &json!("Cancelled (CANCELLED)")));
    assert_eq!(keys(&record), RECORD);
    assert_eq!(yard.failed(&id).await, "Cancelled (CANCELLED)");
    yard.post(&format!("/api/v1/tasks/{id}/cancel"), &json!({})).await.expect(409);
    sample.files.release();
    yard.settle().await;
    assert_eq!(yard.task(&id).await["status"], "failed", "a late worker changes nothing");
    assert_eq!(yard.database().events_of(&id, &["TaskCompleted", "TaskFailed"]).await, 0);
    assert_eq!(yard.database().events_of(&id, &["TaskCancelled"]).await, 1);
    let done = yard.upload(&Plugin::new("done"), X86_64).await;
    yard.completed(&done).await;
    yard.post(&format!("/dify/api/v1/tasks/{done}/cancel"), &json!({})).await.expect(409);
}

#[tokio::test]
async fn both_mounts_serve_the_same_tasks_and_links_stay_inside() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("mounted"));
    let request =
        yard.request(Method::POST, "/dify/api/v1/tasks/upload").multipart(Upload::of(&plugin).form());
    let id = task_id(&yard.send(request).await.expect(200).json());
    yard.completed(&id).await;
    let inside = yard.get(&format!("/dify/api/v1/tasks/{id}")).await.expect(200).json();
    assert_eq!(inside["download_url"], format!("/dify/api/v1/tasks/{id}/download"));
    let listed = yard.get("/dify/api/v1/tasks/completed").await.expect(200).json();
    assert_eq!(listed["tasks"][0]["download_url"], inside["download_url"]);
    let through = yard.get(inside["download_url"].as_str().unwrap()).await.expect(200);
    assert_eq!(through.body, yard.download(&id).await);
}
