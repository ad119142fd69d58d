//! Plugin packages as the official packager writes them.

use std::collections::BTreeMap;

use crate::{
    archive::{Archive, Entry},
    lock::Lock,
};

/// The files of one plugin; they are packed in the order of their paths.
#[derive(Debug, Clone)]
pub struct Plugin {
    pub author: String,
    pub name: String,
    pub version: String,
    files: BTreeMap<String, Vec<u8>>,
}

const MANIFEST: &str = r"version: @version@
type: plugin
author: @author@
name: @name@
label:
  en_US: The @name@ plugin
description:
  en_US: Made by a test
icon: icon.svg
created_at: 2024-01-02T03:04:05.000000Z
resource:
  memory: 1048576
  permission: {}
plugins:
  tools:
    - provider/tool.yaml
meta:
  version: 0.0.1
  arch: [amd64, arm64]
  runner: {language: python, version: '3.12', entrypoint: main}
";

impl Plugin {
    /// A plugin without any dependency.
    pub fn new(name: &str) -> Self {
        let plugin = Self {
            author: "yard".into(),
            name: name.into(),
            version: "0.0.1".into(),
            files: BTreeMap::new(),
        };
        let manifest =
            MANIFEST.replace("@version@", "0.0.1").replace("@author@", "yard").replace("@name@", name);
        plugin
            .file("manifest.yaml", manifest)
            .file("main.py", "print('never run by a repackager')\n")
            .file("README.md", format!("# {name}\n"))
            .file("_assets/icon.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>\n")
            .file("provider/tool.yaml", "identity: {name: tool}\ntools: [tools/greet.yaml]\n")
            .file("tools/greet.yaml", "identity: {name: greet}\nextra: {python: {source: tools/greet.py}}\n")
            .file("tools/greet.py", "def greet(): return 'hello'\n")
            .file("requirements.txt", "")
    }

    /// With `uv.lock`, `pyproject.toml` and the `requirements.txt` that the packager adds.
    pub fn locked(lock: &Lock) -> Self {
        Self::new(lock.project())
            .file("uv.lock", lock.text())
            .file("pyproject.toml", lock.project_text())
            .file("requirements.txt", "# exported\n")
    }

    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        assert!(self.files.remove(path).is_some(), "{path} was there");
        self
    }

    pub fn content(&self, path: &str) -> &[u8] {
        &self.files[path]
    }

    pub fn file_name(&self) -> String {
        format!("{}.difypkg", self.name)
    }

    /// For tests that spoil it.
    pub fn archive(&self) -> Archive {
        let entries =
            self.files.iter().map(|(path, content)| Entry::new(path.as_bytes(), content.as_slice()));
        Archive::of(entries.collect())
    }

    /// The same files in the form that strict readers want.
    pub fn archive_without_descriptors(&self) -> Archive {
        let entries =
            self.files.iter().map(|(path, content)| Entry::plain(path.as_bytes(), content.as_slice()));
        Archive::of(entries.collect())
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.archive().bytes()
    }
}
