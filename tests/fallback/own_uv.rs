//! A uv that the operator gives: its own index, and its end with the service.

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use plugyard_tests::{Cli, Index, Wheel, X86_64, process, until, waiting::seconds};
use tempfile::TempDir;

use super::{asking, ground, notes, published};

/// A uv that has this index of its own, as a real one has the public one.
async fn uv_with_its_own(index: &Index, ground: &TempDir) -> PathBuf {
    std::fs::write(ground.path().join("cwd/first.difypkg"), asking("first", "alpha\n").bytes()).unwrap();
    let first = Cli::on(ground.path()).set("UV_DEFAULT_INDEX", &index.url());
    first.args(["repackage", "first.difypkg", "--platform", X86_64]).run().await.expect(0);
    let mut homes = std::fs::read_dir(ground.path().join("data/tools")).unwrap();
    let fetched = homes.find_map(|home| Some(home.unwrap().path().join("uv")).filter(|uv| uv.is_file()));
    let (fetched, url) = (fetched.expect("uv was fetched"), index.url());
    let uv = fetched.display();
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec {uv} --version\nexec {uv} \"$@\" --default-index {url}\n"
    );
    executable(ground, "uv", &text)
}

fn executable(ground: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = ground.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn without_a_setting_uv_says_which_index_to_look_at_and_the_guard_judges_it() {
    let index = published();
    let withdrawn = Wheel::pure("delta", "1.0");
    index.publish(&withdrawn).yank(&withdrawn.file_name());
    index.publish(&Wheel::tagged("gamma", "4.0.0", "cp312-cp312-manylinux_2_40_x86_64"));
    index.publish_sdist("only-source", "1.4.0");
    let ground = ground();
    let uv = uv_with_its_own(&index, &ground).await;
    let repackage = async |lines: &str, allow: &str| {
        std::fs::write(ground.path().join("cwd/own.difypkg"), asking("own", lines).bytes()).unwrap();
        let cli = Cli::on(ground.path()).set("PLUGYARD_UV", uv.to_str().unwrap());
        let cli = cli.set("PLUGYARD_FETCH_ALLOW", allow).set("PLUGYARD_BUILD", "pure");
        cli.args(["repackage", "own.difypkg", "--platform", X86_64, "--json"]).run().await
    };
    let ran = repackage("delta==1.0\ngamma\n", "127.0.0.0/8").await.expect(0).json();
    let noted = &ran["results"][0];
    assert!(notes(noted, "yanked")[0].ends_with(": delta 1.0."), "{noted}");
    assert!(notes(noted, "older_versions")[0].contains("gamma 3.0.0 (4.0.0 needs 2.40)"), "{noted}");
    let error = async |allow: &str| {
        let ran = repackage("only-source\n", allow).await.expect(1).json();
        ran["failed"][0]["error"].as_str().unwrap().to_owned()
    };
    let found = error("127.0.0.0/8").await;
    assert!(found.starts_with("only-source 1.4.0 could not be built"), "{found}");
    let asked = index.asked().len();
    let guarded = error("").await;
    let text =
        "only-source 1.4.0 has no wheel; to build it, this server needs a package index (UV_DEFAULT_INDEX)";
    assert_eq!(guarded, text);
    let asked = &index.asked()[asked..];
    assert!(!asked.iter().any(|path| path.ends_with(".tar.gz")), "{asked:?}");
}

#[tokio::test]
async fn uv_ends_with_a_killed_service() {
    let ground = ground();
    let mark = ground.path().join("sleeps");
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && echo uv 0.13.8 && exit\n/bin/sleep 600 & echo $! > {}\nwait\n",
        mark.display()
    );
    let uv = executable(&ground, "uv", &script);
    std::fs::write(ground.path().join("cwd/slow.difypkg"), asking("slow", "alpha\n").bytes()).unwrap();
    let cli = Cli::on(ground.path()).set("PLUGYARD_UV", uv.to_str().unwrap());
    let running = cli.args(["repackage", "slow.difypkg", "--platform", X86_64]).spawn();
    let sleeper = until("uv runs", seconds(60), async || {
        std::fs::read_to_string(&mark).ok().and_then(|id| process::Identified::of(id.trim().parse().ok()?))
    })
    .await;
    running.kill();
    assert_eq!(running.ended_within(seconds(30)).await.code, None);
    until("nothing of uv is left", seconds(60), async || (!sleeper.is_alive()).then_some(())).await;
}
