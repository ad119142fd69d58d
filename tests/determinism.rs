//! Same input, same bytes: on every service, at every time, and by the command line.

use futures::future::join_all;
use plugyard_tests::{AARCH64, Plan, Sample, Upload, X86_64, Yard, sha256, yard::task_id};

#[tokio::test]
async fn two_services_and_the_command_line_write_the_same_bytes() {
    let sample = Sample::new("same-bytes");
    let east = Plan::default().set("TZ", "Asia/Tokyo").start().await;
    let west = Plan::default().set("TZ", "America/Los_Angeles").set("LC_ALL", "C").start().await;
    let package = east.ground().join("cwd/same-bytes.difypkg");
    std::fs::write(&package, sample.plugin.bytes()).unwrap();
    for platform in [X86_64, AARCH64] {
        let cold = east.upload(&sample.plugin, platform).await;
        east.completed(&cold).await;
        let first = east.download(&cold).await;
        let warm = west.repackage_url(&sample.package_url(), platform).await;
        west.completed(&warm).await;
        assert_eq!(sha256(&first), sha256(&west.download(&warm).await), "{platform}: another service");
        let ran = west.cli().args(["repackage"]).args([&package]).args(["--platform", platform]).run().await;
        let paths = ran.expect(0).paths();
        assert_eq!(
            sha256(&first),
            sha256(&std::fs::read(&paths[0]).unwrap()),
            "{platform}: the command line"
        );
    }
}

#[tokio::test]
async fn a_warm_cache_and_a_dead_index_change_nothing() {
    let (yard, sample) = (Yard::start().await, Sample::new("warm"));
    let cold = yard.upload(&sample.plugin, X86_64).await;
    yard.completed(&cold).await;
    let plugin = sample.plugin.clone();
    drop(sample);
    let warm = yard.try_upload(Upload::of(&plugin).field("platform", X86_64).field("suffix", "warm")).await;
    let warm = task_id(&warm.expect(200).json());
    yard.completed(&warm).await;
    assert_eq!(sha256(&yard.download(&cold).await), sha256(&yard.download(&warm).await));
}

#[tokio::test]
async fn ten_equal_jobs_at_once_fetch_each_wheel_once() {
    let (yard, sample) = (Yard::start().await, Sample::sized("shared", 200_000));
    let uploads = (0..10).map(|_| yard.upload(&sample.plugin, X86_64));
    let tasks = join_all(uploads).await;
    let mut results = Vec::new();
    for task in &tasks {
        yard.completed(task).await;
        results.push(sha256(&yard.download(task).await));
    }
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    let mut distinct = tasks.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), 10, "ten requests are ten tasks");
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0]] {
        assert_eq!(sample.files.count(&Sample::wheel_path(wheel)), 1, "{}", wheel.file_name());
    }
}

#[tokio::test]
async fn different_packages_share_the_wheels_they_have_in_common() {
    let (yard, sample) = (Yard::start().await, Sample::sized("one", 100_000));
    let other = sample.plugin.clone().file("manifest.yaml", {
        String::from_utf8(sample.plugin.content("manifest.yaml").to_vec()).unwrap().replace("one", "two")
    });
    let (first, second) = tokio::join!(yard.upload(&sample.plugin, X86_64), yard.upload(&other, X86_64));
    yard.completed(&first).await;
    yard.completed(&second).await;
    assert_ne!(yard.download(&first).await, yard.download(&second).await);
    assert_eq!(sample.files.count_below("/packages/"), 3);
}
