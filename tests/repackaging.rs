//! The main job: a package with a lock goes in, one with all its wheels comes out.

use plugyard_tests::{
    AARCH64, Act, Entry, Files, Lock, Locked, Plan, Plugin, Sample, Unpacked, Upload, Wheel, X86_64, Yard,
    samples::REQUIREMENTS, sha256, wheel::LINUX_X86_64,
};
use serde_json::json;

#[tokio::test]
async fn a_package_by_url_comes_out_with_exactly_the_wheels_of_its_target() {
    let (yard, sample) = (Yard::start().await, Sample::new("by-url"));
    let url = sample.package_url();
    for (target, platform) in [X86_64, AARCH64].into_iter().enumerate() {
        let task = yard.repackage_url(&url, platform).await;
        let record = yard.completed(&task).await;
        assert_eq!(record["original_filename"], "by-url.difypkg");
        assert_eq!(record["output_filename"], "by-url-offline.difypkg");
        let result = yard.result(&task).await;
        assert_eq!(result.wheels(), sample.expected(target));
        assert_eq!(result.text("requirements.txt"), REQUIREMENTS);
        assert_eq!(result.content("wheels/alpha-1.0.0-py3-none-any.whl"), sample.alpha.bytes());
    }
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
}

#[tokio::test]
async fn an_upload_becomes_the_same_package_as_the_url() {
    let (yard, sample) = (Yard::start().await, Sample::new("same"));
    let by_url = yard.repackage_url(&sample.package_url(), X86_64).await;
    yard.completed(&by_url).await;
    let uploaded = yard.upload(&sample.plugin, X86_64).await;
    assert_ne!(by_url, uploaded);
    yard.completed(&uploaded).await;
    assert_eq!(yard.download(&by_url).await, yard.download(&uploaded).await);
}

#[tokio::test]
async fn the_result_holds_nothing_that_sends_the_daemon_online() {
    let (yard, sample) = (Yard::start().await, Sample::new("stripped"));
    let plugin = sample
        .plugin
        .clone()
        .file("wheels/stale-0.1-py3-none-any.whl", "an older repackaging left this")
        .file(".verification.dify.json", r#"{"authorized_category":"langgenius"}"#);
    let mut archive = plugin.archive();
    archive.comment = br#"{"signature":"c2lnbmVk","time":1700000000}"#.to_vec();
    let upload = Upload::bytes("stripped.difypkg", archive.bytes()).field("platform", X86_64);
    let task = yard.try_upload(upload).await.expect(200).json()["task_id"].as_str().unwrap().to_owned();
    let result = yard.result(&task).await;
    for gone in ["pyproject.toml", "uv.lock", ".verification.dify.json", "wheels/stale-0.1-py3-none-any.whl"]
    {
        assert!(!result.has(gone), "{gone} is still there");
    }
    assert!(result.comment.is_empty(), "the signature is void and gone");
    assert_eq!(result.content(".repack/uv.lock"), plugin.content("uv.lock"));
    assert_eq!(result.content(".repack/pyproject.toml"), plugin.content("pyproject.toml"));
    for kept in ["manifest.yaml", "main.py", "README.md", "_assets/icon.svg", "tools/greet.py"] {
        assert_eq!(result.content(kept), plugin.content(kept), "{kept}");
    }
}

#[tokio::test]
async fn every_record_of_the_result_has_the_fixed_form() {
    let (yard, sample) = (Yard::start().await, Sample::new("form"));
    let task = yard.upload(&sample.plugin, X86_64).await;
    let result = yard.result(&task).await;
    let mut sorted = result.names();
    sorted.sort_unstable();
    assert_eq!(result.names(), sorted, "names in bytewise order");
    for member in &result.members {
        let name = &member.name;
        assert!(!name.ends_with('/'), "{name}: no directory entries");
        assert_eq!((member.date, member.time), (0x21, 0), "{name}: 1980-01-01 00:00:00");
        assert_eq!((member.system, member.attributes >> 16), (3, 0o100_644), "{name}: unix, 0644");
        assert_eq!(member.extra, 0, "{name}: no extra fields");
        assert_eq!(member.flags & 0x8, 0, "{name}: no data descriptor");
        let method = if name.starts_with("wheels/") { 0 } else { 8 };
        assert!(
            member.method == method || member.content.is_empty(),
            "{name}: wheels stored, the rest deflated"
        );
    }
}

#[tokio::test]
async fn the_bill_of_materials_names_every_wheel_and_no_time() {
    let (yard, sample) = (Yard::start().await, Sample::new("bill"));
    let task = yard.upload(&sample.plugin, X86_64).await;
    let text = yard.result(&task).await.text(".repack/manifest.json");
    let bill: serde_json::Value = serde_json::from_str(&text).unwrap();
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0]] {
        for fact in [&wheel.name, &wheel.version, &wheel.file_name(), &wheel.sha256()] {
            assert!(text.contains(fact.as_str()), "{fact} is missing in {text}");
        }
    }
    assert!(text.contains(&sha256(&sample.plugin.bytes())), "the digest of the input");
    assert!(text.contains("MIT"), "licences from METADATA");
    let wheels = bill["wheels"].as_array().expect("a list of wheels");
    assert_eq!(wheels.len(), 3);
    assert!(wheels.iter().all(|wheel| wheel["built"] == false), "{bill}");
}

#[tokio::test]
async fn a_package_without_dependencies_gets_an_empty_requirements_file() {
    let yard = Yard::start().await;
    let minimal = "version: 0.0.1\ntype: plugin\nauthor: yard\nname: minimal\n";
    for plugin in [
        Plugin::new("empty"),
        Plugin::new("missing").without("requirements.txt"),
        Plugin::new("minimal").file("manifest.yaml", minimal),
        Plugin::locked(&Lock::new("locked-but-empty")),
    ] {
        let task = yard.upload(&plugin, X86_64).await;
        let result = yard.result(&task).await;
        assert_eq!(result.text("requirements.txt"), "", "{}", plugin.name);
        assert!(result.wheels().is_empty(), "{}", plugin.name);
    }
}

#[tokio::test]
async fn the_output_can_be_repackaged_for_another_system() {
    let (yard, sample) = (Yard::start().await, Sample::new("again"));
    let first = yard.upload(&sample.plugin, X86_64).await;
    yard.completed(&first).await;
    let output = Upload::bytes("again-offline.difypkg", yard.download(&first).await);
    let answer = yard.try_upload(output.field("platform", AARCH64)).await.expect(200).json();
    let second = answer["task_id"].as_str().unwrap();
    assert_eq!(yard.result(second).await.wheels(), sample.expected(1));
    let direct = yard.upload(&sample.plugin, AARCH64).await;
    assert_eq!(yard.result(&direct).await.wheels(), sample.expected(1));
}

#[tokio::test]
async fn markers_extras_and_forks_are_decided_for_the_target() {
    let (yard, files) = (Yard::start().await, Files::start());
    let wheel = |name: &str, version: &str| Wheel::pure(name, version);
    let locked = |name: &str, version: &str| Locked::new(name, version).served(&files, &wheel(name, version));
    let forked = |version: &str, marker: &str| {
        format!(
            "{{ name = \"forked\", version = \"{version}\", source = {{ registry = \"{}\" }}, marker = \"{marker}\" }}",
            files.url("/simple")
        )
    };
    let lock = Lock::new("marked")
        .with(locked("base", "1.0").extra("speed", "{ name = \"fast\" }").extra("unused", "{ name = \"slow\" }"))
        .with(locked("fast", "1.0").transitive())
        .with(locked("slow", "1.0").transitive())
        .with(locked("mac-only", "1.0").transitive())
        .with(locked("linux-only", "1.0").transitive())
        .with(locked("forked", "1.0").transitive())
        .with(locked("forked", "2.0").transitive())
        .root_needs("{ name = \"base\", extra = [\"speed\"] }")
        .root_needs("{ name = \"mac-only\", marker = \"sys_platform == 'darwin'\" }")
        .root_needs("{ name = \"linux-only\", marker = \"sys_platform == 'linux' and python_full_version >= '3.12'\" }")
        .root_needs(&forked("1.0", "platform_machine == 'aarch64'"))
        .root_needs(&forked("2.0", "platform_machine != 'aarch64'"));
    let plugin = Plugin::locked(&lock);
    let pins = async |platform: &str| {
        let task = yard.upload(&plugin, platform).await;
        let text = yard.result(&task).await.text("requirements.txt");
        text.lines().skip(2).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(pins(X86_64).await, ["base==1.0", "fast==1.0", "forked==2.0", "linux-only==1.0"]);
    assert_eq!(pins(AARCH64).await, ["base==1.0", "fast==1.0", "forked==1.0", "linux-only==1.0"]);
    assert_eq!(pins("macosx_11_0_arm64").await, ["base==1.0", "fast==1.0", "forked==2.0", "mac-only==1.0"]);
    assert_eq!(files.count("/packages/slow-1.0-py3-none-any.whl"), 0);
}

#[tokio::test]
async fn the_floor_is_policy_unless_the_caller_is_strict() {
    let (yard, files) = (Yard::start().await, Files::start());
    let newer = Wheel::tagged("native", "1.0", "cp312-cp312-manylinux_2_28_x86_64");
    let lock = Lock::of("floor", &files, &[newer]);
    let url = files.put("/floor.difypkg", Plugin::locked(&lock).bytes());
    let ask = async |options: serde_json::Value| {
        let mut body = json!({ "url": url, "platform": X86_64 });
        body.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        yard.repackage(&body).await
    };
    let default = ask(json!({})).await;
    yard.completed(&default).await;
    let report = yard.report(&default).await;
    assert_eq!(report["needs_glibc"], "2.28");
    yard.completed(&ask(json!({ "glibc": "2.28" })).await).await;
    let error = yard.failed(&ask(json!({ "strict": true })).await).await;
    assert_eq!(
        error,
        "native 1.0 has no wheel for glibc 2.17 x86_64; it needs glibc 2.28 or newer (use strict=false) \
         [cp312-cp312-manylinux_2_28_x86_64] (NO_WHEEL)"
    );
    assert!(yard.failed(&ask(json!({ "glibc": "2.27" })).await).await.ends_with("(NO_WHEEL)"));
}

#[tokio::test]
async fn the_best_of_several_wheels_is_taken() {
    let (yard, files) = (Yard::start().await, Files::start());
    let tags = [
        "py3-none-any",
        "cp38-abi3-manylinux_2_17_x86_64",
        LINUX_X86_64,
        "cp311-cp311-manylinux_2_17_x86_64",
    ];
    let wheels = tags.map(|tag| Wheel::tagged("choice", "1.0", tag));
    let plugin = Plugin::locked(&Lock::of("choice-of", &files, &wheels));
    let result = yard.result(&yard.upload(&plugin, X86_64).await).await;
    assert_eq!(result.wheels(), [wheels[2].file_name()]);
    let other = yard.result(&yard.upload(&plugin, AARCH64).await).await;
    assert_eq!(other.wheels(), [wheels[0].file_name()]);
}

#[tokio::test]
async fn the_report_says_what_was_done() {
    let (yard, sample) = (Yard::start().await, Sample::new("facts"));
    let task = yard.upload(&sample.plugin, X86_64).await;
    let result = yard.result(&task).await;
    let bytes = yard.download(&task).await;
    let report = yard.report(&task).await;
    assert_eq!(report["source"], "uv.lock", "{report}");
    assert_eq!(report["target"]["os"], "linux");
    assert_eq!(report["target"]["arch"], "x86_64");
    assert_eq!(report["target"]["floor"], "2.39");
    assert_eq!(report["target"]["strict"], false);
    assert_eq!(report["wheels"], 3);
    assert_eq!(report["sha256"], sha256(&bytes));
    assert_eq!(report["output_bytes"], bytes.len());
    assert_eq!(report["needs_glibc"], "2.17");
    assert_eq!(report["signed"], false);
    let wheel_bytes: usize =
        [&sample.alpha, &sample.beta, &sample.gamma[0]].map(|wheel| wheel.bytes().len()).iter().sum();
    assert_eq!(report["wheel_bytes"], wheel_bytes);
    assert_eq!(report["downloaded_bytes"], wheel_bytes);
    assert_eq!(report["cache_hits"], 0);
    let input = Unpacked::read(&sample.plugin.archive_without_descriptors().bytes());
    assert_eq!(report["identifier_in"], format!("yard/facts:0.0.1@{}", input.checksum()));
    assert_eq!(report["identifier_out"], format!("yard/facts:0.0.1@{}", result.checksum()));
    let notes = report["notes"].to_string();
    assert!(notes.contains("FORCE_VERIFYING_SIGNATURE=false"), "{notes}");
    assert!(notes.contains("glibc"), "{notes}");
}

#[tokio::test]
async fn a_second_target_fetches_only_what_is_missing() {
    let (yard, sample) = (Yard::start().await, Sample::new("cached"));
    yard.completed(&yard.upload(&sample.plugin, X86_64).await).await;
    let second = yard.upload(&sample.plugin, AARCH64).await;
    yard.completed(&second).await;
    let report = yard.report(&second).await;
    assert_eq!(report["cache_hits"], 2);
    assert_eq!(report["downloaded_bytes"], sample.gamma[1].bytes().len());
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0], &sample.gamma[1]] {
        assert_eq!(sample.files.count(&Sample::wheel_path(wheel)), 1, "{}", wheel.file_name());
    }
}

#[tokio::test]
async fn a_mirror_of_the_operator_comes_before_the_address_in_the_lock() {
    let mirror = Files::start();
    let yard = Plan::default().set("PLUGYARD_INDEX_FILES", &mirror.url("")).start().await;
    let sample = Sample::new("mirrored");
    for wheel in [&sample.alpha, &sample.gamma[0]] {
        mirror.put(&Sample::wheel_path(wheel), wheel.bytes());
    }
    yard.completed(&yard.upload(&sample.plugin, X86_64).await).await;
    let asked = |files: &Files, wheel: &Wheel| files.count(&Sample::wheel_path(wheel));
    assert_eq!((asked(&mirror, &sample.alpha), asked(&sample.files, &sample.alpha)), (1, 0));
    assert_eq!(asked(&sample.files, &sample.beta), 1, "what the mirror lacks comes from the lock's address");
}

#[tokio::test]
async fn packages_of_other_writers_come_through_too() {
    let yard = Yard::start().await;
    let plugin = Plugin::new("plainly-written");
    let mut archive = plugin.archive();
    archive.entries =
        archive.entries.iter().map(|e| Entry::plain(e.name.clone(), e.content.clone())).collect();
    archive.entries.reverse();
    let directory = Entry { attributes: 0o040_755 << 16 | 0x10, stored: true, ..Entry::plain("docs/", "") };
    let upload = Upload::bytes("plain.difypkg", archive.with(directory).bytes());
    let answer = yard.try_upload(upload.field("platform", X86_64)).await.expect(200).json();
    let task = answer["task_id"].as_str().unwrap();
    assert!(!yard.result(task).await.has("docs/"), "directory entries are dropped");
    assert!(yard.report(task).await["notes"].to_string().contains("director"), "and a note says so");
}

#[tokio::test]
async fn a_wheel_survives_what_networks_do() {
    let (yard, sample) = (Yard::start().await, Sample::sized("stormy", 300_000));
    let [alpha, beta, gamma] = [&sample.alpha, &sample.beta, &sample.gamma[0]].map(Sample::wheel_path);
    let busy = Act::Status(503, vec![("Retry-After".into(), "1".into())], "busy".into());
    sample.files.first(&alpha, busy);
    sample.files.first(&beta, Act::Cut(100_000));
    sample.files.first(&gamma, Act::Wrong);
    let task = yard.upload(&sample.plugin, X86_64).await;
    let result = yard.result(&task).await;
    assert_eq!(result.wheels(), sample.expected(0));
    assert_eq!([&alpha, &beta, &gamma].map(|path| sample.files.count(path)), [2, 2, 2]);
    let resumed = sample.files.asked().into_iter().filter(|asked| asked.path == beta).nth(1).unwrap();
    assert_eq!(resumed.range.as_deref(), Some("bytes=100000-"), "a cut download goes on where it ended");
}
