//! What goes wrong most, row by row: the rule, and the words the user sees. Status 400 before there is a task, else
//! the error of the task; the command line says the same.

use plugyard_tests::{
    AARCH64, Act, Cli, Files, Lock, Locked, Plan, Plugin, Sample, Upload, Wheel, X86_64, Yard,
    archive::{Entry, noise},
    binary,
    waiting::seconds,
};
use serde_json::json;

/// The words for an upload: at once, or of its task.
async fn said(yard: &Yard, upload: Upload) -> String {
    let answer = yard.try_upload(upload.field("platform", X86_64)).await;
    match answer.status {
        400 => answer.detail(),
        _ => yard.failed(answer.expect(200).json()["task_id"].as_str().unwrap()).await,
    }
}

async fn refused(yard: &Yard, bytes: Vec<u8>) -> String {
    yard.try_upload(Upload::bytes("hostile.difypkg", bytes)).await.expect(400).detail()
}

#[tokio::test]
async fn a_forbidden_address_is_named_and_a_redirect_to_one_fails_the_task() {
    let files = Files::start();
    let allow = format!("127.0.0.1/32:{}", files.port());
    let yard = Plan::default().set("PLUGYARD_FETCH_ALLOW", &allow).start().await;
    let create = async |url: &str| yard.post("/api/v1/tasks", &json!({ "url": url })).await;
    let detail = create("https://169.254.169.254/a.difypkg").await.expect(400).detail();
    assert_eq!(detail, "URL host not allowed: 169.254.169.254 (URL_FORBIDDEN)");
    let by_name = yard.repackage_url("https://localhost/a.difypkg", X86_64).await;
    assert_eq!(yard.failed(&by_name).await, "URL host not allowed: localhost (URL_FORBIDDEN)");
    let url = files.put("/moved.difypkg", "");
    files.always("/moved.difypkg", Act::Redirect("http://127.0.0.1:1/a.difypkg".to_owned()));
    let moved = yard.repackage_url(&url, X86_64).await;
    assert_eq!(yard.failed(&moved).await, "Redirect to a forbidden address (REDIRECT_FORBIDDEN)");
    let listed = Plan::default().set("PLUGYARD_FETCH_HOSTS", "example.org").start().await;
    let other = listed.repackage_url("https://evilexample.org/a.difypkg", X86_64).await;
    assert_eq!(listed.failed(&other).await, "URL host not allowed: evilexample.org (URL_FORBIDDEN)");
}

#[tokio::test]
async fn a_web_page_instead_of_a_package_is_recognised_with_its_status() {
    let (yard, files) = (Yard::start().await, Files::start());
    let page = "<!DOCTYPE html><html><body>Sign in</body></html>";
    let uploaded = refused(&yard, page.into()).await;
    assert_eq!(uploaded, "The file is a web page, not a .difypkg (PACKAGE_INVALID)");
    let url = files.put("/page.difypkg", page);
    files.always("/page.difypkg", Act::Status(403, vec![], page.into()));
    let error = yard.failed(&yard.repackage_url(&url, X86_64).await).await;
    let wanted = "The server sent a web page, not a .difypkg (HTTP 403 from 127.0.0.1)";
    assert!(error.starts_with(wanted), "{error}");
    let ran = yard.cli().args(["repackage", &url]).run().await.expect(1);
    assert!(ran.err.contains(&format!("error: {wanted}")), "{}", ran.err);
}

#[tokio::test]
async fn a_package_that_is_too_large_or_becomes_too_large_is_refused() {
    let yard = Yard::start().await;
    let large = yard.ground().join("cwd/large.difypkg");
    std::fs::File::create(&large).unwrap().set_len((100 << 20) + 1).unwrap();
    let ran = yard.cli().args(["repackage", "large.difypkg"]).run().await.expect(1);
    assert!(ran.err.contains("error: Package larger than 100 MB (PACKAGE_TOO_LARGE)"), "{}", ran.err);
    let mut sum = Plugin::new("bomb").archive();
    for n in 0..6 {
        let part = Entry::new(format!("part{n}.bin"), noise(600 << 10, n));
        sum = sum.with(Entry { claimed_size: Some(100 << 20), ..part });
    }
    let bomb = refused(&yard, sum.bytes()).await;
    assert_eq!(bomb, "Package expands to more than 512 MB (PACKAGE_TOO_LARGE)");
    let zeros = Plugin::new("zeros").archive().with(Entry::new("zeros.bin", vec![0; 100 << 20]));
    let dense = refused(&yard, zeros.bytes()).await;
    assert_eq!(dense, "Package expands to more than 200 times its size (PACKAGE_TOO_LARGE)");
}

#[tokio::test]
async fn unsafe_names_links_duplicates_and_encryption_refuse_the_whole_package() {
    let yard = Yard::start().await;
    let with = |entry: Entry| Plugin::new("host").archive().with(entry).bytes();
    let encrypted = Entry { flags: plugyard_tests::archive::ENCRYPTED, ..Entry::new("secret.py", "x") };
    for (bytes, wanted) in [
        (
            with(Entry::new("../../evil.py", "x")),
            "Unsafe path in package: '../../evil.py' (PACKAGE_UNSAFE_PATH)",
        ),
        (
            with(Entry::new("link.py", "/etc/passwd").mode(0o120_777)),
            "Package contains a symbolic link (PACKAGE_UNSAFE_ENTRY)",
        ),
        (
            with(Entry::new("main.py", "other")),
            "Package can be read in more than one way: 'main.py' is in it twice (PACKAGE_AMBIGUOUS)",
        ),
        (with(encrypted), "Package contains an encrypted entry (PACKAGE_UNSAFE_ENTRY)"),
    ] {
        assert_eq!(refused(&yard, bytes).await, wanted);
    }
}

#[tokio::test]
async fn what_is_no_plugin_is_refused_by_the_field_that_is_wrong() {
    let yard = Yard::start().await;
    let good = String::from_utf8(Plugin::new("host").content("manifest.yaml").to_vec()).unwrap();
    for (manifest, field) in [
        (good.replace("author: yard\n", ""), "author"),
        (good.replace("name: host", "name: Host!"), "name"),
        (good.replace("version: 0.0.1\ntype", "version: newest\ntype"), "version"),
    ] {
        let said = refused(&yard, Plugin::new("host").file("manifest.yaml", manifest).bytes()).await;
        assert_eq!(said, format!("manifest.yaml is missing or invalid: {field} (MANIFEST_INVALID)"));
    }
    let none = refused(&yard, Plugin::new("host").without("manifest.yaml").bytes()).await;
    assert!(none.starts_with("manifest.yaml is missing or invalid: "), "{none}");
}

#[tokio::test]
async fn an_unknown_platform_and_a_bad_suffix_are_refused_early() {
    let yard = Yard::start().await;
    let upload =
        |field: &str, value: &str| yard.try_upload(Upload::of(&Plugin::new("early")).field(field, value));
    for platform in ["win_amd64", "musllinux_1_2_x86_64", "commodore64"] {
        let body = json!({"url": "https://example.com/a.difypkg", "platform": platform});
        let by_url = yard.post("/api/v1/tasks", &body).await.expect(400).detail();
        assert!(by_url.starts_with(&format!("Unsupported platform: {platform}")), "{by_url}");
        assert_eq!(upload("platform", platform).await.expect(400).detail(), by_url);
        let ran = yard.cli().args(["repackage", "a.difypkg", "--platform", platform]).run().await.expect(1);
        assert!(ran.err.contains(&format!("Unsupported platform: {platform}")), "{}", ran.err);
    }
    for suffix in ["../x", ".hidden", "a b", &"x".repeat(33)] {
        let said = upload("suffix", suffix).await.expect(400).detail();
        assert!(said.starts_with("Invalid suffix"), "{suffix}: {said}");
        let body = json!({"url": "https://example.com/a.difypkg", "suffix": suffix});
        assert_eq!(yard.post("/api/v1/tasks", &body).await.expect(400).detail(), said);
    }
    assert_eq!(yard.asked_for().await, 0);
}

#[tokio::test]
async fn a_requirement_that_could_run_code_is_named_by_its_line_and_option_alone() {
    let yard = Yard::start().await;
    for (line, option) in [
        ("-e .", "-e"),
        ("--index-url https://user:hunter2@example.com/simple", "--index-url"),
        ("-r /etc/passwd", "-r"),
        ("--no-binary=:all:", "--no-binary"),
    ] {
        let text = format!("# first\nrequests>=2\n{line}\n");
        let plugin = Plugin::new("lockless").file("requirements.txt", text);
        let wanted = format!("requirements.txt line 3: '{option}' is not allowed for offline packages");
        let said = said(&yard, Upload::of(&plugin)).await;
        assert_eq!(said, format!("{wanted} (REQUIREMENT_UNSUPPORTED)"));
    }
}

#[tokio::test]
async fn packages_without_a_fitting_wheel_are_listed_with_the_floor_that_would_do() {
    let (yard, files) = (Yard::start().await, Files::start());
    let newer = |name: &str, tag: &str| Wheel::tagged(name, "1.0", &format!("cp312-cp312-{tag}_x86_64"));
    let wheels = [newer("one", "manylinux_2_28"), newer("two", "manylinux_2_31"), Wheel::pure("fine", "1.0")];
    let plugin = Plugin::locked(&Lock::of("unfit", &files, &wheels));
    let error = said(&yard, Upload::of(&plugin).field("strict", "true")).await;
    for line in [
        "one 1.0 has no wheel for glibc 2.17 x86_64; it needs glibc 2.28 or newer (use strict=false)",
        "two 1.0 has no wheel for glibc 2.17 x86_64; it needs glibc 2.31 or newer (use strict=false)",
    ] {
        assert!(error.contains(line), "{error}");
    }
    assert!(error.ends_with("(NO_WHEEL)") && !error.contains("fine"), "{error}");
    assert_eq!(files.count_below("/"), 0, "nothing is fetched in vain");
}

#[tokio::test]
async fn a_dependency_that_would_have_to_be_built_or_comes_from_elsewhere_is_named() {
    let (yard, files) = (Yard::start().await, Files::start());
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let git = format!("{{ git = \"{}?rev=main#{commit}\" }}", files.url("/sdk.git"));
    let sdist = Locked::new("wikipedia", "1.4.0").sdist(&files.url("/wikipedia-1.4.0.tar.gz"));
    for (locked, wanted) in [
        (sdist, "wikipedia 1.4.0 has no wheel; building is disabled on this server (NO_WHEEL)"),
        (
            Locked::new("monday-sdk", "1.0").source(&git),
            "monday-sdk comes from git; git sources are disabled (SOURCE_FORBIDDEN)",
        ),
    ] {
        let plugin = Plugin::locked(&Lock::new("elsewhere").with(locked));
        assert_eq!(said(&yard, Upload::of(&plugin)).await, wanted);
    }
    assert_eq!(files.connections(), 0);
}

#[tokio::test]
async fn a_wheel_with_another_hash_size_or_name_is_never_packed() {
    let yard = Yard::start().await;
    let wheel = Wheel::pure("alpha", "1.0.0");
    let path = format!("/packages/{}", wheel.file_name());
    let locked = |files: &Files, bytes: &[u8], claimed: &[u8]| {
        let url = files.put(&path, bytes);
        Plugin::locked(&Lock::new("spoilt").with(Locked::new("alpha", "1.0.0").file(&url, claimed)))
    };
    let wanted = format!("Integrity check failed for {} (WHEEL_MISMATCH)", wheel.file_name());

    let hash = Files::start();
    let plugin = locked(&hash, &wheel.bytes(), &wheel.bytes());
    hash.always(&path, Act::Wrong);
    assert_eq!(said(&yard, Upload::of(&plugin)).await, wanted);
    assert_eq!(hash.count(&path), 2, "fetched once more, and not for ever");

    let size = Files::start();
    let longer = [wheel.bytes(), b"more".to_vec()].concat();
    assert_eq!(said(&yard, Upload::of(&locked(&size, &longer, &wheel.bytes()))).await, wanted);

    let name = Files::start();
    let other = wheel.clone().claiming("beta").bytes();
    assert_eq!(said(&yard, Upload::of(&locked(&name, &other, &other))).await, wanted);
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
}

#[tokio::test]
async fn an_index_that_is_down_is_told_of_and_may_be_tried_again() {
    let sample = Sample::new("unreachable");
    let ground = binary::ground();
    std::fs::write(ground.path().join("cwd/a.difypkg"), sample.plugin.bytes()).unwrap();
    for wheel in [&sample.alpha, &sample.beta, &sample.gamma[0]] {
        sample.files.always(&Sample::wheel_path(wheel), Act::Status(503, vec![], String::new()));
    }
    let args = ["repackage", "a.difypkg", "--platform", X86_64];
    let ran = Cli::on(ground.path()).args(args).run().await.expect(1);
    assert!(ran.err.contains("error: Package index not reachable (INDEX_UNAVAILABLE)"), "{}", ran.err);
    assert_eq!(ran.out, "");
}

#[tokio::test]
async fn who_interrupts_or_cancels_is_told_so() {
    let (yard, sample) = (Yard::start().await, Sample::sized("stopped", 100_000));
    let path = Sample::wheel_path(&sample.gamma[0]);
    sample.files.always(&path, Act::Stall(50_000));
    let task = yard.upload(&sample.plugin, X86_64).await;
    sample.files.reached(&path).await;
    yard.post(&format!("/api/v1/tasks/{task}/cancel"), &json!({})).await.expect(200);
    assert_eq!(yard.failed(&task).await, "Cancelled (CANCELLED)");

    std::fs::write(yard.ground().join("cwd/a.difypkg"), sample.plugin.bytes()).unwrap();
    let arm = Sample::wheel_path(&sample.gamma[1]);
    sample.files.always(&arm, Act::Stall(50_000));
    let running = yard.cli().args(["repackage", "a.difypkg", "--platform", AARCH64]).spawn();
    sample.files.reached(&arm).await;
    running.interrupt();
    let ran = running.ended_within(seconds(15)).await.expect(130);
    assert!(ran.err.ends_with("Interrupted\n"), "{}", ran.err);
}

/// Where the system gives nobody a mount of his own, the checks beside the code have to do.
#[tokio::test]
async fn a_full_disk_is_told_of_and_leaves_nothing() {
    let sample = Sample::sized("full", 900_000);
    let ground = binary::ground();
    let root = ground.path();
    std::fs::write(root.join("cwd/a.difypkg"), sample.plugin.bytes()).unwrap();
    std::fs::create_dir(root.join("data")).unwrap();
    let script = "mount -t tmpfs -o size=2m none \"$1/data\" || exit 99
        \"$2\" repackage a.difypkg --platform manylinux2014_x86_64; code=$?
        ls -R \"$1/data\" | grep -E '\\.(whl|difypkg|part)$'; exit $code";
    let mut command = std::process::Command::new("unshare");
    command.args(["-rm", "--", "sh", "-c", script, "sh"]).arg(root).arg(binary::plugyard());
    command.env_clear().envs(binary::environment(root)).current_dir(root.join("cwd"));
    let Ok(ran) = tokio::task::spawn_blocking(move || command.output()).await.unwrap() else { return };
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if ran.status.code() == Some(99) || err.contains("unshare") {
        return;
    }
    assert_eq!(ran.status.code(), Some(1), "{out}\n{err}");
    assert!(err.contains("error: Not enough disk space (DISK_FULL)"), "{err}");
    assert_eq!(out, "");
    assert_eq!(
        sample.files.count_below("/packages/"),
        0,
        "the room is looked for before anything is fetched"
    );
}
