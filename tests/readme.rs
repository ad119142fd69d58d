//! The commands of the README that say how to prove who one is, and how to fill and read a catalogue, do what it says.

use std::{os::unix::fs::symlink, path::Path, process::Stdio};

use plugyard_tests::{Plan, binary, waiting::seconds};

/// What stands in blocks that are marked as replayed.
fn script(readme: &str) -> String {
    let blocks = readme.split("\n```sh replayed\n").skip(1);
    blocks
        .filter_map(|block| block.split_once("\n```"))
        .map(|(script, _)| script)
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn the_commands_are_true() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let script = script(&std::fs::read_to_string(readme).unwrap());
    assert!(script.lines().count() > 20, "{script}");
    let yard = Plan::default().start().await;
    let address = yard.base().strip_prefix("http://").expect("an address");
    let tools = yard.ground().join("tools");
    std::fs::create_dir(&tools).unwrap();
    symlink(binary::plugyard(), tools.join("plugyard")).unwrap();
    let known = std::env::var_os("PATH").and_then(|path| path.into_string().ok()).expect("a search path");
    let path = format!("{}:{known}", tools.display());
    let mut bash = tokio::process::Command::new("bash");
    bash.args(["-e", "-o", "pipefail", "-c"]).arg(script.replace("localhost:8000", address));
    bash.env_clear().envs(binary::environment(yard.ground())).envs(yard.settings()).env("PATH", path);
    bash.current_dir(yard.ground().join("cwd")).stdin(Stdio::null()).kill_on_drop(true);
    let ran = tokio::time::timeout(seconds(120), bash.output()).await.expect("it ends").unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    let is_status = |line: &&str| line.len() == 3 && line.bytes().all(|byte| byte.is_ascii_digit());
    let statuses: Vec<&str> = out.lines().filter(is_status).collect();
    let each = ["200", "200", "200", "429"];
    let expected: Vec<&str> = each.into_iter().cycle().take(4 * 5).chain(["422", "401"]).collect();
    assert_eq!(statuses, expected, "{out}");
    for told in ["is revoked", "\"access_token\"", "\"ticket\"", "is erased", "\"ip_hash\""] {
        assert!(out.contains(told), "{told} in {out}");
    }
    for told in [
        "Nothing changed",
        "\"said\":\"hi\"",
        "\"solarized-dark-ui\"",
        "\"plugin_123\"",
        "\"Initial release\"",
        "\"0.1.7\"",
    ] {
        assert!(out.contains(told), "{told} in {out}");
    }
}
