//! Packages and wheels as bytes: our own check of every ZIP record before anything is inflated, streams over the
//! checked ranges, the manifest, and the writer of the offline package. Everything read here is hostile.

pub mod check;
mod flush;
pub mod limits;
pub mod manifest;
pub mod names;
pub mod read;
mod records;
#[cfg(test)]
pub(crate) mod sample;
pub mod wheel;
pub mod write;

use application::failure::{Failure, Reason};

/// The file is no archive we can read, or its bytes do not agree with themselves.
pub(crate) fn damaged(what: &str) -> Failure {
    Failure::permanent(Reason::PackageInvalid, format!("The package could not be read: {what}"))
}

/// Two readers could see two contents.
pub(crate) fn ambiguous(what: impl AsRef<str>) -> Failure {
    Failure::permanent(
        Reason::PackageAmbiguous,
        format!("Package can be read in more than one way: {}", what.as_ref()),
    )
}
