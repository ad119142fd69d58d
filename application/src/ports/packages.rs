//! Packages as publishers send them: recognised by what is in them, checked, and read once.

use std::{collections::BTreeMap, path::Path};

use async_trait::async_trait;
use bytes::Bytes;
use domain::{
    plugin::{Artifact, Description, PackageFormat, PluginKind},
    values::{AccountId, PluginName, ReleaseVersion},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{failure::Failure, ports::packaging::Received};

/// Reads a package in a child process; its bytes are hostile. A permanent failure says what is wrong with it.
#[async_trait]
pub trait PackageReader: Send + Sync {
    /// The format is what the content says. A format that is not among `wanted` is refused.
    async fn read(&self, file: &Path, wanted: &[PackageFormat]) -> Result<Package, Failure>;

    /// A file in a package that is a ZIP file; none: there is no such file, or it is larger.
    async fn file(&self, package: &Path, name: &str, largest: u64) -> Result<Option<PackedFile>, Failure>;
}

/// Gets a tarball that was released elsewhere, from an address that a caller gave: guarded, capped, and known to be
/// gzip by its first bytes.
#[async_trait]
pub trait ReleasedTarballs: Send + Sync {
    /// Streams the body into the file `into`, at most `limit` bytes.
    async fn fetch(&self, url: &str, into: &Path, limit: u64) -> Result<Received, Failure>;
}

/// Everything that the catalogue takes from a package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Package {
    pub artifact: Artifact,
    /// The publisher that the manifest names, where the format has one: Dify's and `LangBot`'s.
    pub author: Option<String>,
    pub name: PluginName,
    pub version: ReleaseVersion,
    pub kind: PluginKind,
    pub manifest: Value,
    /// Its icon is an address, or none: the bytes of one are in [`Package::icon`].
    pub description: Description,
    pub engines: BTreeMap<String, String>,
    pub dependencies: BTreeMap<String, String>,
    pub peer_dependencies: BTreeMap<String, String>,
    pub permissions: Vec<String>,
    pub config_schema: Option<Value>,
    pub changelog: Option<String>,
    pub readme: Option<String>,
    pub prerelease: bool,
    pub icon: Option<IconFile>,
}

/// At most 256 KiB, of a type that is an image by its first bytes: PNG, JPEG, GIF, WebP or SVG.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IconFile {
    pub media_type: String,
    #[serde(with = "as_base64")]
    pub bytes: Bytes,
}

/// A file as it is in a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedFile {
    /// Of an image, by its first bytes; none: anything else.
    pub image: Option<String>,
    #[serde(with = "as_base64")]
    pub bytes: Bytes,
}

/// As a list of numbers they would be ten times as long.
mod as_base64 {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(D::Error::custom)
    }
}

/// The operator's own scanner, if there is one. Whatever keeps it from answering is not an answer.
#[async_trait]
pub trait Scanner: Send + Sync {
    async fn scan(&self, file: &Path) -> Scan;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scan {
    Clean,
    Found(String),
    /// Try again later; until then nobody knows.
    NotRun(String),
}

/// Numbers that are given once: where ids on the wire are numbers.
#[async_trait]
pub trait Numbers: Send + Sync {
    async fn next(&self, of: Numbered) -> Result<u64, Failure>;

    /// Of whoever reviews: the same for an account, whoever asks at the same moment.
    async fn of_reviewer(&self, account: AccountId) -> Result<u64, Failure>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Numbered {
    Plugin,
    Publisher,
    Review,
    Operation,
}
