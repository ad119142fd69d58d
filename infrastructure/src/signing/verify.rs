//! Whether a finished package is signed, by whom and when. The package is hostile: a child process reads it and
//! tells what is in it; the judgement is ours.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use application::failure::Failure;
use domain::values::Digest;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{Category, Comment, PublicKey, VERIFICATION};
use crate::{
    archive::{check::Checked, limits::Limits, read::checksum},
    isolation::{Isolation, Work},
};

/// The largest package we write, hashed by a slow machine.
const TIME: Duration = Duration::from_mins(10);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    package: PathBuf,
    limits: Limits,
}

/// What signatures are about.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Contents {
    comment: String,
    /// Of every file, in the order of the directory; entries of directories are not signed.
    entries: Vec<Digest>,
    /// The content of [`VERIFICATION`].
    verification: Option<String>,
    /// As the installing daemon computes it.
    checksum: String,
}

/// Runs in the child process.
pub(crate) fn run(request: &Request) -> Result<Contents, Failure> {
    let archive = Checked::open(&request.package, &request.limits)?;
    let hashed = archive.content_digests()?;
    let verification = archive.entry(VERIFICATION);
    let verification = verification.map(|entry| archive.read(entry, request.limits.text)).transpose()?;
    Ok(Contents {
        comment: String::from_utf8_lossy(&archive.comment).into_owned(),
        entries: hashed.iter().map(|(_, sha256)| Digest::of_bytes(*sha256)).collect(),
        verification: verification.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        checksum: checksum(hashed),
    })
}

/// What the daemon would think of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Without a file that says it, the daemon takes a signed package for the first category.
    pub category: Option<Category>,
    pub time: Option<u64>,
    pub checksum: String,
    /// `None`: this key signed exactly this content.
    pub problem: Option<&'static str>,
}

/// # Errors
/// `Package*` for a file that cannot be read as a package.
pub async fn verify(isolation: &Isolation, package: &Path, key: &PublicKey) -> Result<Verified, Failure> {
    let request = Request { package: package.to_owned(), limits: Limits::FINISHED };
    let work = Work::ReadSigned(Box::new(request));
    let contents = isolation.run(&work, TIME, &|_, _| {}, &CancellationToken::new()).await?;
    Ok(judged(contents, key))
}

fn judged(contents: Contents, key: &PublicKey) -> Verified {
    let comment = Comment::read(contents.comment.as_bytes());
    let category = match &contents.verification {
        Some(file) => Category::of_file(file),
        None => comment.as_ref().map(|_| Category::Langgenius),
    };
    let problem = match &comment {
        None if contents.comment.is_empty() => Some("it is not signed"),
        None => Some("its comment is no signature"),
        Some(_) if category.is_none() => Some(".verification.dify.json names no category that exists"),
        Some(comment) if !key.fits(comment, &contents.entries) => {
            Some("another key signed it, or its content was changed afterwards")
        }
        Some(_) => None,
    };
    Verified { category, time: comment.map(|comment| comment.time), checksum: contents.checksum, problem }
}
