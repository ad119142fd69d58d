//! The command line: one shot, without a server or a database.

use plugyard_tests::{AARCH64, Act, Cli, Sample, Unpacked, X86_64, binary, sha256, tree, waiting::seconds};
use tempfile::TempDir;

/// Ground with the sample's package in the working directory.
fn prepared(sample: &Sample) -> TempDir {
    let ground = binary::ground();
    std::fs::write(ground.path().join("cwd").join(sample.plugin.file_name()), sample.plugin.bytes()).unwrap();
    ground
}

fn outputs(ground: &TempDir) -> Vec<String> {
    let below = tree::files_below(&ground.path().join("cwd"));
    below.into_iter().filter(|path| path.contains("-offline") || path.starts_with("out/")).collect()
}

#[tokio::test]
async fn a_file_becomes_one_package_per_platform_in_one_go() {
    let sample = Sample::new("both");
    let ground = prepared(&sample);
    let ran = Cli::on(ground.path())
        .args(["repackage", "both.difypkg", "--platform", X86_64, "--platform", AARCH64])
        .args(["--suffix", "air", "--output", "out"])
        .run()
        .await
        .expect(0);
    let paths = ran.paths();
    assert_eq!(paths.len(), 2, "one line per result: {:?}", ran.out);
    assert!(!ran.err.is_empty(), "progress goes to standard error");
    assert!(!ran.err.contains('\u{1b}'), "plain lines where there is no terminal: {:?}", ran.err);
    for (target, path) in paths.iter().enumerate() {
        let bytes = std::fs::read(ground.path().join("cwd").join(path)).unwrap();
        assert_eq!(Unpacked::read(&bytes).wheels(), sample.expected(target));
    }
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0], &sample.gamma[1]] {
        assert_eq!(sample.files.count(&Sample::wheel_path(wheel)), 1, "{}", wheel.file_name());
    }
    assert_eq!(sample.files.count(&Sample::wheel_path(&sample.gamma[2])), 0);
}

#[tokio::test]
async fn one_platform_keeps_the_plain_output_name() {
    let sample = Sample::new("plain");
    let ground = prepared(&sample);
    let cli = Cli::on(ground.path()).args(["repackage", "plain.difypkg", "--platform", X86_64]);
    let paths = cli.run().await.expect(0).paths();
    assert_eq!(paths.len(), 1);
    assert_eq!(paths[0].file_name().unwrap(), "plain-offline.difypkg");
    assert!(ground.path().join("cwd/plain-offline.difypkg").is_file(), "in the working directory by default");
}

#[tokio::test]
async fn json_says_everything_about_each_result() {
    let sample = Sample::new("machine");
    let ground = prepared(&sample);
    let cli = Cli::on(ground.path()).args(["repackage", "machine.difypkg", "--platform", AARCH64, "--json"]);
    let said = cli.run().await.expect(0).json();
    assert_eq!(said["failed"], serde_json::json!([]));
    let result = &said["results"][0];
    let path = ground.path().join("cwd").join(result["path"].as_str().unwrap());
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(result["platform"], AARCH64);
    assert_eq!((&result["sha256"], &result["size"]), (&sha256(&bytes).into(), &bytes.len().into()));
    for fact in
        ["target", "source", "wheels", "wheel_bytes", "needs_glibc", "identifier_out", "notes", "timings"]
    {
        assert!(!result[fact].is_null(), "{fact} is missing in {result}");
    }
}

#[tokio::test]
async fn a_url_works_like_a_file() {
    let sample = Sample::new("linked");
    let ground = binary::ground();
    let cli = Cli::on(ground.path()).args(["repackage", &sample.package_url(), "--platform", X86_64]);
    let paths = cli.run().await.expect(0).paths();
    let bytes = std::fs::read(ground.path().join("cwd").join(&paths[0])).unwrap();
    assert_eq!(Unpacked::read(&bytes).wheels(), sample.expected(0));
    assert_eq!(sample.files.count(&sample.package_path()), 1);
}

#[tokio::test]
async fn one_failing_platform_does_not_stop_the_others() {
    let sample = Sample::new("partly");
    let ground = prepared(&sample);
    let args =
        ["repackage", "partly.difypkg", "--platform", X86_64, "--platform", "macosx_10_9_x86_64", "--json"];
    let ran = Cli::on(ground.path()).args(args).run().await;
    assert!(![Some(0), None].contains(&ran.code), "not complete, not 0: {ran:?}");
    let said = ran.json();
    assert_eq!(said["results"].as_array().unwrap().len(), 1);
    assert_eq!(said["results"][0]["platform"], X86_64);
    let failed = &said["failed"][0];
    assert_eq!((&failed["platform"], &failed["reason"]), (&"macosx_10_9_x86_64".into(), &"NO_WHEEL".into()));
    assert!(failed["error"].as_str().unwrap().contains("gamma 3.0.0"), "{failed}");
    assert_eq!(outputs(&ground).len(), 1);
}

#[tokio::test]
async fn a_failure_is_one_clear_sentence_and_leaves_nothing() {
    let sample = Sample::new("broken");
    let ground = prepared(&sample);
    sample.files.always(&Sample::wheel_path(&sample.alpha), Act::Status(404, vec![], "gone".into()));
    std::fs::write(ground.path().join("cwd/page.difypkg"), "<html>").unwrap();
    for (args, says) in [
        (vec!["broken.difypkg", "--platform", X86_64], "alpha"),
        (vec!["absent.difypkg"], "absent.difypkg"),
        (vec!["page.difypkg"], "difypkg"),
        (vec!["broken.difypkg", "--platform", "win_amd64"], "win_amd64"),
        (vec!["broken.difypkg", "--suffix", "../x"], "uffix"),
        (vec!["broken.difypkg", "--python", "two"], "two"),
        (vec!["https://127.0.0.1.nip.invalid/x.difypkg"], "127.0.0.1.nip.invalid"),
        (vec!["ftp://example.com/x.difypkg"], "example.com"),
    ] {
        let ran = Cli::on(ground.path()).args(["repackage"]).args(args.clone()).run().await;
        assert!(![Some(0), None].contains(&ran.code), "{args:?}: {ran:?}");
        assert!(ran.err.contains(says), "{args:?}: {:?}", ran.err);
        assert!(!ran.err.contains("panicked"), "{args:?}: {:?}", ran.err);
        assert_eq!(ran.out, "", "{args:?}");
        assert!(outputs(&ground).is_empty(), "{args:?}: {:?}", outputs(&ground));
    }
}

#[tokio::test]
async fn an_interrupt_leaves_nothing_half_written() {
    let sample = Sample::sized("stopped", 100_000);
    let ground = prepared(&sample);
    let path = Sample::wheel_path(&sample.gamma[0]);
    sample.files.first(&path, Act::Stall(50_000));
    let args = ["repackage", "stopped.difypkg", "--platform", X86_64, "--output", "out"];
    let running = Cli::on(ground.path()).args(args).spawn();
    sample.files.reached(&path).await;
    running.interrupt();
    let ran = running.ended_within(seconds(15)).await.expect(130);
    assert_eq!(ran.out, "");
    assert!(outputs(&ground).is_empty(), "{:?}", outputs(&ground));
    assert!(tree::files_below(&ground.path().join("tmp")).is_empty(), "no temporary file stays");
    sample.files.release();
    Cli::on(ground.path()).args(args).run().await.expect(0);
    assert_eq!(outputs(&ground), ["out/stopped-offline.difypkg"]);
}

#[tokio::test]
async fn python_strict_and_glibc_decide_the_wheels() {
    use plugyard_tests::{Files, Lock, Plugin, Wheel};
    let files = Files::start();
    let tags = [
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp312-cp312-manylinux_2_28_x86_64",
        "cp312-cp312-manylinux_2_35_x86_64",
    ];
    let wheels = tags.map(|tag| Wheel::tagged("native", "1.0", tag));
    let plugin = Plugin::locked(&Lock::of("chosen", &files, &wheels));
    let ground = binary::ground();
    std::fs::write(ground.path().join("cwd/chosen.difypkg"), plugin.bytes()).unwrap();
    for (options, chosen) in [
        (vec![], 3),
        (vec!["--strict"], 1),
        (vec!["--glibc", "2.28"], 2),
        (vec!["--glibc", "2.34"], 2),
        (vec!["--python", "3.11"], 0),
    ] {
        let args = ["repackage", "chosen.difypkg", "--platform", X86_64, "--output", "out"];
        let paths = Cli::on(ground.path()).args(args).args(options.clone()).run().await.expect(0).paths();
        let bytes = std::fs::read(ground.path().join("cwd").join(&paths[0])).unwrap();
        assert_eq!(Unpacked::read(&bytes).wheels(), [wheels[chosen].file_name()], "{options:?}");
    }
    let literal = ["repackage", "chosen.difypkg", "--platform", "manylinux_2_28_x86_64", "--output", "out"];
    let paths = Cli::on(ground.path()).args(literal).run().await.expect(0).paths();
    let bytes = std::fs::read(ground.path().join("cwd").join(&paths[0])).unwrap();
    assert_eq!(Unpacked::read(&bytes).wheels(), [wheels[2].file_name()], "who writes a tag means it");
}

#[tokio::test]
async fn help_shows_the_commands_and_their_settings() {
    let ground = binary::ground();
    let help = Cli::on(ground.path()).args(["--help"]).run().await.expect(0).out;
    for command in ["serve", "repackage", "migrate", "projections", "events"] {
        assert!(help.contains(command), "{command} is missing in {help}");
    }
    let serve = Cli::on(ground.path()).args(["serve", "--help"]).run().await.expect(0).out;
    for setting in ["DATABASE_URL", "PLUGYARD_LISTEN", "PLUGYARD_DATA_DIR", "PLUGYARD_FETCH_ALLOW"] {
        assert!(serve.contains(setting) || help.contains(setting), "{setting} is missing");
    }
}
