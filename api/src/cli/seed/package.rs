//! The packages of the demonstration catalogue, made here: small, whole, and the same bytes on every machine, so that
//! publishing them again changes nothing.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use domain::plugin::PackageFormat;
use infrastructure::archive::write::{Content, Item, write};
use serde_json::Value;

use super::{
    catalogue::{Plugin, Release},
    tarball, yaml,
};

/// Writes the package into the directory, under the name its own tools would give it.
pub(super) fn make(plugin: &Plugin, release: &Release, directory: &Path) -> anyhow::Result<PathBuf> {
    let (name, manifest) = manifest(plugin.format, &plugin.manifest(release))?;
    let mut files: Vec<(&str, &[u8])> = vec![(name, manifest.as_bytes())];
    let others = plugin.files()?;
    files.extend(others.iter().map(|(path, text)| (*path, text.as_bytes())));
    files.sort_unstable();
    let name = format!("{}-{}.{}", plugin.name(), release.version, plugin.format.extension());
    let path = directory.join(name);
    match plugin.format {
        PackageFormat::Tarball => std::fs::write(&path, tarball::packed(&files)?)?,
        PackageFormat::Difypkg | PackageFormat::Lbpkg | PackageFormat::Zip => {
            let item = |(name, bytes): &(&str, &[u8])| Item {
                name: (*name).to_owned(),
                content: Content::Bytes(bytes.to_vec()),
            };
            write(files.iter().map(item).collect(), None, &directory.join("part"), &path, |_| {})?;
        }
    }
    Ok(path)
}

fn manifest(format: PackageFormat, manifest: &Value) -> anyhow::Result<(&'static str, String)> {
    let json = || serde_json::to_string_pretty(manifest).context("a manifest is no JSON");
    Ok(match format {
        PackageFormat::Difypkg | PackageFormat::Lbpkg => ("manifest.yaml", yaml::block(manifest)),
        PackageFormat::Tarball => ("package.json", json()? + "\n"),
        PackageFormat::Zip => ("manifest.json", json()? + "\n"),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs::File,
        io::Write as _,
        process::{Command, Stdio},
    };

    use infrastructure::archive::{check::Checked, limits::Limits};
    use serde_json::json;

    use super::*;
    use crate::cli::seed::catalogue::{Demonstration, demonstration};

    fn plugin<'a>(demonstration: &'a Demonstration, name: &str) -> &'a Plugin {
        demonstration.plugins.iter().find(|plugin| plugin.name() == name).unwrap()
    }

    #[test]
    fn every_package_is_made_and_made_again_the_same() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut made = 0;
        for plugin in demonstration().unwrap().plugins {
            for release in &plugin.releases {
                let bytes = [&one, &other]
                    .map(|at| std::fs::read(make(&plugin, release, at.path()).unwrap()).unwrap());
                assert_eq!(bytes[0], bytes[1], "{}", plugin.name());
                made += 1;
            }
        }
        assert!(made > 15, "{made}");
    }

    /// Speaks the native protocol with the package's entry point, as its host will.
    fn talk(name: &str, lines: &[Value]) -> Vec<Value> {
        let demonstration = demonstration().unwrap();
        let plugin = plugin(&demonstration, name);
        let directory = tempfile::tempdir().unwrap();
        let path = make(plugin, &plugin.releases[0], directory.path()).unwrap();
        let archive = Checked::open(&path, &Limits::PACKAGE).unwrap();
        for entry in &archive.entries {
            let bytes = archive.read(entry, 1 << 20).unwrap();
            File::create(directory.path().join(&entry.name)).unwrap().write_all(&bytes).unwrap();
        }
        let module = plugin.manifest(&plugin.releases[0])["entry_point"].as_str().unwrap().to_owned();
        let module = module.split(':').next().unwrap().to_owned();
        let mut python = Command::new("python3");
        python.args(["-m", &module]).current_dir(directory.path());
        let mut child = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        for line in lines {
            writeln!(input, "{line}").unwrap();
        }
        drop(input);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}");
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn call(id: u32, method: &str, params: &Value) -> Value {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    fn story(name: &str) -> Vec<Value> {
        let begin = json!({"protocol_version": 1, "plugin_id": name, "config": {"batch_size": 100}});
        let message = json!({"message_type": "data_request", "data": {"query": "user_activity"}});
        talk(
            name,
            &[
                call(1, "initialize", &begin),
                call(2, "message/deliver", &message),
                call(3, "health/check", &json!({})),
                call(4, "shutdown", &json!({})),
            ],
        )
    }

    #[test]
    fn the_plugins_for_nexus_run_and_speak_the_native_protocol() {
        let analytics = story("analytics-plugin");
        assert_eq!(analytics[0]["result"]["plugin"], json!({"id": "analytics-plugin", "version": "1.2.0"}));
        assert_eq!(analytics[1]["result"]["status"], "success");
        assert_eq!(analytics[1]["result"]["data"]["batch_size"], 100);
        assert_eq!(analytics[2]["result"]["status"], "pass");
        for name in ["auth-plugin", "user-management", "api-gateway", "social-auth-plugin", "needs-nexus-99"]
        {
            let said = story(name);
            assert_eq!(said[0]["result"]["protocol_version"], 1, "{name}: {said:?}");
            assert_eq!(said[1]["error"]["code"], -32601, "{name}: {said:?}");
        }
    }

    #[test]
    fn the_mute_plugin_is_healthy_and_never_answers_a_message() {
        let said: Vec<Value> = story("mute-plugin").iter().map(|said| said["id"].clone()).collect();
        assert_eq!(said, [1, 3, 4]);
    }
}
