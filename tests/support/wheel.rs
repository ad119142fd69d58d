//! Valid wheels made in memory: one importable module, real METADATA, WHEEL and RECORD.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::{
    archive::{Archive, Entry, noise},
    sha256,
};

/// The tag of a wheel that fits everywhere.
pub const PURE: &str = "py3-none-any";
pub const LINUX_X86_64: &str = "cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64";
pub const LINUX_AARCH64: &str = "cp312-cp312-manylinux_2_17_aarch64.manylinux2014_aarch64";
pub const MACOS_ARM64: &str = "cp312-cp312-macosx_11_0_arm64";

#[derive(Debug, Clone)]
pub struct Wheel {
    pub name: String,
    pub version: String,
    pub tag: String,
    requires: Vec<String>,
    filler: usize,
    metadata_name: Option<String>,
}

impl Wheel {
    pub fn pure(name: &str, version: &str) -> Self {
        Self::tagged(name, version, PURE)
    }

    pub fn tagged(name: &str, version: &str, tag: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            tag: tag.into(),
            requires: Vec::new(),
            filler: 0,
            metadata_name: None,
        }
    }

    #[must_use]
    pub fn requires(mut self, requirement: &str) -> Self {
        self.requires.push(requirement.into());
        self
    }

    /// Incompressible bytes inside, for transfers that take their time.
    #[must_use]
    pub fn filler(mut self, bytes: usize) -> Self {
        self.filler = bytes;
        self
    }

    /// METADATA that speaks of another project.
    #[must_use]
    pub fn claiming(mut self, name: &str) -> Self {
        self.metadata_name = Some(name.into());
        self
    }

    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.whl", self.module(), self.version, self.tag)
    }

    /// The module it installs, and the project's spelling in file names.
    pub fn module(&self) -> String {
        self.name.replace(['-', '.'], "_")
    }

    pub fn sha256(&self) -> String {
        sha256(&self.bytes())
    }

    /// The METADATA in it.
    pub fn metadata(&self) -> String {
        let name = self.metadata_name.as_ref().unwrap_or(&self.name);
        let mut metadata =
            format!("Metadata-Version: 2.1\nName: {name}\nVersion: {}\nLicense: MIT\n", self.version);
        for requirement in &self.requires {
            writeln!(metadata, "Requires-Dist: {requirement}").unwrap();
        }
        metadata
    }

    pub fn bytes(&self) -> Vec<u8> {
        let (module, info) = (self.module(), format!("{}-{}.dist-info", self.module(), self.version));
        let purelib = self.tag.ends_with("-none-any");
        let mut wheel =
            format!("Wheel-Version: 1.0\nGenerator: plugyard-tests\nRoot-Is-Purelib: {purelib}\n");
        for tag in expanded(&self.tag) {
            writeln!(wheel, "Tag: {tag}").unwrap();
        }
        let code = format!("__version__ = {:?}\nTAG = {:?}\n", self.version, self.tag);
        let mut files = vec![(format!("{module}/__init__.py"), code.into_bytes())];
        if self.filler > 0 {
            files.push((format!("{module}/data.bin"), noise(self.filler, self.name.len() as u64)));
        }
        files.push((format!("{info}/METADATA"), self.metadata().into_bytes()));
        files.push((format!("{info}/WHEEL"), wheel.into_bytes()));
        let record = format!("{info}/RECORD");
        let mut lines: String = files.iter().map(|(path, content)| record_line(path, content)).collect();
        writeln!(lines, "{record},,").unwrap();
        files.push((record, lines.into_bytes()));
        let stored = self.filler > 0;
        let entries =
            files.into_iter().map(|(path, content)| Entry { stored, ..Entry::plain(path, content) });
        Archive::of(entries.collect()).bytes()
    }
}

fn record_line(path: &str, content: &[u8]) -> String {
    format!("{path},sha256={},{}\n", URL_SAFE_NO_PAD.encode(Sha256::digest(content)), content.len())
}

fn expanded(tag: &str) -> Vec<String> {
    let parts: Vec<Vec<&str>> = tag.split('-').map(|part| part.split('.').collect()).collect();
    let mut all = Vec::new();
    for python in &parts[0] {
        for abi in &parts[1] {
            all.extend(parts[2].iter().map(|platform| format!("{python}-{abi}-{platform}")));
        }
    }
    all
}
