//! Packages of every format as their own tools write them: a `.difypkg` of the official packager, an `.lbpkg` of
//! `lbp`, a tarball of `ipm` or of GitHub, a zip with a `manifest.json`.

use std::{collections::BTreeMap, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use crate::{
    archive::{Archive, Entry},
    sha256, tar,
};

/// Files and a manifest; the manifest is written when the package is.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    format: Format,
    manifest: Value,
    files: BTreeMap<String, Vec<u8>>,
    /// The one directory that everything lies in; `.` as `ipm` writes it.
    top: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Difypkg,
    Lbpkg,
    Tarball,
    Zip,
}

const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg'/>\n";

/// A plugin of Dify with one tool.
pub fn difypkg(author: &str, name: &str, version: &str) -> Package {
    let manifest = json!({
        "version": version, "type": "plugin", "author": author, "name": name,
        "label": {"en_US": format!("The {name} plugin"), "zh_Hans": "插件"},
        "description": {"en_US": "Made by a test"},
        "icon": "icon.svg", "created_at": "2024-01-02T03:04:05.000000Z", "tags": ["utilities"],
        "resource": {"memory": 1_048_576, "permission": {"tool": {"enabled": true}}},
        "plugins": {"tools": ["provider/tool.yaml"]},
        "meta": {"version": "0.0.1", "arch": ["amd64", "arm64"], "minimum_dify_version": "1.5.0",
                 "runner": {"language": "python", "version": "3.12", "entrypoint": "main"}},
    });
    Package::new(Format::Difypkg, name, version, manifest)
        .file("main.py", "print('never run by a catalogue')\n")
        .file("README.md", format!("# {name}\n"))
        .file("_assets/icon.svg", SVG)
        .file("provider/tool.yaml", "identity: {name: tool}\ntools: [tools/greet.yaml]\n")
        .file("tools/greet.yaml", "identity: {name: greet}\nextra: {python: {source: tools/greet.py}}\n")
        .file("tools/greet.py", "def greet(): return 'hello'\n")
        .file("requirements.txt", "")
}

/// A plugin of `LangBot` with one command.
pub fn lbpkg(author: &str, name: &str, version: &str) -> Package {
    let manifest = json!({
        "apiVersion": "v1", "kind": "Plugin",
        "metadata": {
            "author": author, "name": name, "version": version,
            "label": {"en_US": format!("The {name} plugin"), "zh_Hans": "插件"},
            "description": {"en_US": "Made by a test"},
            "repository": format!("https://github.com/{author}/{name}"),
            "icon": "assets/icon.svg",
        },
        "spec": {
            "config": [{"name": "token", "type": "string", "label": {"en_US": "Token"}, "default": ""}],
            "components": {"Command": {"fromDirs": [{"path": "components/commands/"}]}},
        },
        "execution": {"python": {"path": "main.py", "attr": "Plugin"}},
    });
    Package::new(Format::Lbpkg, name, version, manifest)
        .file("main.py", "class Plugin: ...\n")
        .file("README.md", format!("# {name}\n"))
        .file("assets/icon.svg", SVG)
        .file("components/commands/greet.yaml", "kind: Command\n")
        .file("requirements.txt", "langbot-plugin\n")
}

/// A package of Inkdrop, packed as `ipm` does.
pub fn inkdrop_tarball(name: &str, version: &str) -> Package {
    let manifest = json!({
        "name": name, "version": version, "description": "Made by a test", "main": "./lib/index",
        "author": "Ada Lovelace<ada@example.org>", "license": "MIT", "keywords": ["inkdrop", "markdown"],
        "repository": format!("https://github.com/ada/{name}"), "engines": {"inkdrop": ">=5.9.0"},
    });
    Package::new(Format::Tarball, name, version, manifest)
        .file("README.md", format!("# {name}\n"))
        .file("LICENSE.md", "MIT\n")
        .file("lib/index.js", "module.exports = { activate() {}, deactivate() {} }\n")
        .file("keymaps/plugin.json", "{}\n")
}

/// A plugin of Backstage or Nexus.
pub fn zip(name: &str, version: &str) -> Package {
    let manifest = json!({
        "name": name, "version": version, "displayName": format!("The {name} plugin"),
        "description": "Made by a test", "author": {"name": "Ada Lovelace", "email": "ada@example.org"},
        "category": "backend", "tags": ["catalog"], "license": "Apache-2.0",
        "repository": format!("https://github.com/ada/{name}"),
        "entry_point": "plugin:Plugin", "nexus_version": ">=1.0.0",
        "compatibility": {"backstage": "^1.35.0", "node": ">=18.0.0", "platform": ["linux", "darwin"]},
        "dependencies": [{"name": "@backstage/core", "version": "^1.35.0"}],
        "permissions": ["catalog.read"],
        "configuration": {"schema": {"batch_size": {"type": "integer", "default": 50, "min": 10, "max": 1000}}},
    });
    Package::new(Format::Zip, name, version, manifest)
        .file("README.md", format!("# {name}\n"))
        .file("plugin.py", "class Plugin: ...\n")
}

impl Package {
    fn new(format: Format, name: &str, version: &str, manifest: Value) -> Self {
        let (name, version) = (name.to_owned(), version.to_owned());
        Self { name, version, format, manifest, files: BTreeMap::new(), top: ".".to_owned() }
    }

    /// Adds a file, or puts another content into it. A manifest of that name replaces the one it would write.
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

    /// Changes what lies at a JSON pointer (`/metadata/author`, `/tags`) of the manifest, or adds it to its object;
    /// null takes it away.
    #[must_use]
    pub fn set(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        let (parent, key) = pointer.rsplit_once('/').expect("a JSON pointer");
        let parent = self.manifest.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        let value = value.into();
        if value.is_null() {
            parent.remove(key);
        } else {
            parent.insert(key.to_owned(), value);
        }
        self
    }

    /// A tarball as GitHub makes it: everything below one directory.
    #[must_use]
    pub fn below(self, directory: &str) -> Self {
        Self { top: directory.to_owned(), ..self }
    }

    pub fn manifest(&self) -> &Value {
        &self.manifest
    }

    /// As the format's own tool calls it.
    pub fn file_name(&self) -> String {
        let (name, version) = (&self.name, &self.version);
        match self.format {
            Format::Difypkg => format!("{name}.difypkg"),
            Format::Lbpkg => {
                let author = self.manifest.pointer("/metadata/author").and_then(Value::as_str);
                format!("{}-{name}-{version}.lbpkg", author.unwrap_or_default())
            }
            Format::Tarball => format!("{name}-{version}.tar.gz"),
            Format::Zip => format!("{name}-{version}.zip"),
        }
    }

    pub fn sha256(&self) -> String {
        sha256(&self.bytes())
    }

    /// The same bytes every time.
    pub fn bytes(&self) -> Vec<u8> {
        match self.format {
            Format::Tarball => self.tarball(),
            Format::Difypkg | Format::Lbpkg | Format::Zip => self.archive().bytes(),
        }
    }

    /// For tests that spoil it.
    pub fn archive(&self) -> Archive {
        let files = self.all_files();
        let entry = |(path, content): (&String, &Vec<u8>)| match self.format {
            Format::Difypkg => Entry::new(path.as_bytes(), content.as_slice()),
            Format::Lbpkg => Entry { stored: true, ..Entry::plain(path.as_bytes(), content.as_slice()) },
            Format::Zip | Format::Tarball => Entry::plain(path.as_bytes(), content.as_slice()),
        };
        Archive::of(files.iter().map(entry).collect())
    }

    fn tarball(&self) -> Vec<u8> {
        let files = self.all_files();
        let mut tar = tar::Tar::default().directory(&format!("{}/", self.top));
        for (path, content) in &files {
            tar = tar.file(&format!("{}/{path}", self.top), content);
        }
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&tar.bytes()).unwrap();
        gzip.finish().unwrap()
    }

    fn all_files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = self.files.clone();
        let (path, text) = match self.format {
            // JSON is YAML too.
            Format::Difypkg | Format::Lbpkg => ("manifest.yaml", format!("{:#}\n", self.manifest)),
            Format::Tarball => ("package.json", format!("{:#}\n", self.manifest)),
            Format::Zip => ("manifest.json", format!("{:#}\n", self.manifest)),
        };
        files.entry(path.to_owned()).or_insert_with(|| text.into_bytes());
        files
    }
}
