//! Verified installs: the result is installed offline and started, in a sandbox, and the report says how that went.

use plugyard_tests::{
    AARCH64, Cli, Files, Lock, Plugin, Upload, Wheel, X86_64, Yard, binary,
    files::Silent,
    python::{uv, version},
    yard::Plan,
};
use serde_json::{Value, json};

/// What a plugin does when it is well.
const WELL: &str = "import json, time\nimport dify_plugin, beta_lib\nprint('not a line of the protocol')\nwhile True:\n    \
                    print(json.dumps({'event': 'heartbeat', 'data': {}}), flush=True)\n    time.sleep(0.2)\n";

fn plugin(name: &str, files: &Files, main: &str) -> Plugin {
    let wheels = [Wheel::pure("dify-plugin", "0.5.0"), Wheel::pure("beta-lib", "2.1.0")];
    Plugin::locked(&Lock::of(name, files, &wheels)).file("main.py", main)
}

async fn verifying() -> Yard {
    let uv = uv().to_str().unwrap();
    Plan::default().set("PLUGYARD_VERIFY_INSTALL", "1").set("PLUGYARD_UV", uv).start().await
}

/// The report of the finished task.
async fn tried(yard: &Yard, plugin: &Plugin, platform: &str) -> Value {
    let upload = Upload::of(plugin).field("platform", platform).field("verify", "install");
    let answer = yard.try_upload(upload.field("python", version())).await;
    let task = answer.expect(200).json()["task_id"].as_str().unwrap().to_owned();
    yard.completed(&task).await;
    yard.report(&task).await
}

fn note(report: &Value) -> String {
    let notes = report["notes"].as_array().unwrap();
    let found = notes.iter().find(|note| note["kind"] == "verified_install");
    found.and_then(|note| note["text"].as_str()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_result_that_starts_is_said_to_work() {
    let (yard, files) = (verifying().await, Files::start());
    let report = tried(&yard, &plugin("well", &files, WELL), "").await;
    assert_eq!(report["verified_install"], true, "{report}");
    assert_eq!(
        note(&report),
        "It was installed here without a network and started: its first heartbeat came."
    );
}

#[tokio::test]
async fn a_result_that_does_not_start_is_said_not_to_and_why() {
    let (yard, files) = (verifying().await, Files::start());
    for (name, main, why) in [
        ("ends", "print('done')\n", "No heartbeat: it ended with code 0: done"),
        (
            "breaks",
            "raise SystemExit('no key in ' + __file__)\n",
            "No heartbeat: it ended with code 1: no key in main.py",
        ),
        ("starved", "import no_such_module\n", "No heartbeat: it ended with code 1: "),
    ] {
        let report = tried(&yard, &plugin(name, &files, main), "").await;
        assert_eq!(report["verified_install"], false, "{report}");
        assert!(note(&report).starts_with(why), "{}", note(&report));
        assert!(!note(&report).contains('/'), "{}", note(&report));
    }
}

#[tokio::test]
async fn a_result_that_does_not_install_is_said_not_to() {
    let (yard, files) = (verifying().await, Files::start());
    let wheels = [Wheel::pure("needy", "1.0").requires("nowhere-to-be-found")];
    let plugin = Plugin::locked(&Lock::of("lacking", &files, &wheels));
    let report = tried(&yard, &plugin, "").await;
    assert_eq!(report["verified_install"], false, "{report}");
    let told = note(&report);
    assert!(
        told.starts_with("The offline install failed: ") && told.contains("nowhere-to-be-found"),
        "{told}"
    );
}

#[tokio::test]
async fn a_plugin_without_dependencies_is_tried_too() {
    let yard = verifying().await;
    let main =
        "import time\nwhile True:\n    print('{\"event\": \"heartbeat\"}', flush=True)\n    time.sleep(1)\n";
    let report = tried(&yard, &Plugin::new("alone").file("main.py", main), "").await;
    assert_eq!(report["verified_install"], true, "{report}");
}

#[tokio::test]
async fn what_is_tried_has_no_network_and_leaves_nothing() {
    let (yard, files, neighbour) = (verifying().await, Files::start(), Silent::start());
    let mark = format!("7{:06}", std::process::id());
    let main = format!(
        "import os, socket\ntry:\n    socket.create_connection(('127.0.0.1', {}), timeout=2)\nexcept OSError:\n    pass\n\
         os.system('setsid sleep {mark} &')\n{WELL}",
        neighbour.address.port()
    );
    let report = tried(&yard, &plugin("calls", &files, &main), "").await;
    assert_eq!((&report["verified_install"], neighbour.connections()), (&json!(true), 0), "{report}");
    let wanted = format!("sleep\0{mark}\0").into_bytes();
    let lines = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
    assert_eq!(lines.filter(|line| *line == wanted).count(), 0);
}

#[tokio::test]
async fn another_machines_package_is_not_tried() {
    let (yard, files) = (verifying().await, Files::start());
    let other = if std::env::consts::ARCH == "aarch64" { X86_64 } else { AARCH64 };
    let report = tried(&yard, &plugin("foreign", &files, WELL), other).await;
    assert_eq!(report["verified_install"], Value::Null);
    assert!(note(&report).starts_with("Not tried out: it is for glibc"), "{}", note(&report));
}

#[tokio::test]
async fn the_command_line_tries_out_what_it_makes() {
    let (ground, files) = (binary::ground(), Files::start());
    for (name, main, works) in [("good", WELL, true), ("bad", "print('done')\n", false)] {
        let file = format!("{name}.difypkg");
        std::fs::write(ground.path().join("cwd").join(&file), plugin(name, &files, main).bytes()).unwrap();
        let cli = Cli::on(ground.path()).set("PLUGYARD_UV", uv().to_str().unwrap());
        let cli = cli.args(["repackage", &file, "--verify", "install", "--json", "--python", version()]);
        let ran = cli.run().await.expect(i32::from(!works));
        assert_eq!(ran.err.contains("error: No heartbeat: it ended with code 0: done"), !works, "{ran:?}");
        let said = ran.json();
        assert_eq!(said["results"][0]["verified_install"], works, "{said}");
    }
    let left = std::fs::read_dir(ground.path().join("data/work")).unwrap().count();
    assert_eq!(left, 0, "nothing is left of the trials");
}
