//! Fetching results: ranges, validators, names, and what happens when the bytes are gone.

use std::path::PathBuf;

use plugyard_tests::{
    Plan, Plugin, Sample, Upload, X86_64, Yard, sha256, tree, until, waiting::seconds, yard::task_id,
};
use reqwest::Method;

#[tokio::test]
async fn a_download_has_a_safe_name_a_length_and_a_validator() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("named"));
    let id = task_id(&yard.try_upload(Upload::of(&plugin).field("suffix", "v1.2")).await.expect(200).json());
    yard.completed(&id).await;
    let path = format!("/api/v1/tasks/{id}/download");
    let answer = yard.get(&path).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"named-v1.2.difypkg\"; filename*=UTF-8''named-v1.2.difypkg"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(answer.header("accept-ranges"), "bytes");
    let tag = answer.header("etag");
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 10, "a strong validator: {tag}");
    let again = yard.get(&path).await;
    assert_eq!(again.header("etag"), tag);

    let head = yard.send(yard.request(Method::HEAD, &path)).await.expect(200);
    assert_eq!(head.header("content-length"), answer.body.len().to_string());
    assert_eq!(head.header("etag"), tag);
    assert!(head.body.is_empty());

    let known = yard.request(Method::GET, &path).header("If-None-Match", tag);
    let unchanged = yard.send(known).await.expect(304);
    assert!(unchanged.body.is_empty());
}

#[tokio::test]
async fn a_download_can_go_on_where_it_was_cut() {
    let (yard, plugin) = (Yard::start().await, Plugin::new("resumed"));
    let id = yard.upload(&plugin, X86_64).await;
    yard.completed(&id).await;
    let path = format!("/api/v1/tasks/{id}/download");
    let whole = yard.get(&path).await.expect(200);
    let (length, tag) = (whole.body.len(), whole.header("etag").to_owned());
    let ask = async |range: &str| yard.send(yard.request(Method::GET, &path).header("Range", range)).await;

    let tail = ask("bytes=100-").await.expect(206);
    assert_eq!(tail.body, whole.body[100..]);
    assert_eq!(tail.header("content-range"), format!("bytes 100-{}/{length}", length - 1));
    assert_eq!(ask("bytes=0-9").await.expect(206).body, whole.body[..10]);
    assert_eq!(ask("bytes=-7").await.expect(206).body, whole.body[length - 7..]);
    assert_eq!(ask("bytes=5-999999999").await.expect(206).body, whole.body[5..]);
    let beyond = ask(&format!("bytes={length}-")).await.expect(416);
    assert_eq!(beyond.header("content-range"), format!("bytes */{length}"));
    assert_eq!(ask("lines=1-2").await.expect(200).body, whole.body, "an unknown unit is no range");

    let conditional =
        |tag: &str| yard.request(Method::GET, &path).header("Range", "bytes=100-").header("If-Range", tag);
    assert_eq!(yard.send(conditional(&tag)).await.expect(206).body, whole.body[100..]);
    assert_eq!(yard.send(conditional("\"other\"")).await.expect(200).body, whole.body);
}

#[tokio::test]
async fn a_result_whose_bytes_are_lost_or_changed_is_gone() {
    let (yard, sample) = (Yard::start().await, Sample::new("lost"));
    for spoil in [true, false] {
        let suffix = if spoil { "changed" } else { "lost" };
        let plugin = sample.plugin.clone().file("extra.txt", suffix);
        let id = task_id(&yard.try_upload(Upload::of(&plugin)).await.expect(200).json());
        yard.completed(&id).await;
        let digest = sha256(&yard.download(&id).await);
        let blob = blob_of(&yard, &digest);
        if spoil {
            std::fs::write(&blob, "no longer what it was").unwrap();
        } else {
            std::fs::remove_file(&blob).unwrap();
        }
        let answer = yard.get(&format!("/api/v1/tasks/{id}/download")).await.expect(410);
        assert!(!answer.detail().is_empty());
    }
}

#[tokio::test]
async fn a_result_that_was_cut_short_on_disk_is_made_again() {
    let (yard, sample) = (Yard::start().await, Sample::new("cut-short"));
    let first = yard.upload(&sample.plugin, X86_64).await;
    yard.completed(&first).await;
    let whole = yard.download(&first).await;
    let blob = blob_of(&yard, &sha256(&whole));
    let file = std::fs::File::options().write(true).open(&blob).unwrap();
    file.set_len(whole.len() as u64 / 2).unwrap();
    yard.get(&format!("/api/v1/tasks/{first}/download")).await.expect(410);
    let second = yard.upload(&sample.plugin, X86_64).await;
    assert_eq!(yard.result(&second).await.wheels(), sample.expected(0));
    assert_eq!(sha256(&yard.download(&second).await), sha256(&whole));
}

#[tokio::test]
async fn after_its_time_the_record_and_the_file_are_gone_together() {
    let yard = Plan::default().set("PLUGYARD_RETENTION", "1s").start().await;
    let id = yard.upload(&Plugin::new("passing"), X86_64).await;
    yard.completed(&id).await;
    let path = format!("/api/v1/tasks/{id}/download");
    until("the result expires", seconds(30), async || (yard.get(&path).await.status == 410).then_some(()))
        .await;
    yard.get(&format!("/api/v1/tasks/{id}")).await.expect(410);
    assert_eq!(yard.get("/api/v1/tasks").await.json()["tasks"], serde_json::json!([]));
    let blobs = |path: &String| path.starts_with("blobs/blobs/");
    until("its bytes are gone", seconds(10), async || {
        (!tree::files_below(&yard.data_dir()).iter().any(blobs)).then_some(())
    })
    .await;
    assert_eq!(yard.get("/api/v1/tasks/completed").await.json()["total"], 0);
}

/// The file that holds the bytes of this digest.
fn blob_of(yard: &Yard, digest: &str) -> PathBuf {
    let data = yard.data_dir();
    let holds = |path: &PathBuf| std::fs::read(path).is_ok_and(|bytes| sha256(&bytes) == digest);
    let mut all = tree::files_below(&data).into_iter().map(|path| data.join(path));
    all.find(holds).expect("the blob lies in the data directory")
}
