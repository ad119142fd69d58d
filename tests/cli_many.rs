//! The command line with many inputs, targets in one package, and what it tells of them.

use plugyard_tests::{
    AARCH64, Act, Cli, Plugin, Sample, Unpacked, X86_64, binary, marketplace::Market, tree, waiting::seconds,
};
use tempfile::TempDir;

fn write(ground: &TempDir, path: &str, bytes: &[u8]) {
    let path = ground.path().join("cwd").join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn outputs(ground: &TempDir) -> Vec<String> {
    let below = tree::files_below(&ground.path().join("cwd"));
    below.into_iter().filter(|path| path.contains("-offline") || path.contains("plugyard-")).collect()
}

/// Another plugin with the same wheels.
fn renamed(sample: &Sample, name: &str) -> Plugin {
    let manifest = String::from_utf8(sample.plugin.content("manifest.yaml").to_vec()).unwrap();
    let manifest = manifest.replace(&format!("name: {}", sample.plugin.name), &format!("name: {name}"));
    sample.plugin.clone().file("manifest.yaml", manifest)
}

#[tokio::test]
async fn many_inputs_share_their_wheels_and_a_bad_one_fails_alone() {
    let sample = Sample::sized("first", 100_000);
    let ground = binary::ground();
    write(&ground, "first.difypkg", &sample.plugin.bytes());
    write(&ground, "second.difypkg", &renamed(&sample, "second").bytes());
    write(&ground, "page.difypkg", b"<html>");
    let url = sample.files.put("/third.difypkg", renamed(&sample, "third").bytes());
    let args = ["repackage", "first.difypkg", "page.difypkg", "second.difypkg", &url, "absent.difypkg"];
    let ran = Cli::on(ground.path()).args(args).args(["--platform", X86_64]).run().await.expect(1);
    let names: Vec<_> = ran.paths().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    let expected = ["first", "second", "third"].map(|name| format!("{name}-offline.difypkg"));
    assert_eq!(names, expected.map(std::ffi::OsString::from), "in the order of the inputs: {}", ran.out);
    for path in ran.paths() {
        assert_eq!(Unpacked::read(&std::fs::read(path).unwrap()).wheels(), sample.expected(0));
    }
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0]] {
        assert_eq!(sample.files.count(&Sample::wheel_path(wheel)), 1, "{}", wheel.file_name());
    }
    for says in ["error: page.difypkg: ", "error: absent.difypkg: absent.difypkg does not exist"] {
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
    let table: Vec<&str> = ran.err.lines().skip_while(|line| !line.starts_with("INPUT ")).collect();
    assert_eq!(table.len(), 6, "a line per input: {}", ran.err);
    assert!(
        table[1].starts_with("first.difypkg ") && table[1].ends_with("first-offline.difypkg"),
        "{table:?}"
    );
    assert!(table[1].contains(X86_64) && table[1].contains("glibc 2.17"), "{table:?}");
    assert!(table[2].starts_with("page.difypkg ") && table[2].ends_with("(PACKAGE_INVALID)"), "{table:?}");
    assert!(!ran.err.contains('\u{1b}'), "{:?}", ran.err);
}

#[tokio::test]
async fn json_is_one_document_for_all_inputs() {
    let sample = Sample::new("one");
    let ground = binary::ground();
    write(&ground, "one.difypkg", &sample.plugin.bytes());
    write(&ground, "two.difypkg", &renamed(&sample, "two").bytes());
    let args = ["repackage", "one.difypkg", "absent.difypkg", "two.difypkg", "--json", "--platform", X86_64];
    let ran = Cli::on(ground.path()).args(args).run().await.expect(1);
    let said = ran.json();
    let inputs = |list: &str| -> Vec<String> {
        let list = said[list].as_array().unwrap();
        list.iter().map(|told| told["input"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(inputs("results"), ["one.difypkg", "two.difypkg"]);
    assert_eq!(inputs("failed"), ["absent.difypkg"]);
    assert_eq!(said["results"][1]["wheels"], 3);
    assert!(!ran.err.contains("INPUT "), "no table beside a document: {}", ran.err);
}

#[tokio::test]
async fn inputs_of_one_name_keep_results_of_their_own() {
    let ground = binary::ground();
    for (dir, name) in [("a", "one"), ("b", "two")] {
        write(&ground, &format!("{dir}/same.difypkg"), &Plugin::new(name).bytes());
    }
    let args = ["repackage", "a/same.difypkg", "b/same.difypkg", "a/same.difypkg", "--output", "out"];
    let paths = Cli::on(ground.path()).args(args).run().await.expect(0).paths();
    assert_eq!(outputs(&ground), ["out/same-offline-2.difypkg", "out/same-offline.difypkg"]);
    let manifest =
        |number: usize| Unpacked::read(&std::fs::read(&paths[number]).unwrap()).text("manifest.yaml");
    assert!(manifest(0).contains("name: one") && manifest(1).contains("name: two"));
}

#[tokio::test]
async fn a_combined_package_holds_the_wheels_of_all_platforms() {
    let sample = Sample::new("combined");
    let ground = binary::ground();
    write(&ground, "combined.difypkg", &sample.plugin.bytes());
    let args = ["repackage", "combined.difypkg", "--combined", "--platform", X86_64, "--platform", AARCH64];
    let ran = Cli::on(ground.path()).args(args).run().await.expect(0);
    let [path] = &ran.paths()[..] else { panic!("one path: {}", ran.out) };
    assert_eq!(path.file_name().unwrap(), "combined-offline.difypkg");
    let wheels = [&sample.alpha, &sample.beta, &sample.gamma[1], &sample.gamma[0]];
    let result = Unpacked::read(&std::fs::read(path).unwrap());
    assert_eq!(result.wheels(), wheels.map(plugyard_tests::Wheel::file_name));
    let said = Cli::on(ground.path()).args(args).args(["--json"]).run().await.expect(0).json();
    assert_eq!(said["results"][0]["platforms"], serde_json::json!([X86_64, AARCH64]));
    assert_eq!(said["results"][0]["combined_with"][0]["arch"], "aarch64");
    let impossible = Cli::on(ground.path()).args(args).args(["--platform", "macosx_10_9_x86_64"]);
    let ran = impossible.run().await.expect(1);
    assert!(ran.err.contains("gamma 3.0.0") && ran.out.is_empty(), "{ran:?}");
}

#[tokio::test]
async fn an_interrupt_keeps_what_is_finished_and_nothing_half_written() {
    let sample = Sample::sized("slow", 100_000);
    let path = Sample::wheel_path(&sample.gamma[0]);
    sample.files.first(&path, Act::Stall(50_000));
    let ground = binary::ground();
    write(&ground, "quick.difypkg", &Plugin::new("quick").bytes());
    write(&ground, "slow.difypkg", &sample.plugin.bytes());
    write(&ground, "never.difypkg", &renamed(&sample, "never").bytes());
    let args = ["--workers", "1", "repackage", "quick.difypkg", "slow.difypkg", "never.difypkg"];
    let running = Cli::on(ground.path()).args(args).args(["--platform", X86_64, "--output", "out"]).spawn();
    sample.files.reached(&path).await;
    running.interrupt();
    let ran = running.ended_within(seconds(15)).await.expect(130);
    assert_eq!(ran.paths().len(), 1, "what is finished is told: {:?}", ran.out);
    assert_eq!(outputs(&ground), ["out/quick-offline.difypkg"]);
    assert!(tree::files_below(&ground.path().join("tmp")).is_empty(), "no temporary file stays");
}

#[tokio::test]
async fn a_plugin_nobody_can_be_asked_for_is_one_clear_sentence() {
    let ground = binary::ground();
    write(&ground, "lang/agent", &Plugin::new("agent").bytes());
    let nowhere = |cli: Cli| cli.set("PLUGYARD_MARKETPLACE_URL", "http://127.0.0.1:9/api/v1");
    for input in ["langgenius/agent", "langgenius/agent@0.0.9"] {
        let ran = nowhere(Cli::on(ground.path())).args(["repackage", input]).run().await.expect(1);
        assert!(ran.err.contains("The marketplace does not answer; try again later"), "{input}: {}", ran.err);
        assert!(ran.out.is_empty());
    }
    let ran = nowhere(Cli::on(ground.path())).args(["repackage", "lang/agent"]).run().await.expect(0);
    assert_eq!(ran.paths().len(), 1, "a file that is there is a file");
}

#[tokio::test]
async fn plugins_of_the_marketplace_come_by_name_by_version_and_by_page() {
    let (market, sample) = (Market::start(), Sample::new("listed"));
    market.list(&sample.plugin, "tool");
    let ground = binary::ground();
    let page = market.page_of(&sample.plugin);
    let args = ["repackage", "yard/listed", "yard/listed@0.0.1", &page, "yard/listed@9.9.9", "yard/absent"];
    let cli = Cli::on(ground.path()).set("PLUGYARD_MARKETPLACE_URL", &market.base());
    let ran = cli.args(args).args(["--platform", X86_64]).run().await.expect(1);
    let names = ["listed-offline.difypkg", "listed-offline-2.difypkg", "listed-offline-3.difypkg"];
    let paths = ran.paths();
    assert_eq!(paths.len(), 3, "{ran:?}");
    for (path, name) in paths.iter().zip(names) {
        assert_eq!(path.file_name().unwrap(), name);
        assert_eq!(Unpacked::read(&std::fs::read(path).unwrap()).wheels(), sample.expected(0));
    }
    for says in [
        "error: yard/listed@9.9.9: Version 9.9.9 of yard/listed not found (PLUGIN_UNKNOWN)",
        "error: yard/absent: No versions found for plugin yard/absent (PLUGIN_UNKNOWN)",
    ] {
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
}

#[tokio::test]
async fn nothing_to_do_is_a_usage_error() {
    let ground = binary::ground();
    let ran = Cli::on(ground.path()).args(["repackage"]).run().await.expect(1);
    assert!(ran.err.contains("<INPUT>..."), "{}", ran.err);
    let ran = Cli::on(ground.path()).args(["repackage", "a.difypkg", "--verify", "maybe"]).run().await;
    assert!(ran.expect(1).err.contains("install"));
}
