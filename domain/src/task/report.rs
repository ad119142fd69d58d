//! What a finished repackaging has to say beside the file itself.

use serde::{Deserialize, Serialize};

use crate::values::{Floor, Target};

/// Integers only, so that the canonical bytes of the event survive the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    pub target: Target,
    /// The other targets of a combined package.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub combined_with: Vec<Target>,
    pub strict: bool,
    /// Where the pins came from: `uv.lock`, `pyproject`, `requirements`, or `none` for a package without
    /// dependencies.
    pub source: String,
    /// What chose the versions; null where the lock had chosen them.
    pub resolver: Option<String>,
    /// Sha256 of each pylock that the resolver wrote, one per target; they are in the package under `.repack/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolutions: Vec<String>,
    /// How many wheels the package holds.
    pub wheels: u64,
    pub wheel_bytes: u64,
    pub downloaded_bytes: u64,
    pub cache_hits: u64,
    pub output_bytes: u64,
    pub uncompressed_bytes: u64,
    pub sha256: String,
    pub identifier_in: String,
    pub identifier_out: String,
    pub needs_glibc: Option<Floor>,
    pub needs_macos: Option<Floor>,
    /// Dependencies that had to be built here.
    pub built: Vec<String>,
    pub signed: bool,
    /// Sha256 of the public key (PKCS#1 DER) that verifies the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_key: Option<String>,
    /// Null: not tried.
    pub verified_install: Option<bool>,
    pub notes: Vec<Note>,
    pub timings: Timings,
}

impl Report {
    #[must_use]
    pub fn with_notes(mut self, more: Vec<Note>) -> Self {
        self.notes.extend(more);
        self
    }
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

/// Milliseconds per phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    pub download_ms: u64,
    pub read_ms: u64,
    /// Choosing versions and building, where that was needed.
    #[serde(default)]
    pub resolve_ms: u64,
    pub wheels_ms: u64,
    pub pack_ms: u64,
    #[serde(default)]
    pub verify_ms: u64,
    pub store_ms: u64,
}
