//! Packages without a usable lock: a real uv chooses the versions, from an index of the tests.

mod own_uv;

use plugyard_tests::{
    AARCH64, Cli, Index, Plan, Plugin, Unpacked, Upload, Wheel, X86_64, Yard, binary, until,
    waiting::seconds,
    wheel::{LINUX_AARCH64, LINUX_X86_64},
    yard::task_id,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Ground whose uv is kept between runs: the first one fetches it as a new user's would.
fn ground() -> TempDir {
    let (ground, kept) = (binary::ground(), binary::kept_dir().join("plugyard-tools"));
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::create_dir(ground.path().join("data")).unwrap();
    std::os::unix::fs::symlink(kept, ground.path().join("data/tools")).unwrap();
    ground
}

async fn yard(index: &Index) -> Yard {
    Plan::default().set("UV_DEFAULT_INDEX", &index.url()).start_on(ground()).await
}

/// Needs `beta-lib` by way of `alpha`, and `gamma` for both processors.
fn published() -> Index {
    let index = Index::start();
    index.publish(&Wheel::pure("alpha", "1.0.0").requires("beta-lib>=2"));
    index.publish(&Wheel::pure("beta-lib", "2.1.0"));
    for tag in [LINUX_X86_64, LINUX_AARCH64] {
        index.publish(&Wheel::tagged("gamma", "3.0.0", tag));
    }
    index
}

fn asking(name: &str, requirements: &str) -> Plugin {
    Plugin::new(name).file("requirements.txt", requirements)
}

async fn made(yard: &Yard, plugin: &Plugin, platform: &str) -> (Unpacked, Value) {
    let id = yard.upload(plugin, platform).await;
    let record = yard.finished_within(&id, seconds(300)).await;
    assert_eq!(record["status"], "completed", "{record}");
    (yard.result(&id).await, yard.report(&id).await)
}

async fn refused(yard: &Yard, plugin: &Plugin, platform: &str) -> String {
    let id = yard.upload(plugin, platform).await;
    let record = yard.finished_within(&id, seconds(300)).await;
    record["error"].as_str().unwrap_or_else(|| panic!("no error in {record}")).to_owned()
}

fn notes(report: &Value, kind: &str) -> Vec<String> {
    let all = report["notes"].as_array().expect("notes");
    let of_kind = all.iter().filter(|note| note["kind"] == kind);
    of_kind.map(|note| note["text"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn requirements_become_a_whole_package_for_each_platform() {
    let index = published();
    let yard = yard(&index).await;
    let plugin =
        asking("asked", "# wanted\nAlpha>=1,<2\ngamma ; sys_platform == 'linux'\nnt ; os_name == 'nt'\n");
    for (platform, tag) in [(X86_64, LINUX_X86_64), (AARCH64, LINUX_AARCH64)] {
        let (package, report) = made(&yard, &plugin, platform).await;
        let gamma = format!("gamma-3.0.0-{tag}.whl");
        let expected = ["alpha-1.0.0-py3-none-any.whl", "beta_lib-2.1.0-py3-none-any.whl", gamma.as_str()];
        assert_eq!(package.wheels(), expected);
        assert_eq!(
            package.text("requirements.txt"),
            "--no-index\n--find-links=./wheels/\nalpha==1.0.0\nbeta-lib==2.1.0\ngamma==3.0.0\n"
        );
        assert_eq!((&report["source"], &report["needs_glibc"]), (&json!("requirements"), &json!("2.17")));
        assert!(report["resolver"].as_str().unwrap().starts_with("uv "), "{report}");
        let text = "There is no uv.lock; the versions were chosen from requirements.txt.";
        assert_eq!(notes(&report, "no_lock"), [text]);
    }
    assert!(yard.strays().is_empty(), "{:?}", yard.strays());
}

#[tokio::test]
async fn the_project_is_preferred_and_says_why_its_lock_was_not_used() {
    let index = published();
    index.speak_html();
    let yard = yard(&index).await;
    let plugin = asking("project", "gamma\n")
        .file("pyproject.toml", "[project]\nname = 'project'\ndependencies = ['alpha==1.0.0']\n")
        .file("uv.lock", "version = 2\n");
    let (package, report) = made(&yard, &plugin, X86_64).await;
    assert_eq!(package.wheels(), ["alpha-1.0.0-py3-none-any.whl", "beta_lib-2.1.0-py3-none-any.whl"]);
    assert_eq!(report["source"], "pyproject");
    let why = "uv.lock was not used: its version is not 1. The versions were chosen from pyproject.toml.";
    assert_eq!(notes(&report, "no_lock"), [why]);
}

#[tokio::test]
async fn a_repetition_is_identical_until_somebody_asks_for_new_versions() {
    let index = published();
    let yard = yard(&index).await;
    let plugin = asking("again", "alpha\n");
    let first = yard.upload(&plugin, X86_64).await;
    yard.finished_within(&first, seconds(300)).await;
    index.publish(&Wheel::pure("alpha", "1.5.0"));
    let second = yard.upload(&plugin, X86_64).await;
    yard.completed(&second).await;
    assert!(yard.download(&first).await == yard.download(&second).await, "the same bytes");
    let upload = Upload::of(&plugin).field("platform", X86_64).field("refresh", "true");
    let third = task_id(&yard.try_upload(upload).await.expect(200).json());
    assert_eq!(yard.result(&third).await.wheels(), ["alpha-1.5.0-py3-none-any.whl"]);
}

#[tokio::test]
async fn what_the_index_knows_is_in_the_notes() {
    let index = published();
    let withdrawn = Wheel::pure("delta", "1.0");
    index.publish(&withdrawn).yank(&withdrawn.file_name());
    index.publish(&Wheel::tagged("gamma", "4.0.0", "cp312-cp312-manylinux_2_40_x86_64"));
    // Somebody wants an old one of it, whatever the system.
    index.publish(&Wheel::pure("holder", "1.0").requires("held<2"));
    index.publish(&Wheel::pure("held", "1.0"));
    index.publish(&Wheel::tagged("held", "2.0", "cp312-cp312-manylinux_2_40_x86_64"));
    index.leave_out_sizes();
    let yard = yard(&index).await;
    let (package, report) = made(&yard, &asking("noted", "delta==1.0\ngamma\nholder\n"), X86_64).await;
    assert_eq!(package.wheels().len(), 4);
    let yanked = "Withdrawn by their authors (yanked), and chosen nevertheless: delta 1.0.";
    assert_eq!(notes(&report, "yanked"), [yanked]);
    let older = notes(&report, "older_versions");
    assert!(older[0].ends_with("need a newer system: gamma 3.0.0 (4.0.0 needs 2.40)."), "{older:?}");
}

#[tokio::test]
async fn a_hash_in_a_line_binds_the_file() {
    let index = published();
    let yard = yard(&index).await;
    let right = Wheel::pure("alpha", "1.0.0").requires("beta-lib>=2").sha256();
    let line = |hash: &str| format!("alpha==1.0.0 \\\n    --hash=sha256:{hash}\n");
    made(&yard, &asking("right", &line(&right)), X86_64).await;
    let error = refused(&yard, &asking("wrong", &line(&"ab".repeat(32))), X86_64).await;
    assert!(error.starts_with("Integrity check failed for alpha 1.0.0"), "{error}");
    assert!(error.ends_with("(WHEEL_MISMATCH)"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_chosen_is_told_at_once_and_without_addresses() {
    let index = published();
    index.publish_sdist("only-source", "1.3").publish_sdist("only-source", "1.4.0");
    index.publish_sdist("other-source", "0.1");
    index.publish(&Wheel::tagged("newer", "2.0", "cp312-cp312-manylinux_2_40_x86_64"));
    let yard = yard(&index).await;
    let error = refused(&yard, &asking("none", "alpha>=7\n"), X86_64).await;
    assert!(error.starts_with("No set of versions satisfies: Because only alpha"), "{error}");
    assert!(error.ends_with("(NO_SOLUTION)"), "{error}");
    let lines = "only-source\nalpha\nother-source\nnewer\n";
    let error = refused(&yard, &asking("sources", lines), X86_64).await;
    for text in [
        "only-source 1.4.0 has no wheel; building is disabled on this server",
        "other-source 0.1 has no wheel; building is disabled on this server",
        "newer 2.0 has no wheel for glibc 2.39 x86_64; it needs glibc 2.40 or newer",
    ] {
        assert!(error.contains(text), "{text} is missing in {error}");
    }
    assert!(error.ends_with("(NO_WHEEL)") && !error.contains("127.0.0.1"), "{error}");
    assert!(!index.asked().iter().any(|path| path.ends_with(".tar.gz")), "no sdist is read");
}

#[tokio::test]
async fn hostile_lines_never_reach_uv() {
    let index = published();
    let yard = yard(&index).await;
    for line in
        ["-e .", "--no-binary :all:", "-r /etc/passwd", "alpha @ file:///etc/passwd", "./wheels", "${HOME}"]
    {
        let error = refused(&yard, &asking("hostile", &format!("alpha\n{line}\n")), X86_64).await;
        assert!(error.starts_with("requirements.txt line 2: '"), "{line}: {error}");
        assert!(error.ends_with("(REQUIREMENT_UNSUPPORTED)"), "{line}: {error}");
    }
    let sources = "[project]\ndependencies = ['alpha', 'gamma']\n[tool.uv.sources]\n\
        alpha = { git = 'https://example.invalid/a' }\ngamma = { path = '/etc' }\n";
    let error = refused(&yard, &Plugin::new("elsewhere").file("pyproject.toml", sources), X86_64).await;
    assert!(error.contains("alpha comes from git; git sources are disabled"), "{error}");
    assert!(error.contains("gamma comes from a local path"), "{error}");
    assert_eq!(index.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn an_index_that_fails_is_named_and_its_password_is_not() {
    let index = published();
    index.ask_for("me", "hunter2");
    let ground = ground();
    let package = ground.path().join("cwd/closed.difypkg");
    std::fs::write(&package, asking("closed", "alpha\n").bytes()).unwrap();
    let args = ["repackage", "closed.difypkg", "--platform", X86_64, "--json"];
    let with = |url: String| Cli::on(ground.path()).set("UV_DEFAULT_INDEX", &url).args(args);
    let wrong = with(index.url_for("me", "hunter3")).run().await.expect(1);
    assert_eq!(wrong.json()["failed"][0]["error"], "Package index not reachable", "{wrong:?}");
    let right = with(index.url_for("me", "hunter2")).run().await.expect(0);
    let path = ground.path().join("cwd").join(right.json()["results"][0]["path"].as_str().unwrap());
    let made = std::fs::read(path).unwrap();
    index.fail();
    let other = asking("closed", "alpha\ngamma\n");
    std::fs::write(&package, other.bytes()).unwrap();
    let down = with(index.url_for("me", "hunter2")).run().await.expect(1);
    assert_eq!(down.json()["failed"][0]["reason"], "INDEX_UNAVAILABLE", "{down:?}");
    for said in [&wrong.out, &wrong.err, &right.out, &right.err, &down.out, &down.err] {
        assert!(!said.contains("hunter"), "{said}");
    }
    for member in Unpacked::read(&made).members {
        assert!(!member.content.windows(6).any(|six| six == b"hunter"), "{}", member.name);
    }
}

#[tokio::test]
async fn a_result_can_be_packaged_again_for_another_platform() {
    let index = published();
    let ground = ground();
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(ground.path().join("cwd").join(name), bytes).unwrap();
    write("first.difypkg", &asking("first", "gamma>=3\nalpha ; platform_machine == 'aarch64'\n").bytes());
    let repackage = async |name: &str, platform: &str| {
        let cli = Cli::on(ground.path()).set("UV_DEFAULT_INDEX", &index.url());
        let ran = cli.args(["repackage", name, "--platform", platform]).run().await.expect(0);
        std::fs::read(ground.path().join("cwd").join(&ran.paths()[0])).unwrap()
    };
    let first = repackage("first.difypkg", X86_64).await;
    assert_eq!(Unpacked::read(&first).wheels().len(), 1);
    write("second.difypkg", &first);
    let second = Unpacked::read(&repackage("second.difypkg", AARCH64).await);
    let gamma = format!("gamma-3.0.0-{LINUX_AARCH64}.whl");
    let expected = ["alpha-1.0.0-py3-none-any.whl", "beta_lib-2.1.0-py3-none-any.whl", gamma.as_str()];
    assert_eq!(second.wheels(), expected);
    assert!(second.text(".repack/requirements.txt").contains("gamma>=3"));
}

#[tokio::test]
async fn readiness_tells_whether_versions_can_be_chosen() {
    let index = published();
    let fallback = async |yard: &Yard| {
        until("the tools were looked for", seconds(30), async || {
            let said = yard.get("/readyz").await;
            let said = (said.status == 200).then(|| said.json())?;
            (!said["python"].is_null()).then_some(said)
        })
        .await
    };
    let there = fallback(&yard(&index).await).await;
    assert_eq!(there["fallback"], "available", "{there}");
    let without = Plan::default().set("PLUGYARD_UV", "/bin/false").start().await;
    let said = fallback(&without).await;
    assert_eq!((&said["status"], &said["fallback"]), (&json!("ready"), &json!("unavailable")), "{said}");
    let error = refused(&without, &asking("stuck", "alpha\n"), X86_64).await;
    let text = "This package has no usable uv.lock and the resolver is not available on this server";
    assert_eq!(error, format!("{text} (RESOLVER_UNAVAILABLE)"));
}
