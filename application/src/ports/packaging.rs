//! The steps of repackaging: download, inspect, resolve, build, fetch wheels, pack, verify. Everything behind these
//! ports treats its input as hostile; everything that comes out of them is checked and plain.

mod reading;
mod resolving;
mod running;
mod selecting;

use std::path::Path;

use async_trait::async_trait;
use domain::values::{Digest, Target};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use domain::task::Note;
pub use reading::{Inspection, Inspector, Plan, Requirement, Requirements};
pub use resolving::{Resolution, Resolutions, Resolver};
pub use running::{Builder, Sdist, SdistOrigin, Verdict, Verifier};
pub use selecting::{DependencySource, Needs, Selection, Wheel};

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
