//! Batches: one input for several platforms, as a task each or as one package for all.

use std::collections::BTreeSet;

use futures::future::join_all;
use plugyard_tests::{
    AARCH64, Files, Plan, Plugin, Sample, Unpacked, Upload, X86_64, Yard, binary, marketplace::Market,
    sha256, until, waiting::seconds, yard::task_id,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::offline::{importable, install_like_the_daemon, unpacked};

const BATCH: &str = "/api/v1/tasks/batch";
/// Nothing of the sample fits it.
const OLD_MAC: &str = "macosx_10_9_x86_64";

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

fn tasks(batch: &Value) -> Vec<String> {
    batch["tasks"].as_array().unwrap_or_else(|| panic!("no tasks in {batch}")).iter().map(task_id).collect()
}

async fn batch(yard: &Yard, body: &Value) -> Value {
    yard.post(BATCH, body).await.expect(200).json()
}

async fn shown(yard: &Yard, created: &Value) -> Value {
    let group = created["group_id"].as_str().expect("a group id");
    yard.get(&format!("{BATCH}/{group}")).await.expect(200).json()
}

/// The batch once every task has ended.
async fn ended(yard: &Yard, created: &Value) -> Value {
    until("the batch ends", seconds(60), async || {
        let batch = shown(yard, created).await;
        ["completed", "failed"].contains(&batch["status"].as_str()?).then_some(batch)
    })
    .await
}

#[tokio::test]
async fn a_batch_is_a_task_per_platform_and_fetches_what_they_share_once() {
    let (yard, sample) = (Yard::start().await, Sample::new("both"));
    let body = json!({"url": sample.package_url(), "platforms": [X86_64, AARCH64], "suffix": "air"});
    let created = batch(&yard, &body).await;
    assert_eq!(keys(&created), BTreeSet::from(["group_id", "tasks"]));
    for record in created["tasks"].as_array().unwrap() {
        assert_eq!(record.as_object().unwrap().len(), 10, "ordinary records: {record}");
        assert_eq!((&record["status"], &record["progress"]), (&json!("pending"), &json!(0)));
        assert_eq!(record["original_filename"], "both.difypkg");
    }
    assert_eq!(tasks(&shown(&yard, &created).await), tasks(&created), "readable at once");
    let ended = ended(&yard, &created).await;
    assert_eq!(keys(&ended), BTreeSet::from(["group_id", "progress", "status", "tasks"]));
    assert_eq!((&ended["status"], &ended["progress"]), (&json!("completed"), &json!(100)));
    assert_eq!(tasks(&ended), tasks(&created), "in the order of the platforms");
    for (target, (task, platform)) in tasks(&created).iter().zip([X86_64, AARCH64]).enumerate() {
        let name = format!("both-air-{platform}.difypkg");
        assert_eq!(yard.completed(task).await["output_filename"], name, "several results have several names");
        assert_eq!(yard.result(task).await.wheels(), sample.expected(target));
    }
    assert_eq!(sample.files.count(&sample.package_path()), 1, "the input comes once");
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0], &sample.gamma[1]] {
        assert_eq!(sample.files.count(&Sample::wheel_path(wheel)), 1, "{}", wheel.file_name());
    }
}

#[tokio::test]
async fn a_batch_of_a_plugin_or_its_page_fetches_the_package_once() {
    let (market, sample) = (Market::start(), Sample::new("wanted"));
    market.list(&sample.plugin, "tool");
    let yard = Plan::default().set("PLUGYARD_MARKETPLACE_URL", &market.base()).start().await;
    let plugin = json!({"author": "yard", "name": "wanted", "version": "0.0.1"});
    let by_name = json!({"marketplace_plugin": plugin, "platforms": [X86_64, AARCH64]});
    let by_page = json!({"url": market.page_of(&sample.plugin), "platforms": [X86_64, AARCH64]});
    for body in [by_name, by_page] {
        let before = market.store().count_below("/packages/");
        let ended = ended(&yard, &batch(&yard, &body).await).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        assert_eq!(market.store().count_below("/packages/") - before, 1, "{body}");
        for (target, task) in tasks(&ended).iter().enumerate() {
            assert_eq!(yard.result(task).await.wheels(), sample.expected(target));
            let file = yard.get(&format!("/api/v1/files/{task}")).await.expect(200).json();
            assert_eq!(file["marketplace_metadata"]["display_name"], "The wanted plugin", "{file}");
        }
    }
}

#[tokio::test]
async fn one_failing_target_does_not_stop_the_others() {
    let (yard, sample) = (Yard::start().await, Sample::new("partly"));
    let body = json!({"url": sample.package_url(), "platforms": [OLD_MAC, X86_64]});
    let ended = ended(&yard, &batch(&yard, &body).await).await;
    assert_eq!(ended["status"], "failed", "not all of it is there");
    assert!(ended["tasks"][0]["error"].as_str().unwrap().ends_with("(NO_WHEEL)"), "{ended}");
    assert_eq!(ended["tasks"][1]["status"], "completed");
    assert_eq!(yard.result(&tasks(&ended)[1]).await.wheels(), sample.expected(0));
}

#[tokio::test]
async fn a_combined_package_holds_the_wheels_of_all_and_installs_here() {
    let (yard, files) = (Yard::start().await, Files::start());
    let url = files.put("/importable.difypkg", importable(&files).bytes());
    let body = json!({"url": url, "platforms": [X86_64, AARCH64], "combined": true});
    let created = batch(&yard, &body).await;
    let [task] = &tasks(&created)[..] else { panic!("one task: {created}") };
    assert_eq!(yard.completed(task).await["output_filename"], "importable-offline.difypkg");
    let result = yard.result(task).await;
    let wheels = result.wheels();
    assert_eq!(wheels.len(), 4, "two pure ones, and one for each platform: {wheels:?}");
    let report = yard.report(task).await;
    assert_eq!(report["combined_with"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["combined_with"][0]["arch"], "aarch64");
    assert_eq!(ended(&yard, &created).await["status"], "completed");
    let package = unpacked(yard.ground(), "combined", &yard.download(task).await);
    drop(files);
    install_like_the_daemon(
        &package,
        "import dify_plugin, beta_lib, gamma; assert gamma.__version__ == '3.0.0'",
    );
}

#[tokio::test]
async fn a_combined_package_is_made_for_all_platforms_or_not_at_all() {
    let (yard, sample) = (Yard::start().await, Sample::new("all-or-none"));
    let body = json!({"url": sample.package_url(), "platforms": [X86_64, OLD_MAC], "combined": true});
    let ended = ended(&yard, &batch(&yard, &body).await).await;
    assert_eq!((&ended["status"], tasks(&ended).len()), (&json!("failed"), 1));
    assert!(ended["tasks"][0]["error"].as_str().unwrap().contains("gamma 3.0.0"), "{ended}");
}

#[tokio::test]
async fn one_key_is_one_batch_and_one_call_is_charged_once() {
    let plan = Plan::default().set("PLUGYARD_RATE_LIMITS", "dify=4/60");
    let (yard, sample) = (plan.start().await, Sample::new("keyed"));
    let url = sample.package_url();
    let ask = async |body: &Value, left: &str| {
        let request = yard.request(Method::POST, BATCH).header("Idempotency-Key", "k-1").json(body);
        let answer = yard.send(request).await;
        assert_eq!(answer.header("x-ratelimit-remaining"), left);
        answer
    };
    let body = json!({"url": url, "platforms": [X86_64, AARCH64, "macosx_11_0_arm64"]});
    let first = ask(&body, "3").await.expect(200).json();
    ended(&yard, &first).await;
    let again = ask(&body, "2").await.expect(200).json();
    assert_eq!(first, again, "the answer of then");
    let fewer = json!({"url": url, "platforms": [X86_64, AARCH64]});
    assert!(ask(&fewer, "1").await.expect(422).detail().contains("IDEMPOTENCY_KEY_REUSED"));
    let single = yard.request(Method::POST, "/api/v1/tasks").header("Idempotency-Key", "k-1");
    yard.send(single.json(&json!({"url": url}))).await.expect(422);
    let requested = "select count(*) from es.events where event_type = 'TaskRequested'";
    assert_eq!(yard.database().number(requested).await, 3);
}

#[tokio::test]
async fn a_batch_is_judged_whole_before_any_task_exists() {
    let yard = Yard::start().await;
    let url = "https://example.com/plugin.difypkg";
    let many = ["", X86_64, AARCH64, OLD_MAC, "macosx_11_0_arm64", "manylinux_2_17_x86_64", "x"];
    for platforms in [json!(null), json!([]), json!(X86_64), json!([X86_64, 7]), json!(many), json!({})] {
        let answer = yard.post(BATCH, &json!({"url": url, "platforms": platforms})).await.expect(422).json();
        assert_eq!(answer["detail"][0]["loc"][1], "platforms", "{answer}");
    }
    for (body, says) in [
        (json!({"platforms": [X86_64]}), "Either url or marketplace_plugin must be provided"),
        (
            json!({"url": "https://example.com/a.zip", "platforms": [X86_64]}),
            "URL must point to a .difypkg file",
        ),
        (json!({"url": url, "platforms": [X86_64, "win32"]}), "Unsupported platform: win32"),
        (json!({"url": url, "platforms": [X86_64, AARCH64, X86_64]}), "Platform given twice: "),
        (json!({"url": url, "platforms": [X86_64], "suffix": "/"}), "Invalid suffix"),
        (
            json!({"url": "https://10.0.0.1/a.difypkg", "platforms": [X86_64]}),
            "URL host not allowed: 10.0.0.1",
        ),
        (
            json!({"marketplace_plugin": {"author": "a"}, "platforms": [X86_64]}),
            "marketplace_plugin must contain author, name, and version",
        ),
    ] {
        let said = yard.post(BATCH, &body).await.expect(400).detail();
        assert!(said.starts_with(says), "{body}: {said}");
    }
    for group in ["123e4567-e89b-42d3-a456-426614174000", "x", "%ff"] {
        let answer = yard.get(&format!("{BATCH}/{group}")).await.expect(404);
        assert_eq!(answer.detail(), "Task not found", "{group}");
    }
    assert_eq!(yard.asked_for().await, 0, "nothing happened");
}

#[tokio::test]
async fn an_upload_for_several_platforms_is_a_batch() {
    let (yard, sample) = (Yard::start().await, Sample::new("brought"));
    let upload = || Upload::of(&sample.plugin);
    let repeated = upload().field("platform", X86_64).field("platform", AARCH64);
    let listed = upload().field("platforms", &format!("{X86_64},{AARCH64}"));
    for form in [repeated, listed] {
        let created = yard.try_upload(form).await.expect(200).json();
        let ended = ended(&yard, &created).await;
        assert_eq!(ended["status"], "completed", "{ended}");
        for (target, task) in tasks(&created).iter().enumerate() {
            assert_eq!(yard.result(task).await.wheels(), sample.expected(target));
        }
    }
    let one = upload().field("platforms", X86_64).field("platforms", AARCH64).field("combined", "true");
    let created = yard.try_upload(one).await.expect(200).json();
    assert_eq!(tasks(&created).len(), 1);
    yard.completed(&tasks(&created)[0]).await;
    let doubled = upload().field("platform", X86_64).field("platform", X86_64);
    assert!(yard.try_upload(doubled).await.expect(400).detail().starts_with("Platform given twice"));
    let mount = yard.request(Method::POST, "/dify/api/v1/tasks/upload");
    let form = upload().field("platforms", "").form();
    let created = yard.send(mount.multipart(form)).await.expect(200).json();
    assert_eq!(yard.completed(&tasks(&created)[0]).await["output_filename"], "brought-offline-host.difypkg");
}

#[tokio::test]
async fn ten_equal_jobs_at_once_are_one_zip_and_ten_results() {
    let (yard, sample) = (Yard::start().await, Sample::sized("equal", 500_000));
    let url = sample.package_url();
    let asked = join_all((0..10).map(|_| yard.repackage_url(&url, X86_64))).await;
    let mut zips = 0;
    let mut results = BTreeSet::new();
    for task in &asked {
        yard.completed(task).await;
        // Whoever found the result of another did not pack.
        zips += usize::from(yard.report(task).await["timings"]["pack_ms"] != 0);
        results.insert(sha256(&yard.download(task).await));
    }
    assert_eq!((asked.iter().collect::<BTreeSet<_>>().len(), results.len(), zips), (10, 1, 1));
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0]] {
        assert_eq!(sample.files.count(&Sample::wheel_path(wheel)), 1, "{}", wheel.file_name());
    }
}

#[tokio::test]
async fn a_batch_survives_the_death_of_its_server() {
    let (mut yard, sample) = (Yard::start().await, Sample::new("outlives"));
    let created = batch(&yard, &json!({"url": sample.package_url(), "platforms": [X86_64, AARCH64]})).await;
    yard.kill();
    yard.restart().await;
    let ended = ended(&yard, &created).await;
    assert_eq!(ended["status"], "completed", "{ended}");
    let strays = yard.strays();
    assert!(strays.is_empty(), "{strays:?}");
}

#[tokio::test]
async fn the_command_line_makes_the_same_package_as_a_batch() {
    let (yard, sample) = (Yard::start().await, Sample::new("alike"));
    let body = json!({"url": sample.package_url(), "platforms": [X86_64, AARCH64], "combined": true});
    let created = batch(&yard, &body).await;
    let ground = binary::ground();
    std::fs::write(ground.path().join("cwd/alike.difypkg"), sample.plugin.bytes()).unwrap();
    let args = ["repackage", "alike.difypkg", "--combined", "--platform", X86_64, "--platform", AARCH64];
    let paths = plugyard_tests::Cli::on(ground.path()).args(args).run().await.expect(0).paths();
    let made = std::fs::read(&paths[0]).unwrap();
    assert_eq!(paths[0].file_name().unwrap(), "alike-offline.difypkg");
    yard.completed(&tasks(&created)[0]).await;
    assert!(made == yard.download(&tasks(&created)[0]).await, "{:?}", Unpacked::read(&made).names());
}

#[tokio::test]
async fn a_package_without_dependencies_can_be_for_every_platform_at_once() {
    let yard = Yard::start().await;
    let upload = Upload::of(&Plugin::new("nothing")).field("combined", "yes");
    let every = ["manylinux2014_x86_64", "manylinux2014_aarch64", "macosx_10_9_x86_64", "macosx_11_0_arm64"];
    let form = every.iter().fold(upload, |form, platform| form.field("platform", platform));
    let created = yard.try_upload(form).await.expect(200).json();
    assert_eq!(yard.result(&tasks(&created)[0]).await.text("requirements.txt"), "");
}
