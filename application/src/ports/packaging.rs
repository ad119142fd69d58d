//! The steps of repackaging: download, inspect, resolve, build, fetch wheels, pack, verify. Everything behind these ports treats its
//! input as hostile; everything that comes out of them is checked and plain.

use std::path::Path;

use async_trait::async_trait;
use domain::{
    task::PluginAbout,
    values::{Digest, Floor, Os, PluginIdentity, Target},
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::failure::Failure;

/// Called with bytes done so far and, where it is known, the bytes to come in all. Cheap; may be called often.
pub type OnBytes<'a> = &'a (dyn Fn(u64, Option<u64>) + Send + Sync);

/// Gets a package from a URL that a caller gave: guarded, capped, verified to be a package by its first bytes.
#[async_trait]
pub trait Downloads: Send + Sync {
    /// Judges the URL as it is typed, without any network: scheme, port, user info, literal address, and that it
    /// ends in `.difypkg`. A refusal has reason `UrlForbidden`. A host off the operator's list passes here and
    /// fails when it is downloaded, like a name that resolves to a forbidden address.
    fn check(&self, url: &str) -> Result<(), Failure>;

    /// Streams the body into the new file `into`, at most `limit` bytes.
    async fn download(
        &self,
        url: &str,
        into: &Path,
        limit: u64,
        on_bytes: OnBytes<'_>,
        cancel: &CancellationToken,
    ) -> Result<Received, Failure>;
}

/// A file that arrived whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    pub sha256: Digest,
    pub size: u64,
}

/// Reads a package: the archive checks, the manifest, the lock, and the plan for each target.
#[async_trait]
pub trait Inspector: Send + Sync {
    /// A failure means the package as a whole is refused; a target that cannot be served fails alone, inside
    /// [`Inspection::plans`], which is in the order of `targets`.
    async fn inspect(
        &self,
        package: &Path,
        targets: &[Target],
        cancel: &CancellationToken,
    ) -> Result<Inspection, Failure>;
}

/// What a package says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    pub sha256: Digest,
    pub size: u64,
    pub identity: PluginIdentity,
    /// `author/name:version@checksum`, as the installing daemon computes it for the input.
    pub identifier: String,
    /// The manifest's English label, or the name where it has none.
    pub label: String,
    /// `tool`, `model`, `datasource`, `agent-strategy`, `trigger` or `extension`.
    pub category: String,
    /// When the input was signed, else when its manifest says it was made, in Unix seconds; 0 when neither is
    /// known. A signature of the output carries it, so that equal jobs give equal bytes.
    pub signature_time: u64,
    pub notes: Vec<Note>,
    pub plans: Vec<Result<Plan, Failure>>,
}

impl Inspection {
    pub fn about(&self) -> PluginAbout {
        PluginAbout { label: self.label.clone(), category: self.category.clone() }
    }
}

/// How a target gets its wheels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plan {
    /// The lock names every wheel.
    Selected(Selection),
    /// There is no usable lock: versions have to be chosen first.
    Open(Requirements),
}

impl Plan {
    /// What the lock selected; `None` when versions have to be chosen first.
    pub fn selected(self) -> Option<Selection> {
        match self {
            Self::Selected(selection) => Some(selection),
            Self::Open(_) => None,
        }
    }
}

/// What a package without a usable lock asks for, in our own words: nothing of its files is passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// [`DependencySource::Pyproject`] or [`DependencySource::Requirements`].
    pub source: DependencySource,
    pub lines: Vec<Requirement>,
    /// Why the lock, if there is one, was not used.
    pub notes: Vec<Note>,
}

/// One parsed line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// PEP 508 without a URL, with a normalised name.
    pub text: String,
    /// When there are any, the chosen file must have one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sha256: Vec<Digest>,
}

/// One thing the user should know, with the exact lines to set where there are any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// A stable word: `size`, `unsigned`, `floor`, `stale_lock` ...
    pub kind: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

impl Note {
    /// A note without lines to set.
    pub fn new(kind: &str, text: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), text: text.into(), lines: Vec::new() }
    }
}

/// What goes into the package of one target, or of several together: the wheels of the closure, sorted by
/// normalised name and then by file name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    pub source: DependencySource,
    pub wheels: Vec<Wheel>,
    /// Dependencies without a fitting wheel that have to be built before anything is fetched. Empty unless
    /// building is allowed.
    #[serde(default)]
    pub sdists: Vec<Sdist>,
    /// The oldest systems the result really runs on: the highest floor over all wheels.
    pub needs: Needs,
    /// How the versions were chosen, where no lock had chosen them: one per target, in the targets' order.
    #[serde(default)]
    pub resolutions: Vec<Resolution>,
    pub notes: Vec<Note>,
}

/// None where no wheel asks for anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    pub glibc: Option<Floor>,
    pub macos: Option<Floor>,
}

impl Needs {
    pub fn of(os: Os, floor: Option<Floor>) -> Self {
        match os {
            Os::Linux => Self { glibc: floor, macos: None },
            Os::Macos => Self { glibc: None, macos: floor },
        }
    }

    /// What fulfils both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { glibc: self.glibc.max(other.glibc), macos: self.macos.max(other.macos) }
    }
}

/// The answer of a resolver, kept so that a repetition gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// What chose: `uv 0.13.8`.
    pub resolver: String,
    /// A pylock.toml (PEP 751) for one target. No credentials, nothing of this host.
    pub pylock: String,
    /// Dependencies that had to be built before they could be resolved.
    #[serde(default)]
    pub sdists: Vec<Sdist>,
    /// What was learned from the index meanwhile: yanked files, older versions.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// Where the pins came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DependencySource {
    #[serde(rename = "uv.lock")]
    UvLock,
    #[serde(rename = "pyproject")]
    Pyproject,
    #[serde(rename = "requirements")]
    Requirements,
    /// The package declares no dependency at all.
    #[serde(rename = "none")]
    Nothing,
}

impl DependencySource {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UvLock => "uv.lock",
            Self::Pyproject => "pyproject",
            Self::Requirements => "requirements",
            Self::Nothing => "none",
        }
    }
}

/// A dependency that must be built here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sdist {
    /// Normalised (PEP 503).
    pub name: String,
    pub version: String,
    pub origin: SdistOrigin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SdistOrigin {
    /// A source distribution of an index.
    File { file_name: String, urls: Vec<String>, sha256: Digest, size: Option<u64> },
    /// One commit of a repository.
    Git {
        /// Without query, fragment and credentials.
        repository: String,
        /// 40 hexadecimal digits.
        commit: String,
        subdirectory: Option<String>,
    },
}

/// Chooses versions and files for packages without a usable lock.
#[async_trait]
pub trait Resolver: Send + Sync {
    /// Names what would choose, the index it asks and how; two resolvers of one name answer alike. Part of the key
    /// under which an answer is kept.
    fn name(&self) -> String;

    async fn resolve(
        &self,
        wanted: &Requirements,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Resolution, Failure>;

    /// Reads an answer, fresh or kept: the one wheel per package that fits best, by our own order of tags.
    async fn select(
        &self,
        wanted: &Requirements,
        resolution: Resolution,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Selection, Failure>;
}

/// Answers of resolvers by the key of the question, shared by all nodes.
#[async_trait]
pub trait Resolutions: Send + Sync {
    async fn get(&self, key: &Digest) -> Result<Option<Resolution>, Failure>;

    /// Keeps the answer unless there is one already, and returns the one that is kept; `replace` puts the new one
    /// in its place.
    async fn keep(&self, key: &Digest, answer: Resolution, replace: bool) -> Result<Resolution, Failure>;
}

/// Builds a wheel from a source distribution, in a sandbox. Third-party code runs in there and nowhere else.
#[async_trait]
pub trait Builder: Send + Sync {
    /// The wheel is in the wheel cache afterwards. The same source gives the same wheel again, byte by byte, as
    /// long as the cache holds it.
    async fn build(
        &self,
        sdist: &Sdist,
        target: &Target,
        cancel: &CancellationToken,
    ) -> Result<Wheel, Failure>;
}

/// Installs a finished package offline in a throw-away environment and starts it.
#[async_trait]
pub trait Verifier: Send + Sync {
    /// `work` is an empty directory for this.
    async fn verify(
        &self,
        package: &Path,
        targets: &[Target],
        work: &Path,
        cancel: &CancellationToken,
    ) -> Result<Verdict, Failure>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// None when it could not be tried here: another platform, no interpreter, no sandbox.
    pub works: Option<bool>,
    pub notes: Vec<Note>,
}

/// A file to fetch and how to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wheel {
    /// Normalised (PEP 503).
    pub name: String,
    pub version: String,
    pub file_name: String,
    /// Where to try, in this order.
    pub urls: Vec<String>,
    pub sha256: Digest,
    pub size: Option<u64>,
    /// The compatibility tag of the file name that decided (PEP 425).
    pub tag: String,
    pub floor: Option<Floor>,
    /// Built here, from source.
    #[serde(default)]
    pub built: bool,
}

/// The shared wheel cache and the way into it.
#[async_trait]
pub trait Wheels: Send + Sync {
    /// Brings every wheel into the directory `into` under its file name, verified. A wheel in the cache is not
    /// fetched again; equal wheels wanted at the same time are fetched once.
    async fn fetch(
        &self,
        wheels: &[Wheel],
        into: &Path,
        on_bytes: OnBytes<'_>,
        cancel: &CancellationToken,
    ) -> Result<WheelFacts, Failure>;

    /// Hashes the cached files of these wheels again and drops those that have changed on the disk; how many.
    async fn recheck(&self, wheels: &[Wheel]) -> Result<usize, Failure>;
}

/// What fetching cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WheelFacts {
    pub bytes: u64,
    pub downloaded_bytes: u64,
    pub cache_hits: u64,
}

/// Writes the offline package: the input without what would send the installing daemon online, plus the wheels.
#[async_trait]
pub trait Packer: Send + Sync {
    /// Writes the new file `output`, synced; equal jobs give equal bytes. On failure no file is left.
    async fn pack(
        &self,
        job: PackJob<'_>,
        on_bytes: OnBytes<'_>,
        cancel: &CancellationToken,
    ) -> Result<Packed, Failure>;

    /// Part of every result key: another one whenever the same inputs would give other bytes. Names the signing
    /// key, if there is one.
    fn version(&self) -> &str;
}

#[derive(Debug, Clone, Copy)]
pub struct PackJob<'a> {
    pub package: &'a Path,
    pub inspection: &'a Inspection,
    pub selection: &'a Selection,
    /// More than one for a combined package.
    pub targets: &'a [Target],
    /// Holds each wheel of the selection under its file name.
    pub wheels: &'a Path,
    pub output: &'a Path,
}

/// The finished package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packed {
    pub sha256: Digest,
    pub size: u64,
    pub uncompressed_bytes: u64,
    /// `author/name:version@checksum` of the output.
    pub identifier: String,
    /// Sha256 of the public key (PKCS#1 DER) that verifies the signature, if it is signed.
    #[serde(default)]
    pub signing_key: Option<Digest>,
    pub notes: Vec<Note>,
}
