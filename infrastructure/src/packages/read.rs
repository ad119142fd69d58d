//! Reads a package from its first byte to its icon. Runs in the child process.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path, path::PathBuf};

use application::{
    failure::{Failure, Reason},
    ports::packages::{Package, PackedFile},
};
use domain::plugin::{Artifact, PackageFormat};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    contents::{self, Contents},
    declared::Declared,
    difypkg, icon,
    json::{self, invalid},
    lbpkg, manifest_json, package_json,
    tarball::Tarball,
};
use crate::{
    archive::{
        ambiguous,
        check::{Checked, looks_like_html},
        limits::Limits,
        manifest,
        read::{checksum, file_sha256},
    },
    disk,
};

#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    pub package: PathBuf,
    pub wanted: Vec<PackageFormat>,
}

/// # Errors
/// A failure that refuses the package as a whole.
pub fn run(request: &Request) -> Result<Package, Failure> {
    let (path, wanted) = (request.package.as_path(), request.wanted.as_slice());
    let mut head = [0; 512];
    let file = File::open(path).map_err(disk::failure)?;
    let length = file.read_at(&mut head, 0).map_err(disk::failure)?;
    match &head[..length] {
        [b'P', b'K', 3, 4, ..] => zip(path, wanted),
        [0x1f, 0x8b, ..] => tarball(path, wanted),
        head if looks_like_html(head) => Err(unwanted("The file is a web page", wanted)),
        _ => Err(unwanted("The file is neither a ZIP file nor a gzipped tar", wanted)),
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub struct FileRequest {
    pub package: PathBuf,
    pub name: String,
    pub largest: u64,
}

/// # Errors
/// Whatever makes the ZIP file unfit to be read.
pub fn file(request: &FileRequest) -> Result<Option<PackedFile>, Failure> {
    let archive = Checked::open(&request.package, &Limits::PACKAGE)?;
    let Some(entry) = archive.entry(&request.name).filter(|entry| entry.size <= request.largest) else {
        return Ok(None);
    };
    let bytes = archive.read(entry, request.largest)?;
    Ok(Some(PackedFile { image: icon::media_type(&bytes).map(str::to_owned), bytes: bytes.into() }))
}

fn tarball(path: &Path, wanted: &[PackageFormat]) -> Result<Package, Failure> {
    if !wanted.contains(&PackageFormat::Tarball) {
        return Err(unwanted("The file is a gzipped tar", wanted));
    }
    let archive = Tarball::open(path, package_json::FILE, &Limits::TARBALL)?;
    let whole = json::read(package_json::FILE, &text_of(&archive, package_json::FILE, &Limits::TARBALL)?)?;
    let declared = package_json::declared(&whole)?;
    let artifact = Artifact {
        sha256: file_sha256(path)?,
        size: archive.size(),
        format: PackageFormat::Tarball,
        content_checksum: None,
    };
    package(artifact, whole, declared, &archive)
}

fn zip(path: &Path, wanted: &[PackageFormat]) -> Result<Package, Failure> {
    if wanted == [PackageFormat::Tarball] {
        return Err(unwanted("The file is a ZIP file", wanted));
    }
    let archive = Checked::open(path, &Limits::PACKAGE)?;
    let files = ["manifest.yaml", "manifest.yml", manifest_json::FILE];
    let mut there = files.into_iter().filter(|file| archive.entry(file).is_some());
    let Some(file) = there.next() else {
        return Err(invalid("manifest.yaml or manifest.json", "there is none at the root of the ZIP file"));
    };
    if there.next().is_some() {
        return Err(ambiguous("there are two manifests at its root"));
    }
    let format = |format: PackageFormat| {
        let found = || unwanted(&format!("The file is {}", described(format)), wanted);
        wanted.contains(&format).then_some(()).ok_or_else(found)
    };
    if file == manifest_json::FILE {
        format(PackageFormat::Zip)?;
        let whole = json::read(file, &text_of(&archive, file, &Limits::PACKAGE)?)?;
        let declared = manifest_json::declared(&whole)?;
        return zipped(path, &archive, PackageFormat::Zip, whole, declared);
    }
    let text = text_of(&archive, file, &Limits::LBPKG)?;
    let text = String::from_utf8(text).map_err(|_not_utf8| invalid(file, "it is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let whole: Value = manifest::part(text).ok_or_else(|| {
        invalid(file, "it is not readable as YAML (or too deep, too large, or a key is in it twice)")
    })?;
    match (lbpkg::is_meant(&whole), difypkg::is_meant(&whole)) {
        (true, true) => Err(ambiguous("its manifest is one of Dify and one of LangBot")),
        (true, false) => {
            format(PackageFormat::Lbpkg)?;
            let archive = Checked::open(path, &Limits::LBPKG)?;
            let declared = lbpkg::declared(file, text, &whole)?;
            zipped(path, &archive, PackageFormat::Lbpkg, json::kept(file, whole)?, declared)
        }
        (false, true) => {
            format(PackageFormat::Difypkg)?;
            dify(path, &archive, text, json::kept(file, whole)?)
        }
        (false, false) => {
            let text = "it is neither one of Dify (type: plugin) nor one of LangBot (kind: Plugin, metadata)";
            Err(invalid(file, text))
        }
    }
}

fn dify(path: &Path, archive: &Checked, text: &str, whole: Value) -> Result<Package, Failure> {
    if archive.entry(difypkg::FILE).is_none() {
        return Err(invalid(difypkg::FILE, "it is called manifest.yml"));
    }
    if archive.directories > 0 {
        let text = "Package contains directories, which Dify refuses; pack files alone";
        return Err(Failure::permanent(Reason::PackageUnsafeEntry, text));
    }
    let mut declared = difypkg::declared(text, &whole, |name| archive.entry(name).is_some())?;
    let requirements = archive.entry(difypkg::REQUIREMENTS).filter(|file| file.size <= Limits::PACKAGE.text);
    if let Some(file) = requirements {
        let text = archive.read(file, Limits::PACKAGE.text)?;
        declared.dependencies = difypkg::dependencies(&String::from_utf8_lossy(&text));
    }
    zipped(path, archive, PackageFormat::Difypkg, whole, declared)
}

/// Once every entry was inflated.
fn zipped(
    path: &Path,
    archive: &Checked,
    format: PackageFormat,
    whole: Value,
    declared: Declared,
) -> Result<Package, Failure> {
    let digests = archive.content_digests()?;
    let artifact = Artifact {
        sha256: file_sha256(path)?,
        size: archive.size,
        format,
        content_checksum: (format == PackageFormat::Difypkg).then(|| checksum(digests)),
    };
    package(artifact, whole, declared, archive)
}

fn text_of(contents: &dyn Contents, file: &str, limits: &Limits) -> Result<Vec<u8>, Failure> {
    if contents.files().any(|(name, size)| name == file && size > limits.text) {
        return Err(invalid(file, format!("it is larger than {} KB", limits.text / 1024)));
    }
    contents.read(file, limits.text)?.ok_or_else(|| invalid(file, "there is none"))
}

fn package(
    artifact: Artifact,
    manifest: Value,
    declared: Declared,
    contents: &dyn Contents,
) -> Result<Package, Failure> {
    Ok(Package {
        artifact,
        author: declared.author,
        name: declared.identity.name,
        version: declared.identity.version,
        kind: declared.kind,
        manifest,
        description: declared.description,
        engines: declared.engines,
        dependencies: declared.dependencies,
        peer_dependencies: declared.peer_dependencies,
        permissions: declared.permissions,
        config_schema: declared.config_schema,
        changelog: declared.changelog,
        readme: contents::readme(contents)?,
        prerelease: declared.prerelease,
        icon: declared.icon.map(|icon| icon::read(contents, &icon)).transpose()?.flatten(),
    })
}

fn described(format: PackageFormat) -> &'static str {
    match format {
        PackageFormat::Difypkg => "a package of Dify (.difypkg)",
        PackageFormat::Lbpkg => "a package of LangBot (.lbpkg)",
        PackageFormat::Tarball => "a gzipped tar with package.json",
        PackageFormat::Zip => "a ZIP file with manifest.json",
    }
}

fn unwanted(found: &str, wanted: &[PackageFormat]) -> Failure {
    let wanted: Vec<_> = wanted.iter().map(|format| described(*format)).collect();
    let text = format!("{found}; wanted here is {}", wanted.join(", or "));
    Failure::permanent(Reason::PackageInvalid, text)
}

#[cfg(test)]
mod tests;
