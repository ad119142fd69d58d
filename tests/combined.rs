//! One package for several platforms: what it says of itself, and what can be done with it.

use plugyard_tests::{
    AARCH64, Cli, Files, Lock, Locked, Plugin, Sample, Unpacked, Wheel, X86_64, Yard, binary,
    python::{cut_off, directory, succeeds, uv},
    samples::REQUIREMENTS,
    sha256,
    yard::task_id,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::offline::{importable, unpacked};

const BOTH: [&str; 5] = ["--combined", "--platform", X86_64, "--platform", AARCH64];

/// Made on the command line, on ground of its own.
async fn combined(plugin: &Plugin) -> (TempDir, Vec<u8>) {
    let ground = binary::ground();
    std::fs::write(ground.path().join("cwd/in.difypkg"), plugin.bytes()).unwrap();
    let ran = Cli::on(ground.path()).args(["repackage", "in.difypkg"]).args(BOTH).run().await.expect(0);
    let bytes = std::fs::read(&ran.paths()[0]).unwrap();
    (ground, bytes)
}

#[tokio::test]
async fn a_name_is_pinned_once_and_every_file_and_platform_is_listed() {
    let sample = Sample::new("listed");
    let (_ground, bytes) = combined(&sample.plugin).await;
    let result = Unpacked::read(&bytes);
    assert_eq!(result.text("requirements.txt"), REQUIREMENTS);
    let manifest: Value = serde_json::from_str(&result.text(".repack/manifest.json")).unwrap();
    let machines: Vec<_> =
        manifest["targets"].as_array().unwrap().iter().map(|target| &target["arch"]).collect();
    assert_eq!(machines, ["x86_64", "aarch64"]);
    let bom: Value = serde_json::from_str(&result.text(".repack/sbom.cdx.json")).unwrap();
    let targets = bom["metadata"]["component"]["properties"].as_array().unwrap().iter();
    let targets: Vec<_> = targets.filter(|property| property["name"] == "plugyard:target").collect();
    assert_eq!(targets.len(), 2, "{bom}");
    for wheel in result.wheels() {
        let digest = sha256(result.content(&format!("wheels/{wheel}")));
        let listed = manifest["wheels"].as_array().unwrap().iter().find(|listed| listed["file"] == wheel);
        assert_eq!(listed.unwrap()["sha256"], digest, "{wheel}");
        let components = bom["components"].as_array().unwrap();
        assert!(components.iter().any(|part| part["hashes"][0]["content"] == digest), "{wheel}");
    }
    assert_eq!(result.wheels().len(), 4);
}

#[tokio::test]
async fn the_service_and_the_command_line_combine_to_the_same_bytes() {
    let (yard, sample) = (Yard::start().await, Sample::new("same-combined"));
    let body = json!({"url": sample.package_url(), "platforms": [X86_64, AARCH64], "combined": true});
    let batch = yard.post("/api/v1/tasks/batch", &body).await.expect(200).json();
    let task = task_id(&batch["tasks"][0]);
    yard.completed(&task).await;
    let (_ground, bytes) = combined(&sample.plugin).await;
    assert_eq!(sha256(&yard.download(&task).await), sha256(&bytes));
}

#[tokio::test]
async fn it_can_be_repackaged_for_one_of_its_platforms_again() {
    let sample = Sample::new("again");
    let (ground, bytes) = combined(&sample.plugin).await;
    std::fs::write(ground.path().join("cwd/combined.difypkg"), &bytes).unwrap();
    let args = ["repackage", "combined.difypkg", "--platform", AARCH64];
    let ran = Cli::on(ground.path()).args(args).run().await.expect(0);
    let one = Unpacked::read(&std::fs::read(&ran.paths()[0]).unwrap());
    assert_eq!(one.wheels(), sample.expected(1));
    assert_eq!(one.text("requirements.txt"), REQUIREMENTS);
}

#[tokio::test]
async fn it_installs_on_each_of_its_platforms_without_network() {
    let files = Files::start();
    let (ground, bytes) = combined(&importable(&files)).await;
    drop(files);
    let package = unpacked(ground.path(), "both", &bytes);
    for machine in ["x86_64", "aarch64"] {
        let mut install = cut_off(uv());
        install.current_dir(&package).env("PATH", format!("{}:/usr/bin:/bin", directory().display()));
        install.env("UV_CACHE_DIR", package.join(".cache"));
        install.args(["pip", "install", "--target", machine, "--only-binary", ":all:"]);
        install.args(["--python-platform", &format!("{machine}-manylinux_2_39"), "--python-version", "3.12"]);
        succeeds(install.args(["-r", "requirements.txt"]));
        let tag = std::fs::read_to_string(package.join(machine).join("gamma/__init__.py")).unwrap();
        assert!(tag.contains(machine), "{tag}");
    }
}

#[tokio::test]
async fn platforms_that_need_other_packages_are_named_and_get_one_package_each() {
    let files = Files::start();
    let wheel = |name: &str| Wheel::pure(name, "1.0");
    let lock = Lock::new("differing")
        .with(Locked::new("shared", "1.0").served(&files, &wheel("shared")))
        .with(Locked::new("arm-only", "1.0").served(&files, &wheel("arm-only")))
        .root_needs("{ name = \"shared\" }")
        .root_needs("{ name = \"arm-only\", marker = \"platform_machine == 'aarch64'\" }");
    let ground = binary::ground();
    std::fs::write(ground.path().join("cwd/in.difypkg"), Plugin::locked(&lock).bytes()).unwrap();
    let ran = Cli::on(ground.path()).args(["repackage", "in.difypkg"]).args(BOTH).run().await.expect(1);
    let wanted = "The platforms need different packages or versions (arm-only 1.0); ask for one package each";
    assert!(ran.err.contains(&format!("{wanted} (NOT_COMBINABLE)")), "{}", ran.err);
    assert_eq!(ran.out, "");
}
