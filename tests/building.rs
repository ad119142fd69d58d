//! Packages without wheels: built in a sandbox, if the operator says so, from files alone.

mod git;

use std::path::{Path, PathBuf};

use plugyard_tests::{
    AARCH64, Act, Cli, Files, Lock, Locked, Plugin, Source, Unpacked, Wheel, X86_64, binary,
    command_line::Ran,
    files::Silent,
    python::{directory, really_locked, succeeds, unpack, uv, version},
    sha256, until,
    waiting::seconds,
};
use tempfile::TempDir;

/// This machine's platform.
fn here() -> &'static str {
    if std::env::consts::ARCH == "aarch64" { AARCH64 } else { X86_64 }
}

fn elsewhere() -> &'static str {
    if here() == X86_64 { AARCH64 } else { X86_64 }
}

fn ground_with(plugin: &Plugin) -> TempDir {
    let ground = binary::ground();
    std::fs::write(ground.path().join("cwd/plugin.difypkg"), plugin.bytes()).unwrap();
    ground
}

/// `repackage` of the one plugin on this ground.
async fn built(ground: &TempDir, mode: &str, args: &[&str]) -> Ran {
    let cli = Cli::on(ground.path()).set("PLUGYARD_BUILD", mode).args(["repackage", "plugin.difypkg"]);
    cli.args(["--python", version()]).args(args.iter().copied()).run().await
}

fn output(ground: &TempDir, ran: &Ran) -> Vec<u8> {
    std::fs::read(ground.path().join("cwd").join(&ran.paths()[0])).unwrap()
}

fn failure(ran: &Ran) -> String {
    ran.json()["failed"][0]["error"].as_str().unwrap_or_else(|| panic!("{}", ran.out)).to_owned()
}

fn plugin(files: &Files, sources: &[Source]) -> Plugin {
    let mut lock = Lock::of("builds", files, &[Wheel::pure("ready", "1.0")]);
    for source in sources {
        lock = lock.with(Locked::source_only(files, source));
    }
    Plugin::locked(&lock)
}

#[tokio::test]
async fn without_leave_nothing_is_built_and_all_is_named_at_once() {
    let files = Files::start();
    let plugin = plugin(&files, &[Source::pure("one", "1.0"), Source::pure("two", "2.0")]);
    let ran = built(&ground_with(&plugin), "off", &["--platform", here(), "--json"]).await.expect(1);
    assert_eq!(
        failure(&ran),
        "one 1.0 has no wheel; building is disabled on this server. two 2.0 has no wheel; building is disabled on \
         this server"
    );
    assert_eq!(files.count_below("/packages/one"), 0);
}

#[tokio::test]
async fn a_pure_package_is_built_for_every_platform_once() {
    let files = Files::start();
    let ground = ground_with(&plugin(&files, &[Source::pure("so-pure", "1.0")]));
    let both = ["--platform", here(), "--platform", elsewhere(), "--json"];
    let ran = built(&ground, "pure", &both).await.expect(0);
    let results = ran.json()["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), 2);
    for result in &results {
        assert_eq!(result["built"], serde_json::json!(["so-pure 1.0 (py3-none-any)"]));
        let notes: Vec<_> = result["notes"].as_array().unwrap().iter().map(|note| &note["text"]).collect();
        assert!(
            notes.iter().any(|text| *text == "Built from source by this service: so-pure 1.0."),
            "{notes:?}"
        );
        let bytes = std::fs::read(ground.path().join("cwd").join(result["path"].as_str().unwrap())).unwrap();
        let package = Unpacked::read(&bytes);
        assert_eq!(package.wheels(), ["ready-1.0-py3-none-any.whl", "so_pure-1.0-py3-none-any.whl"]);
        assert!(package.text("requirements.txt").contains("so-pure==1.0\n"));
    }
    assert_eq!(files.count_below("/packages/so_pure"), 1);
}

#[tokio::test]
async fn a_repetition_gives_the_same_bytes_with_and_without_what_was_kept() {
    let files = Files::start();
    // The file time of the tree's own ZIP is the hour of the build.
    let plugin = plugin(&files, &[Source::pure("again", "1.0"), Source::native("compiled", "2.0")]);
    let ground = ground_with(&plugin);
    let args = ["--platform", here(), "--output", "out"];
    let first = output(&ground, &built(&ground, "native", &args).await.expect(0));
    let warm = output(&ground, &built(&ground, "native", &args).await.expect(0));
    assert_eq!(files.count_below("/packages/again"), 1, "nothing is built twice");
    for kept in ["data/wheels", "data/built"] {
        std::fs::remove_dir_all(ground.path().join(kept)).unwrap();
    }
    let cold = output(&ground, &built(&ground, "native", &args).await.expect(0));
    let other = ground_with(&plugin);
    let elsewhere = output(&other, &built(&other, "native", &args).await.expect(0));
    let all = [&first, &warm, &cold, &elsewhere].map(|bytes| sha256(bytes));
    assert!(all.iter().all(|digest| *digest == all[0]), "{all:?}");
}

#[tokio::test]
async fn compiled_code_goes_to_machines_like_this_one() {
    let files = Files::start();
    let ground = ground_with(&plugin(&files, &[Source::native("crcmod", "1.7")]));
    let ran = built(&ground, "native", &["--platform", here(), "--output", "out"]).await.expect(0);
    let (package, into) =
        (ground.path().join("cwd").join(&ran.paths()[0]), ground.path().join("tmp/unpacked"));
    unpack(&package, &into);
    let wheel = std::fs::read_dir(into.join("wheels")).unwrap().map(|entry| entry.unwrap().path());
    let wheel = wheel.filter(|path| path.to_string_lossy().contains("crcmod")).collect::<Vec<PathBuf>>();
    let (target, python) = (ground.path().join("tmp/site"), directory().join("python3"));
    unpack(&wheel[0], &target);
    let mut import = std::process::Command::new(python);
    import.env("PYTHONPATH", &target).args(["-c", "import crcmod; assert crcmod.ANSWER == 42"]);
    succeeds(&mut import);

    let pure = built(&ground, "pure", &["--platform", here(), "--json"]).await.expect(1);
    assert_eq!(failure(&pure), "crcmod 1.7 must be compiled; this server builds pure Python only");
    let foreign = built(&ground, "native", &["--platform", elsewhere(), "--json"]).await.expect(1);
    let machine = if elsewhere() == AARCH64 { "aarch64" } else { "x86_64" };
    assert_eq!(
        failure(&foreign),
        format!("crcmod 1.7 must be compiled for {machine}; run the service on {machine}")
    );
    let old = built(&ground, "native", &["--platform", here(), "--glibc", "2.17", "--json"]).await.expect(1);
    assert!(failure(&old).contains("newer than glibc 2.17"), "{}", failure(&old));
}

/// A page of the simple index (PEP 691) with the one wheel.
fn on_index(files: &Files, wheel: &Wheel) {
    let path = format!("/packages/{}", wheel.file_name());
    let url = files.put(&path, wheel.bytes());
    let page = serde_json::json!({
        "meta": {"api-version": "1.0"},
        "name": wheel.name,
        "files": [{"filename": wheel.file_name(), "url": url, "hashes": {"sha256": wheel.sha256()}}],
    });
    let kind = ("Content-Type".to_owned(), "application/vnd.pypi.simple.v1+json".to_owned());
    files.always(&format!("/simple/{}/", wheel.name), Act::Status(200, vec![kind], page.to_string()));
}

#[tokio::test]
async fn a_build_gets_the_tools_it_asks_for_from_the_index_and_no_others() {
    let files = Files::start();
    for tool in ["first-tool", "second-tool", "unwanted"] {
        on_index(&files, &Wheel::pure(tool, "1.5"));
    }
    let lines = "\nimport first_tool\n\ndef get_requires_for_build_wheel(settings=None):\n    return \
                 ['second-tool<2']\n\ndef before():\n    import second_tool\n    assert second_tool.__version__ == '1.5'\n    \
                 try:\n        import unwanted\n    except ImportError:\n        return\n    raise SystemExit('too much')\n";
    let pyproject = "[build-system]\nrequires = [\"First_Tool>=1\"]\nbuild-backend = \"own\"\nbackend-path = [\"backend\"]\n";
    let tree = Source::pure("wants", "1.0").running(lines).file("pyproject.toml", pyproject);
    let ground = ground_with(&plugin(&files, &[tree]));
    let run = async |args: &[&str]| {
        let cli =
            Cli::on(ground.path()).set("PLUGYARD_BUILD", "pure").set("PLUGYARD_UV", uv().to_str().unwrap());
        let cli = cli.set("UV_DEFAULT_INDEX", &files.url("/simple")).args(["repackage", "plugin.difypkg"]);
        cli.args(["--python", version(), "--platform", here()])
            .args(args.iter().copied())
            .run()
            .await
            .expect(0)
    };
    let first = output(&ground, &run(&["--output", "one"]).await);
    assert_eq!(files.count("/simple/unwanted/"), 0);
    for kept in ["data/wheels", "data/built"] {
        std::fs::remove_dir_all(ground.path().join(kept)).unwrap();
    }
    // A newer tool might give other bytes.
    on_index(&files, &Wheel::pure("first-tool", "1.6"));
    files.put("/packages/first_tool-1.5-py3-none-any.whl", Wheel::pure("first-tool", "1.5").bytes());
    assert!(
        output(&ground, &run(&["--output", "two"]).await) == first,
        "the tools of the last time are taken"
    );
    assert_eq!(files.count_below("/packages/first_tool-1.6"), 0);
}

/// One of the tests that need the package index: a real source distribution, built with its real tools.
#[tokio::test]
async fn a_real_package_without_wheels_is_built_with_its_real_tools() {
    let ground = ground_with(&really_locked("really", &["wikipedia==1.4.0"]));
    let cli = Cli::on(ground.path()).set("PLUGYARD_FETCH_ALLOW", "").set("PLUGYARD_BUILD", "pure");
    let cli = cli.set("PLUGYARD_UV", uv().to_str().unwrap()).args(["repackage", "plugin.difypkg", "--json"]);
    let said = cli.args(["--python", version()]).run().await.expect(0).json();
    assert_eq!(said["results"][0]["built"], serde_json::json!(["wikipedia 1.4.0 (py3-none-any)"]), "{said}");
}

/// What a hostile tree tries; each success leaves a word in the wheel.
fn hostile(secret: &Path, elsewhere: &Path, port: u16) -> String {
    format!(
        r#"
def before():
    import os, socket, subprocess
    done = []
    def attempt(name, what):
        try:
            what()
            done.append(name)
        except BaseException:
            pass
    attempt("read", lambda: open({secret:?}).read())
    attempt("environment", lambda: open("/proc/1/environ").read())
    attempt("wrote", lambda: open({elsewhere:?}, "w").write("x"))
    attempt("system", lambda: open("/usr/lib/plugyard-was-here", "w").write("x"))
    attempt("tcp", lambda: socket.create_connection(("127.0.0.1", {port}), timeout=2))
    attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", {port})))
    attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
    attempt("root", lambda: os.setuid(0))
    attempt("signals", lambda: os.kill(1, 9))
    def forks():
        for _ in range(300):
            if os.fork() == 0:
                import time
                time.sleep(60)
                os._exit(0)
    attempt("forks", forks)
    if "PLUGYARD_ADMIN_TOKEN" in os.environ or "SECRET" in os.environ:
        done.append("token")
    FILES[f"{{NAME}}/__init__.py"] = ("DONE = " + repr(done) + "\n").encode()
"#
    )
}

#[tokio::test]
async fn a_hostile_tree_reaches_nothing() {
    let (files, neighbour) = (Files::start(), Silent::start());
    let outside = tempfile::tempdir().unwrap();
    let (secret, elsewhere) = (outside.path().join("secret"), outside.path().join("elsewhere"));
    std::fs::write(&secret, "secret").unwrap();
    let tree = Source::pure("evil", "1.0").running(&hostile(&secret, &elsewhere, neighbour.address.port()));
    let ground = ground_with(&plugin(&files, &[tree]));
    let cli = Cli::on(ground.path()).set("PLUGYARD_BUILD", "pure").set("SECRET", "hush");
    let cli =
        cli.set("PLUGYARD_ADMIN_TOKEN", "hush").args(["repackage", "plugin.difypkg", "--output", "out"]);
    let ran = cli.args(["--platform", here(), "--python", version()]).run().await.expect(0);
    let (package, into) =
        (ground.path().join("cwd").join(&ran.paths()[0]), ground.path().join("tmp/unpacked"));
    unpack(&package, &into);
    unpack(&into.join("wheels/evil-1.0-py3-none-any.whl"), &into.join("evil"));
    let said = std::fs::read_to_string(into.join("evil/evil/__init__.py")).unwrap();
    // Nothing happens to the first process when it is told to end from inside.
    assert!(said == "DONE = []\n" || said == "DONE = ['signals']\n", "{said}");
    assert!(!elsewhere.exists() && neighbour.connections() == 0);
    let left = std::fs::read_dir(ground.path().join("data/built/work")).unwrap().count();
    assert_eq!(left, 0, "nothing is left of the build");
}

#[tokio::test]
async fn a_tree_that_does_not_build_says_why_in_a_few_words_without_paths() {
    let files = Files::start();
    let tree = Source::pure("broken", "1.0")
        .running("\ndef before():\n    raise SystemExit('no luck in ' + __file__)\n");
    let ran = built(&ground_with(&plugin(&files, &[tree])), "pure", &["--platform", here(), "--json"]).await;
    let told = failure(&ran.expect(1));
    assert_eq!(told, "broken 1.0 could not be built: no luck in own.py");
}

#[tokio::test]
async fn an_archive_that_leads_out_of_itself_is_refused() {
    let files = Files::start();
    for (tree, why) in [
        (Source::pure("up", "1.0").file("../../up.py", "x"), "it holds an unsafe path"),
        (Source::pure("away", "1.0").link("etc", "/etc"), "it holds a link that leads out of it"),
        (Source::pure("over", "1.0").link("x", "../../../etc"), "it holds a link that leads out of it"),
    ] {
        let name = tree.name.clone();
        let ran =
            built(&ground_with(&plugin(&files, &[tree])), "pure", &["--platform", here(), "--json"]).await;
        let told = failure(&ran.expect(1));
        assert_eq!(told, format!("{name} 1.0 could not be built: its source archive is refused: {why}"));
    }
}

#[tokio::test]
async fn a_wheel_of_another_name_or_a_link_is_not_taken() {
    let files = Files::start();
    for (lines, why) in [
        ("\nNAME = 'other'\n", "its wheel has another name"),
        (
            "\ndef build_wheel(directory, *_):\n    name = 'wrong-1.0-py3-none-any.whl'\n    \
             os.symlink('/etc/passwd', os.path.join(directory, name))\n    return name\n",
            "it left no wheel",
        ),
    ] {
        let tree = Source::pure("wrong", "1.0").running(lines);
        let ran =
            built(&ground_with(&plugin(&files, &[tree])), "pure", &["--platform", here(), "--json"]).await;
        assert_eq!(failure(&ran.expect(1)), format!("wrong 1.0 could not be built: {why}"));
    }
}

#[tokio::test]
async fn an_interrupted_or_killed_build_leaves_no_process() {
    for killed in [false, true] {
        let files = Files::start();
        let mark = format!("6{:06}", std::process::id());
        let lines = format!("\ndef before():\n    os.system('setsid sleep {mark} & sleep {mark}')\n");
        let ground = ground_with(&plugin(&files, &[Source::pure("slow", "1.0").running(&lines)]));
        let cli = Cli::on(ground.path()).set("PLUGYARD_BUILD", "pure").args(["repackage", "plugin.difypkg"]);
        let running = cli.args(["--platform", here(), "--python", version()]).spawn();
        let count = || sleepers(&mark);
        until("the build sleeps", seconds(120), async || (count() > 0).then_some(())).await;
        if killed {
            running.kill();
        } else {
            running.interrupt();
        }
        let ran = running.ended_within(seconds(30)).await;
        assert_eq!(ran.code, if killed { None } else { Some(130) });
        until("nothing sleeps", seconds(60), async || (count() == 0).then_some(())).await;
    }
}

/// Living processes that sleep for so long.
fn sleepers(mark: &str) -> usize {
    let of = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    let wanted = format!("sleep\0{mark}\0").into_bytes();
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(of).filter(|line| *line == wanted).count()
}

#[tokio::test]
async fn no_setting_of_this_machine_gets_into_a_build() {
    let files = Files::start();
    let lines = "\ndef before():\n    raise SystemExit(' '.join(sorted(k for k in os.environ if k[:4] in ('SSL_', 'HTTP', 'UV_D', 'PLUG'))) or 'none')\n";
    let ground = ground_with(&plugin(&files, &[Source::pure("asks", "1.0").running(lines)]));
    let ran = built(&ground, "pure", &["--platform", here(), "--json"]).await.expect(1);
    assert_eq!(failure(&ran), "asks 1.0 could not be built: none");
}
