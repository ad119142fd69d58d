//! Locks and wheels that lie, and packages without a usable lock.

use plugyard_tests::{
    Act, Files, Lock, Locked, Plan, Plugin, Sample, Wheel, X86_64, Yard, files::Silent, sha256,
};

#[tokio::test]
async fn a_wheel_that_is_not_what_the_lock_says_is_refused() {
    let (yard, files) = (Yard::start().await, Files::start());
    let wheel = Wheel::pure("alpha", "1.0.0");
    let (bytes, path) = (wheel.bytes(), "/packages/alpha-1.0.0-py3-none-any.whl");
    let failing = async |name: &str, lock: Lock| {
        let lock = Plugin::locked(&lock).file("README.md", name);
        let error = yard.failed(&yard.upload(&lock, X86_64).await).await;
        assert!(error.ends_with("(WHEEL_MISMATCH)"), "{name}: {error}");
        error
    };
    let url = files.put(path, bytes.clone());
    files.always(path, Act::Wrong);
    let error = failing("hash", Lock::new("a").with(Locked::new("alpha", "1.0.0").file(&url, &bytes))).await;
    assert!(error.starts_with("Integrity check failed for alpha"), "{error}");
    assert_eq!(files.count(path), 2, "one more try, then the end");
    files.always(path, Act::Serve);

    let hash = sha256(&bytes);
    let size = format!("{{ url = \"{url}\", hash = \"sha256:{hash}\", size = {} }}", bytes.len() + 1);
    failing("size", Lock::new("b").with(Locked::new("alpha", "1.0.0").line(&size))).await;

    let other = Wheel::pure("alpha", "1.0.0").claiming("omega").bytes();
    let url = files.put("/other/alpha-1.0.0-py3-none-any.whl", other.clone());
    failing("metadata", Lock::new("c").with(Locked::new("alpha", "1.0.0").file(&url, &other))).await;

    let none = b"no archive at all".to_vec();
    let url = files.put("/none/alpha-1.0.0-py3-none-any.whl", none.clone());
    failing("archive", Lock::new("d").with(Locked::new("alpha", "1.0.0").file(&url, &none))).await;

    let url = files.put("/packages/omega-1.0.0-py3-none-any.whl", bytes.clone());
    failing("file name", Lock::new("e").with(Locked::new("alpha", "1.0.0").file(&url, &bytes))).await;
    let url = files.put("/packages/alpha-9.9-py3-none-any.whl", bytes.clone());
    failing("version", Lock::new("f").with(Locked::new("alpha", "1.0.0").file(&url, &bytes))).await;
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
}

#[tokio::test]
async fn a_missing_size_is_no_obstacle_but_a_missing_hash_is() {
    let (yard, files) = (Yard::start().await, Files::start());
    let wheel = Wheel::pure("alpha", "1.0.0");
    let url = files.put("/packages/alpha-1.0.0-py3-none-any.whl", wheel.bytes());
    let sizeless = format!("{{ url = \"{url}\", hash = \"sha256:{}\" }}", wheel.sha256());
    let lock = Lock::new("sizeless").with(Locked::new("alpha", "1.0.0").line(&sizeless));
    let task = yard.upload(&Plugin::locked(&lock), X86_64).await;
    assert_eq!(yard.result(&task).await.wheels(), [wheel.file_name()]);
    for (name, line) in [
        ("hashless", format!("{{ url = \"{url}\" }}")),
        ("weak", format!("{{ url = \"{url}\", hash = \"md5:{}\" }}", "0".repeat(32))),
        ("short", format!("{{ url = \"{url}\", hash = \"sha256:abcd\" }}")),
    ] {
        let lock = Lock::new(name).with(Locked::new("alpha", "1.0.0").line(&line));
        let error = yard.failed(&yard.upload(&Plugin::locked(&lock), X86_64).await).await;
        assert!(error.contains("alpha") || error.contains("LOCK"), "{name}: {error}");
    }
}

#[tokio::test]
async fn an_endless_wheel_ends_at_its_size() {
    let (yard, files) = (Yard::start().await, Files::start());
    let wheel = Wheel::pure("alpha", "1.0.0");
    let path = "/packages/alpha-1.0.0-py3-none-any.whl";
    let url = files.put(path, wheel.bytes());
    files.always(path, Act::Endless);
    let lock = Lock::new("endless").with(Locked::new("alpha", "1.0.0").file(&url, &wheel.bytes()));
    let error = yard.failed(&yard.upload(&Plugin::locked(&lock), X86_64).await).await;
    assert!(error.contains("alpha"), "{error}");
    assert!(files.sent() < 64 << 20, "{} bytes were taken", files.sent());
}

#[tokio::test]
async fn packages_without_a_fitting_wheel_are_all_named_at_once() {
    let (yard, files) = (Yard::start().await, Files::start());
    let mac = Wheel::tagged("only-mac", "2.0", "cp312-cp312-macosx_11_0_arm64");
    let lock = Lock::of("unfit", &files, &[Wheel::pure("fine", "1.0"), mac])
        .with(Locked::new("only-source", "1.4.0").sdist(&files.url("/only-source-1.4.0.tar.gz")));
    let error = yard.failed(&yard.upload(&Plugin::locked(&lock), X86_64).await).await;
    assert!(error.ends_with("(NO_WHEEL)"), "{error}");
    assert!(error.contains("only-mac 2.0 has no wheel for glibc 2.39 x86_64"), "{error}");
    assert!(error.contains("only-source 1.4.0 has no wheel; building is disabled on this server"), "{error}");
    assert!(!error.contains("fine"), "{error}");
    assert_eq!(files.count_below("/"), 0, "nothing is fetched for a selection that cannot be complete");
}

#[tokio::test]
async fn sources_that_are_no_index_are_refused() {
    let (yard, files) = (Yard::start().await, Files::start());
    for source in [
        format!(
            "{{ git = \"{}?rev=main#0123456789abcdef0123456789abcdef01234567\" }}",
            files.url("/repo.git")
        ),
        "{ directory = \"../../etc\" }".to_owned(),
        "{ path = \"/etc/passwd\" }".to_owned(),
        "{ editable = \"../other\" }".to_owned(),
        format!("{{ url = \"{}\" }}", files.url("/odd-1.0.tar.gz")),
    ] {
        let lock = Lock::new("odd-source").with(Locked::new("odd", "1.0").source(&source));
        let error = yard.failed(&yard.upload(&Plugin::locked(&lock), X86_64).await).await;
        assert!(error.ends_with("(SOURCE_FORBIDDEN)"), "{source}: {error}");
        assert!(error.contains("odd"), "{source}: {error}");
        if source.contains("git =") {
            assert_eq!(error, "odd comes from git; git sources are disabled (SOURCE_FORBIDDEN)");
        }
    }
    assert_eq!(files.connections(), 0);
}

#[tokio::test]
async fn addresses_in_a_lock_are_guarded_like_any_other() {
    let (files, inside) = (Files::start(), Silent::start());
    let allow = format!("127.0.0.1/32:{}", files.port());
    let yard = Plan::default().set("PLUGYARD_FETCH_ALLOW", &allow).start().await;
    let wheel = Wheel::pure("alpha", "1.0.0").bytes();
    let name = "alpha-1.0.0-py3-none-any.whl";
    let moved = files.put(&format!("/moved/{name}"), wheel.clone());
    files.always(&format!("/moved/{name}"), Act::Redirect(format!("http://{}/{name}", inside.address)));
    for url in [
        format!("http://{}/{name}", inside.address),
        format!("https://127.0.0.1/{name}"),
        format!("https://[::1]/{name}"),
        format!("https://169.254.169.254/latest/{name}"),
        format!("file:///tmp/{name}"),
        moved,
    ] {
        let lock = Lock::new("inward").with(Locked::new("alpha", "1.0.0").file(&url, &wheel));
        let error = yard.failed(&yard.upload(&Plugin::locked(&lock), X86_64).await).await;
        assert!(error.contains("_FORBIDDEN)"), "{url}: {error}");
    }
    assert_eq!(inside.connections(), 0, "no connection was made");
}

#[tokio::test]
async fn a_lock_that_makes_no_sense_is_refused_in_words() {
    // With nothing to choose versions with, so that an unusable lock is the end.
    let (plan, sample) = (Plan::default().set("PLUGYARD_UV", "/bin/false"), Sample::new("sense"));
    let yard = plan.start().await;
    let good = String::from_utf8(sample.plugin.content("uv.lock").to_vec()).unwrap();
    let alpha_twice = format!("{good}\n[[package]]\nname = \"alpha\"\nversion = \"9.0\"\n");
    for (what, text) in [
        ("not TOML", "version = = 1".to_owned()),
        ("binary", "\u{0}\u{1}".to_owned()),
        ("version 2", good.replacen("version = 1", "version = 2", 1)),
        ("no root", good.replace("source = { virtual = \".\" }", "source = { virtual = \"x\" }")),
        ("a hole", good.replace("{ name = \"beta-lib\" }", "{ name = \"nowhere\" }")),
        ("two candidates", alpha_twice),
        ("another Python", good.replacen(">=3.9", ">=3.13", 1)),
        ("a path as file name", good.replace("/packages/alpha-1.0.0", "/packages/..%2f..%2falpha-1.0.0")),
        ("deep", format!("x = {}{}\n{good}", "[".repeat(5_000), "]".repeat(5_000))),
        ("too large", format!("{good}\n# {}", "x".repeat(17 << 20))),
    ] {
        let plugin = sample.plugin.clone().file("uv.lock", text);
        let answer = yard.try_upload(plugyard_tests::Upload::of(&plugin).field("platform", X86_64)).await;
        let error = match answer.status {
            400 => answer.detail(),
            _ => yard.failed(answer.expect(200).json()["task_id"].as_str().unwrap()).await,
        };
        assert!(error.ends_with(')') && error.contains('('), "{what}: no reason in {error}");
        assert!(!error.contains("INTERNAL") && !error.contains("/tmp"), "{what}: {error}");
    }
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
    yard.completed(&yard.upload(&sample.plugin, X86_64).await).await;
}

#[tokio::test]
async fn a_requirement_that_could_run_or_redirect_fails_clearly_and_shows_no_credential() {
    let (yard, inside) = (Yard::start().await, Silent::start());
    let index = format!("--index-url http://user:hunter2@{}/simple", inside.address);
    for line in [index.as_str(), "-r /etc/passwd", "-e .", "x @ file:///etc/passwd"] {
        let plugin = Plugin::new("lockless").file("requirements.txt", format!("# comment\n{line}\n"));
        let error = yard.failed(&yard.upload(&plugin, X86_64).await).await;
        assert!(error.ends_with("(REQUIREMENT_UNSUPPORTED)"), "{line}: {error}");
        assert!(!error.contains("hunter2") && !error.contains("root:"), "{line}: {error}");
    }
    assert_eq!(inside.connections(), 0, "the file is never handed to an installer");
}
