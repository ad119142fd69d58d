//! Results as files: what the web front end lists, downloads and deletes.

use plugyard_tests::{Act, Plugin, Sample, X86_64, Yard, yard::task_id};
use reqwest::Method;
use serde_json::{Value, json};

const FILE: [&str; 12] = [
    "created_at",
    "download_url",
    "file_id",
    "filename",
    "id",
    "marketplace_metadata",
    "modified_at",
    "original_filename",
    "platform",
    "plugin_info",
    "size",
    "suffix",
];

async fn made(yard: &Yard, name: &str) -> String {
    let task = yard.upload(&Plugin::new(name), X86_64).await;
    yard.completed(&task).await;
    task
}

async fn delete(yard: &Yard, path: &str) -> plugyard_tests::Answer {
    yard.send(yard.request(Method::DELETE, path)).await
}

async fn storage(yard: &Yard) -> Value {
    yard.get("/api/v1/files/stats/storage").await.expect(200).json()
}

#[tokio::test]
async fn files_are_listed_newest_first_page_by_page() {
    let yard = Yard::start().await;
    let mut files = Vec::new();
    for n in 0..5 {
        files.push(made(&yard, &format!("p{n}")).await);
    }
    files.reverse();
    let list = async |query: &str| yard.get(&format!("/api/v1/files{query}")).await.expect(200).json();
    let ids = |list: &Value| -> Vec<String> {
        list["files"].as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = list("").await;
    let about = |list: &Value| ["total", "limit", "offset", "has_more"].map(|key| list[key].clone());
    assert_eq!(about(&all), [json!(5), json!(50), json!(0), json!(false)]);
    assert_eq!(ids(&all), files);
    let page = list("?limit=2&offset=1").await;
    assert_eq!(ids(&page), files[1..3]);
    assert_eq!(about(&page), [json!(5), json!(2), json!(1), json!(true)]);
    assert_eq!(list("?limit=2&offset=3").await["has_more"], false, "exactly at the end");
    assert_eq!(ids(&list("?limit=200&offset=4000000000").await), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_says_what_it_is_and_is_given_out() {
    let (yard, sample) = (Yard::start().await, Sample::new("told"));
    let body = json!({"url": sample.package_url(), "platform": X86_64, "suffix": "air"});
    let task = yard.repackage(&body).await;
    let record = yard.completed(&task).await;
    let file = yard.get(&format!("/api/v1/files/{task}")).await.expect(200).json();
    let mut keys: Vec<&str> = file.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, FILE);
    assert_eq!((&file["file_id"], &file["id"]), (&json!(task), &json!(task)));
    assert_eq!(file["filename"], "told-air.difypkg");
    assert_eq!(file["original_filename"], "told.difypkg");
    assert_eq!((&file["platform"], &file["suffix"]), (&json!(X86_64), &json!("air")));
    assert_eq!(file["plugin_info"], json!({"author": "yard", "name": "told", "version": "0.0.1"}));
    assert_eq!(file["marketplace_metadata"], Value::Null, "it came from a URL");
    assert_eq!(file["created_at"], record["completed_at"]);
    let bytes = yard.download(&task).await;
    assert_eq!(file["size"], bytes.len());
    for (mount, prefix) in [("/api/v1", ""), ("/dify/api/v1", "/dify")] {
        let file = yard.get(&format!("{mount}/files/{task}")).await.expect(200).json();
        assert_eq!(file["download_url"], format!("{prefix}/api/v1/files/{task}/download"));
        let link = file["download_url"].as_str().unwrap();
        let download = yard.get(link).await.expect(200);
        assert!(download.header("content-disposition").contains("told-air.difypkg"));
        assert_eq!(download.body, bytes);
        let head = yard.send(yard.request(Method::HEAD, link)).await.expect(200);
        assert_eq!(head.header("content-length"), bytes.len().to_string());
        assert_eq!(yard.get(&format!("{mount}/files")).await.json()["files"][0], file);
    }
}

#[tokio::test]
async fn a_deleted_file_is_gone_and_so_is_its_share_of_the_storage() {
    let yard = Yard::start().await;
    let (kept, doomed) = (made(&yard, "kept").await, made(&yard, "doomed").await);
    let answer = delete(&yard, &format!("/api/v1/files/{doomed}")).await.expect(200).json();
    assert_eq!(answer, json!({"message": "File deleted successfully", "file_id": doomed}));
    let file = format!("/api/v1/files/{doomed}");
    assert_eq!(yard.get(&file).await.expect(404).detail(), "File not found");
    assert_eq!(delete(&yard, &file).await.expect(404).detail(), "File not found");
    yard.get(&format!("{file}/download")).await.expect(410);
    yard.get(&format!("/api/v1/tasks/{doomed}/download")).await.expect(410);
    yard.get(&format!("/api/v1/tasks/{doomed}")).await.expect(410);
    yard.get(&format!("/api/v1/tasks/{doomed}/report")).await.expect(410);
    let list = yard.get("/api/v1/files").await.json();
    assert_eq!((&list["total"], &list["files"][0]["id"]), (&json!(1), &json!(kept)));
    assert_eq!(storage(&yard).await["file_count"], 1);
    assert_eq!(yard.database().events_of(&doomed, &["ArtifactExpired"]).await, 1);
    yard.download(&kept).await;
}

#[tokio::test]
async fn equal_results_are_stored_once_and_stay_until_the_last_file_goes() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("twin"));
    let empty = storage(&yard).await;
    assert_eq!((&empty["total_size"], &empty["file_count"]), (&json!(0), &json!(0)));
    assert_eq!((&empty["oldest_file"], &empty["newest_file"]), (&Value::Null, &Value::Null));
    let (one, other) = (yard.upload(&plugin, X86_64).await, yard.upload(&plugin, X86_64).await);
    let (first, second) = (yard.completed(&one).await, yard.completed(&other).await);
    let size = yard.download(&one).await.len();
    let both = storage(&yard).await;
    assert_eq!((&both["total_size"], &both["file_count"]), (&json!(size), &json!(2)));
    assert_eq!(both["directory_count"], 0);
    let times = [&first, &second].map(|record| record["completed_at"].as_str().unwrap().to_owned());
    assert_eq!(both["oldest_file"], *times.iter().min().unwrap());
    assert_eq!(both["newest_file"], *times.iter().max().unwrap());
    delete(&yard, &format!("/api/v1/files/{one}")).await.expect(200);
    assert_eq!(storage(&yard).await["total_size"], size, "the other one offers the same bytes");
    assert_eq!(yard.download(&other).await.len(), size);
    delete(&yard, &format!("/api/v1/files/{other}")).await.expect(200);
    assert_eq!(storage(&yard).await["total_size"], 0);
}

#[tokio::test]
async fn old_files_are_cleaned_up_and_young_ones_stay() {
    let yard = Yard::start().await;
    let (young, old) = (made(&yard, "young").await, made(&yard, "old").await);
    let clean =
        async |query: &str| delete(&yard, &format!("/api/v1/files/cleanup{query}")).await.expect(200).json();
    assert_eq!(
        clean("?retention_days=1").await,
        json!({"cleaned_count": 0, "retention_days": 1, "message": "Cleaned up 0 old files"})
    );
    yard.settle().await;
    let age =
        format!("update read.tasks_v1 set ended_at = ended_at - interval '5 days' where task_id = '{old}'");
    yard.database().execute(&age).await.unwrap();
    assert_eq!(clean("").await["cleaned_count"], 0, "the retention of the service is seven days");
    let cleaned = clean("?retention_days=3").await;
    assert_eq!((&cleaned["cleaned_count"], &cleaned["retention_days"]), (&json!(1), &json!(3)));
    yard.get(&format!("/api/v1/files/{old}/download")).await.expect(410);
    yard.get(&format!("/api/v1/files/{young}/download")).await.expect(200);
    assert_eq!(clean("?retention_days=3").await["cleaned_count"], 0);
}

#[tokio::test]
async fn parameters_out_of_range_are_422_with_a_list() {
    let yard = Yard::start().await;
    for (method, path, parameter) in [
        (Method::GET, "/files?limit=0", "limit"),
        (Method::GET, "/files?limit=201", "limit"),
        (Method::GET, "/files?limit=x", "limit"),
        (Method::GET, "/files?offset=-1", "offset"),
        (Method::GET, "/files?offset=99999999999999999999999999999999999999999", "offset"),
        (Method::GET, "/files?offset=1.5", "offset"),
        (Method::DELETE, "/files/cleanup?retention_days=0", "retention_days"),
        (Method::DELETE, "/files/cleanup?retention_days=366", "retention_days"),
        (Method::DELETE, "/files/cleanup?retention_days=", "retention_days"),
    ] {
        let answer = yard.send(yard.request(method, &format!("/api/v1{path}"))).await.expect(422).json();
        assert_eq!(answer["detail"][0]["loc"], json!(["query", parameter]), "{path}: {answer}");
    }
}

#[tokio::test]
async fn what_is_no_finished_file_is_not_found() {
    let (yard, sample) = (Yard::start().await, Sample::new("unfinished"));
    let path = Sample::wheel_path(&sample.alpha);
    sample.files.first(&path, Act::Stall(10));
    let running = yard.upload(&sample.plugin, X86_64).await;
    sample.files.reached(&path).await;
    let nobody = "123e4567-e89b-42d3-a456-426614174000";
    for id in [running.as_str(), nobody, "x", "..%2f..", "stats"] {
        for path in [format!("/api/v1/files/{id}"), format!("/dify/api/v1/files/{id}/download")] {
            assert_eq!(yard.get(&path).await.expect(404).detail(), "File not found", "{path}");
        }
        assert_eq!(
            delete(&yard, &format!("/api/v1/files/{id}")).await.expect(404).detail(),
            "File not found"
        );
    }
    let post = yard.post("/api/v1/files", &json!({})).await.expect(405);
    assert!(!post.header("allow").is_empty());
    sample.files.release();
    yard.completed(&running).await;
    assert_eq!(task_id(&yard.task(&running).await), running);
}
