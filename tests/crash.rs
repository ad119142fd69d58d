//! The binary killed in the middle, and ended in order: every task ends once, and nothing is left behind.

use std::time::Duration;

use plugyard_tests::{
    Act, Plugin, Sample, Upload, X86_64, Yard,
    archive::noise,
    process::{Identified, descendants, send},
    sha256, tree, until,
    waiting::seconds,
    yard::task_id,
};
use rustix::process::Signal;

const ENDS: [&str; 3] = ["TaskCompleted", "TaskFailed", "TaskCancelled"];

/// Completed, by exactly one event, with nothing of the task left in the data directory.
async fn completed_once(yard: &Yard, task: &str) {
    let record = yard.finished_within(task, seconds(75)).await;
    assert_eq!(record["status"], "completed", "{record}");
    yard.settle().await;
    assert_eq!(yard.database().events_of(task, &ENDS).await, 1, "exactly one outcome");
    let simple = task.replace('-', "");
    until("the job directories are swept", seconds(30), async || {
        let left = [tree::named(&yard.data_dir(), task), tree::named(&yard.data_dir(), &simple)].concat();
        left.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_kill_while_downloading_loses_nothing() {
    let mut yard = Yard::start().await;
    let (package, wheels) = (Sample::new("at-package"), Sample::sized("at-wheel", 200_000));
    let (package_path, wheel_path) = (package.package_path(), Sample::wheel_path(&wheels.alpha));
    package.files.first(&package_path, Act::Stall(200));
    wheels.files.first(&wheel_path, Act::Stall(100_000));
    let by_url = yard.repackage_url(&package.package_url(), X86_64).await;
    let uploaded = yard.upload(&wheels.plugin, X86_64).await;
    package.files.reached(&package_path).await;
    wheels.files.reached(&wheel_path).await;
    let queued = yard.upload(&Plugin::new("queued"), X86_64).await;
    let children = descendants(yard.server().process_id());
    yard.kill();
    package.files.release();
    wheels.files.release();
    gone(&children).await;
    yard.restart().await;
    for task in [&by_url, &uploaded, &queued] {
        completed_once(&yard, task).await;
    }
    let undisturbed = Yard::start().await;
    let twin = undisturbed.upload(&wheels.plugin, X86_64).await;
    undisturbed.completed(&twin).await;
    assert_eq!(sha256(&yard.download(&uploaded).await), sha256(&undisturbed.download(&twin).await));
}

#[tokio::test]
async fn a_kill_while_packing_loses_nothing() {
    let mut yard = Yard::start().await;
    let sample = Sample::sized("packing", 40_000_000);
    let task = yard.upload(&sample.plugin, X86_64).await;
    let mut socket = yard.socket(&task).await;
    let at = socket.record(|record| record["progress"].as_i64() >= Some(85)).await;
    yard.kill();
    drop(socket);
    yard.restart().await;
    completed_once(&yard, &task).await;
    assert_eq!(yard.result(&task).await.wheels(), sample.expected(0), "killed at {at}");
    let half = |path: &String| [".part", ".tmp", ".partial"].iter().any(|end| path.ends_with(end));
    let halves: Vec<String> = tree::files_below(&yard.data_dir()).into_iter().filter(half).collect();
    assert!(halves.is_empty(), "{halves:?}");
}

#[tokio::test]
async fn repeated_kills_still_give_one_outcome() {
    let mut yard = Yard::start().await;
    let sample = Sample::sized("unlucky", 100_000);
    let path = Sample::wheel_path(&sample.beta);
    sample.files.always(&path, Act::Stall(50_000));
    let task = yard.upload(&sample.plugin, X86_64).await;
    sample.files.reached(&path).await;
    yard.kill();
    yard.restart().await;
    yard.get(&format!("/api/v1/tasks/{task}")).await.expect(200);
    yard.kill();
    sample.files.release();
    yard.restart().await;
    completed_once(&yard, &task).await;
}

#[tokio::test]
async fn a_killed_server_leaves_no_child_behind() {
    let mut yard = Yard::start().await;
    let mut archive = Plugin::new("many-files").archive();
    for n in 0..9_000 {
        archive = archive.with(plugyard_tests::Entry::new(format!("data/{n}.bin"), noise(2_000, n)));
    }
    let upload = Upload::bytes("many-files.difypkg", archive.bytes());
    let server = yard.server().process_id();
    let watch = async {
        until("an archive is read in a child process", seconds(30), async || {
            let children = descendants(server);
            (!children.is_empty()).then_some(children)
        })
        .await
    };
    let seen = tokio::select! {
        children = watch => children,
        answer = yard.try_upload(upload) => panic!("no child was seen until the answer: {}", answer.status),
    };
    yard.kill();
    gone(&seen).await;
}

#[tokio::test]
async fn a_killed_child_costs_an_attempt_and_not_the_task() {
    let yard = Yard::start().await;
    let mut archive = Plugin::new("bereft").archive();
    for n in 0..9_000 {
        archive = archive.with(plugyard_tests::Entry::new(format!("data/{n}.bin"), noise(2_000, n)));
    }
    let files = plugyard_tests::Files::start();
    let task = yard.repackage_url(&files.put("/bereft.difypkg", archive.bytes()), X86_64).await;
    let server = yard.server().process_id();
    let hunt = async {
        loop {
            for child in descendants(server) {
                if child.command_line().contains("__isolated") {
                    send(child.id, Signal::KILL);
                }
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let lost = until("an attempt is lost with its child", seconds(30), async || {
        assert_eq!(yard.database().events_of(&task, &ENDS).await, 0, "{}", yard.task(&task).await);
        (yard.database().events_of(&task, &["TaskAttemptLost"]).await > 0).then_some(())
    });
    tokio::select! {
        () = hunt => unreachable!("it hunts for ever"),
        () = lost => {}
    }
    completed_once(&yard, &task).await;
}

#[tokio::test]
async fn a_terminated_server_releases_its_work_and_the_next_one_goes_on() {
    let mut yard = Yard::start().await;
    let sample = Sample::sized("released", 100_000);
    let path = Sample::wheel_path(&sample.gamma[0]);
    sample.files.first(&path, Act::Stall(50_000));
    let task = yard.upload(&sample.plugin, X86_64).await;
    sample.files.reached(&path).await;
    let (code, took) = yard.terminate();
    assert_eq!(code, Some(0));
    assert!(took < seconds(15), "{took:?}");
    let released = format!(
        "select payload::text from es.events where aggregate_id like '%{task}%' and event_type = 'TaskAttemptLost'"
    );
    let released = yard.database().texts(&released).await;
    assert!(released.len() == 1 && released[0].contains("released"), "{released:?}");
    sample.files.release();
    yard.restart().await;
    let mut socket = yard.socket(&task).await;
    let last = socket.records().await.pop().unwrap();
    assert_eq!(last["status"], "completed", "{last}");
    assert_eq!(last["attempt"], 1, "a release is no failure");
    completed_once(&yard, &task).await;
}

#[tokio::test]
async fn progress_never_falls_in_a_second_attempt() {
    let mut yard = Yard::start().await;
    let sample = Sample::sized("risen", 200_000);
    let path = Sample::wheel_path(&sample.gamma[0]);
    sample.files.always(&path, Act::Stall(150_000));
    let task = yard.upload(&sample.plugin, X86_64).await;
    let mut socket = yard.socket(&task).await;
    let reached = socket.record(|record| record["progress"].as_i64() >= Some(60)).await;
    yard.terminate();
    drop(socket);
    yard.restart().await;
    let before = yard.task(&task).await["progress"].as_i64().unwrap();
    let mut socket = yard.socket(&task).await;
    sample.files.release();
    let records = socket.records().await;
    let all: Vec<i64> = records.iter().map(|record| record["progress"].as_i64().unwrap()).collect();
    assert!(all.is_sorted() && all[0] >= before && before >= 30, "{reached}, then {before}, then {all:?}");
    assert_eq!(task_id(records.last().unwrap()), task);
}

async fn gone(processes: &[Identified]) {
    until("no child outlives the server", seconds(10), async || {
        (!processes.iter().any(Identified::is_alive)).then_some(())
    })
    .await;
}
