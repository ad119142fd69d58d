//! Packages that are prepared: the file is what its reader says of it, as JSON.

use std::path::Path;

use application::{
    failure::{Failure, Reason},
    ports::packages::{Numbered, Numbers, Package, PackageReader, PackedFile, Scan, Scanner},
};
use async_trait::async_trait;
use bytes::Bytes;
use domain::{
    plugin::{Artifact, Description, PackageFormat, PluginKind},
    values::{AccountId, Digest},
};
use sha2::{Digest as _, Sha256};

use super::Shelf;

/// A package with nothing but a name and a version.
pub(crate) fn prepared(format: PackageFormat, author: Option<&str>, name: &str, version: &str) -> Package {
    Package {
        artifact: Artifact {
            sha256: Digest::of_bytes([0; 32]),
            size: 0,
            format,
            content_checksum: (format == PackageFormat::Difypkg).then(|| "c".repeat(64)),
        },
        author: author.map(str::to_owned),
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        kind: PluginKind::Plugin,
        manifest: serde_json::json!({"name": name, "version": version}),
        description: Description { display_name: name.to_owned(), ..Description::default() },
        engines: std::collections::BTreeMap::new(),
        dependencies: std::collections::BTreeMap::new(),
        peer_dependencies: std::collections::BTreeMap::new(),
        permissions: Vec::new(),
        config_schema: None,
        changelog: None,
        readme: None,
        prerelease: false,
        icon: None,
    }
}

/// The bytes of such a package; its digest is theirs.
pub(crate) fn packed(package: &Package) -> Bytes {
    serde_json::to_vec(package).unwrap().into()
}

#[async_trait]
impl PackageReader for Shelf {
    async fn read(&self, file: &Path, wanted: &[PackageFormat]) -> Result<Package, Failure> {
        let refused = |reason, message: &str| Failure::permanent(reason, message);
        let bytes = tokio::fs::read(file).await.unwrap();
        let package = serde_json::from_slice::<Package>(&bytes);
        let package = package.map_err(|_json| refused(Reason::PackageInvalid, "This is no package"))?;
        if !wanted.contains(&package.artifact.format) {
            return Err(refused(Reason::PackageInvalid, "This is a package of another format"));
        }
        let sha256 = Digest::of_bytes(Sha256::digest(&bytes).into());
        Ok(Package { artifact: Artifact { sha256, size: bytes.len() as u64, ..package.artifact }, ..package })
    }

    /// Of prepared packages the readme and the icon.
    async fn file(&self, package: &Path, name: &str, largest: u64) -> Result<Option<PackedFile>, Failure> {
        let package = self.read(package, &[PackageFormat::Lbpkg]).await?;
        if let Some(readme) = package.readme.filter(|_| name == "README.md") {
            return Ok(Some(PackedFile { image: None, bytes: readme.into() }));
        }
        let icon = package.icon.filter(|icon| name == "assets/icon" && icon.bytes.len() as u64 <= largest);
        Ok(icon.map(|icon| PackedFile { image: Some(icon.media_type), bytes: icon.bytes }))
    }
}

#[async_trait]
impl Scanner for Shelf {
    async fn scan(&self, _: &Path) -> Scan {
        self.lock().scan.clone().unwrap_or(Scan::Clean)
    }
}

#[async_trait]
impl Numbers for Shelf {
    async fn next(&self, of: Numbered) -> Result<u64, Failure> {
        let mut state = self.lock();
        let last = state.numbers.entry(of).or_insert(999);
        *last += 1;
        Ok(*last)
    }

    async fn of_reviewer(&self, account: AccountId) -> Result<u64, Failure> {
        let mut state = self.lock();
        let next = 1_000 + state.reviewers.len() as u64;
        Ok(*state.reviewers.entry(account).or_insert(next))
    }
}
