//! What a build leaves behind, however it ends: nothing.

use plugyard_tests::{Cli, Files, Lock, Plugin, Source, Wheel, python::version, until, waiting::seconds};
use tempfile::TempDir;

use super::{built, ground_with, here, plugin};

/// Directories of builds.
fn in_work(ground: &TempDir) -> usize {
    std::fs::read_dir(ground.path().join("data/built/work")).unwrap().count()
}

#[tokio::test]
async fn directories_nested_deeper_than_any_stack_end_nothing_but_their_build() {
    let files = Files::start();
    let lines = "\ndef before():\n    for _ in range(30000):\n        os.mkdir('d')\n        os.chdir('d')\n    \
                 raise SystemExit('deep enough')\n";
    let ground = ground_with(&plugin(&files, &[Source::pure("deep", "1.0").running(lines)]));
    let ran = built(&ground, "pure", &["--platform", here()]).await.expect(1);
    assert!(ran.err.contains("deep 1.0 could not be built: "), "{}", ran.err);
    assert_eq!(in_work(&ground), 0);
}

#[tokio::test]
async fn an_interrupted_or_killed_build_leaves_nothing() {
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
        let next = Plugin::locked(&Lock::of("next", &files, &[Wheel::pure("ready", "1.0")]));
        std::fs::write(ground.path().join("cwd/plugin.difypkg"), next.bytes()).unwrap();
        built(&ground, "pure", &["--platform", here()]).await.expect(0);
        assert_eq!(in_work(&ground), 0, "the next command finds nothing or sweeps it");
    }
}

/// Living processes that sleep for so long.
fn sleepers(mark: &str) -> usize {
    let of = |entry: std::fs::DirEntry| std::fs::read(entry.path().join("cmdline")).ok();
    let wanted = format!("sleep\0{mark}\0").into_bytes();
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(of).filter(|line| *line == wanted).count()
}
