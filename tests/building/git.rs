//! Packages that come from git: the locked commit, as an archive of its forge.

use plugyard_tests::{Cli, Files, Lock, Locked, Plugin, Source, command_line::Ran, python::version};
use tempfile::TempDir;

use super::{built, failure, ground_with, here};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn from_git(files: &Files, query: &str) -> Plugin {
    let source = format!("{{ git = \"{}?{query}rev=v1#{COMMIT}\" }}", files.url("/owner/project.git"));
    Plugin::locked(&Lock::new("gits").with(Locked::new("project", "1.0").source(&source)))
}

async fn built_from_git(plugin: &Plugin, args: &[&str]) -> (TempDir, Ran) {
    let ground = ground_with(plugin);
    let cli = Cli::on(ground.path()).set("PLUGYARD_BUILD", "pure").set("PLUGYARD_ALLOW_GIT", "1");
    let cli = cli.args(["repackage", "plugin.difypkg", "--python", version(), "--platform", here()]);
    let ran = cli.args(args.iter().copied()).run().await;
    (ground, ran)
}

#[tokio::test]
async fn the_locked_commit_comes_from_its_forge_and_is_built() {
    let files = Files::start();
    let source = Source::pure("project", "1.0").of_commit(COMMIT);
    let path = format!("/owner/project/-/archive/{COMMIT}/project-{COMMIT}.tar.gz");
    files.put(&path, source.bytes());
    let (_ground, ran) = built_from_git(&from_git(&files, ""), &["--json"]).await;
    let result = ran.expect(0).json()["results"][0].clone();
    assert_eq!(result["built"], serde_json::json!(["project 1.0 (py3-none-any)"]));
    let notes = result["notes"].to_string();
    assert!(notes.contains("project comes from git commit 01234567."), "{notes}");
    assert_eq!(
        files.count(&format!("/owner/project/archive/{COMMIT}.tar.gz")),
        1,
        "the other form came first"
    );
    assert_eq!(files.count(&path), 1);
}

#[tokio::test]
async fn a_subdirectory_is_built_and_another_commit_is_not() {
    let files = Files::start();
    let path = format!("/owner/project/archive/{COMMIT}.tar.gz");
    let below = Source::pure("project", "1.0");
    let tree = |name: &str| Source::pure("project", "1.0").file(name, "x");
    files.put(&path, tree("pyproject.toml").of_commit(&"f".repeat(40)).bytes());
    let (_ground, ran) = built_from_git(&from_git(&files, ""), &["--json"]).await;
    let told = failure(&ran.expect(1));
    assert_eq!(told, "project 1.0 could not be built: the server sent another commit than the locked one");

    let mut nested = Source::pure("outer", "0").of_commit(COMMIT);
    for file in ["backend/own.py", "pyproject.toml"] {
        nested = nested.file(&format!("part/{file}"), below.content(file));
    }
    files.put(&path, nested.bytes());
    let (_ground, ran) = built_from_git(&from_git(&files, "subdirectory=part&"), &[]).await;
    ran.expect(0);
    let (_ground, ran) = built_from_git(&from_git(&files, "subdirectory=none&"), &["--json"]).await;
    assert!(failure(&ran.expect(1)).ends_with("it does not hold its subdirectory"));
}

#[tokio::test]
async fn git_needs_leave_of_its_own_and_goes_through_the_guard() {
    let files = Files::start();
    let plugin = from_git(&files, "");
    let ran = built(&ground_with(&plugin), "pure", &["--platform", here(), "--json"]).await.expect(1);
    assert_eq!(failure(&ran), "project comes from git; git sources are disabled");
    let ground = ground_with(&plugin);
    let cli = Cli::on(ground.path()).set("PLUGYARD_FETCH_ALLOW", "").set("PLUGYARD_BUILD", "pure");
    let cli = cli.set("PLUGYARD_ALLOW_GIT", "1").args(["repackage", "plugin.difypkg", "--json"]);
    let ran = cli.args(["--platform", here()]).run().await.expect(1);
    assert_eq!(failure(&ran), "URL host not allowed: 127.0.0.1");
    assert_eq!(files.connections(), 0);
}
