//! Why a piece of work ended without a result: a stable reason word, a sentence for the user, and whether trying
//! again can help.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Ends a task. The message says what to do; it holds no path of this machine and no credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub reason: Reason,
    pub message: String,
    /// A fault of the moment (network, disk, database): the same work may succeed later.
    pub transient: bool,
}

/// The stable words of the reference pages, one per kind of refusal or fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    UrlForbidden,
    RedirectForbidden,
    /// The input could not be fetched: refused, missing, timed out.
    FetchFailed,
    /// What came is not a `.difypkg`.
    PackageInvalid,
    PackageUnsafePath,
    PackageUnsafeEntry,
    PackageTooLarge,
    PackageAmbiguous,
    ManifestInvalid,
    RequirementUnsupported,
    NoUsableLock,
    LockInvalid,
    NoWheel,
    SourceForbidden,
    WheelMismatch,
    IndexUnavailable,
    /// No set of versions satisfies what the package asks for.
    NoSolution,
    /// There is no usable lock, and nothing here that could choose versions.
    ResolverUnavailable,
    /// A dependency could not be built from source.
    BuildFailed,
    MarketplaceUnavailable,
    /// The marketplace knows no such plugin or version.
    PluginUnknown,
    /// What came is not what the marketplace promised.
    ChecksumMismatch,
    /// Packages for these platforms would differ in their pins.
    NotCombinable,
    DiskFull,
    /// The database has no space left.
    StorageFull,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    Interrupted,
    Cancelled,
    Internal,
}

impl Failure {
    /// The input itself is at fault; trying again gives the same answer.
    pub fn permanent(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), transient: false }
    }

    /// A fault of the moment.
    pub fn transient(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), transient: true }
    }

    /// Ours, not the caller's: the cause belongs in the log, not in an answer.
    pub fn internal() -> Self {
        Self::transient(Reason::Internal, "Internal error; try again later")
    }

    pub fn cancelled() -> Self {
        Self::permanent(Reason::Cancelled, "Cancelled")
    }
}

impl Reason {
    /// As it appears on the wire: `URL_FORBIDDEN`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UrlForbidden => "URL_FORBIDDEN",
            Self::RedirectForbidden => "REDIRECT_FORBIDDEN",
            Self::FetchFailed => "FETCH_FAILED",
            Self::PackageInvalid => "PACKAGE_INVALID",
            Self::PackageUnsafePath => "PACKAGE_UNSAFE_PATH",
            Self::PackageUnsafeEntry => "PACKAGE_UNSAFE_ENTRY",
            Self::PackageTooLarge => "PACKAGE_TOO_LARGE",
            Self::PackageAmbiguous => "PACKAGE_AMBIGUOUS",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::RequirementUnsupported => "REQUIREMENT_UNSUPPORTED",
            Self::NoUsableLock => "NO_USABLE_LOCK",
            Self::LockInvalid => "LOCK_INVALID",
            Self::NoWheel => "NO_WHEEL",
            Self::SourceForbidden => "SOURCE_FORBIDDEN",
            Self::WheelMismatch => "WHEEL_MISMATCH",
            Self::IndexUnavailable => "INDEX_UNAVAILABLE",
            Self::NoSolution => "NO_SOLUTION",
            Self::ResolverUnavailable => "RESOLVER_UNAVAILABLE",
            Self::BuildFailed => "BUILD_FAILED",
            Self::MarketplaceUnavailable => "MARKETPLACE_UNAVAILABLE",
            Self::PluginUnknown => "PLUGIN_UNKNOWN",
            Self::ChecksumMismatch => "CHECKSUM_MISMATCH",
            Self::NotCombinable => "NOT_COMBINABLE",
            Self::DiskFull => "DISK_FULL",
            Self::StorageFull => "STORAGE_FULL",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::Interrupted => "INTERRUPTED",
            Self::Cancelled => "CANCELLED",
            Self::Internal => "INTERNAL",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
