//! A package that comes as a part of a form: streamed to a file and hashed on the way, within its size and in time.
//! What the package is, is for others to say.

use std::{path::Path, time::Duration};

use application::{
    Error,
    failure::{Failure, Reason},
};
use axum::{
    extract::{
        FromRequest as _, Multipart, Request,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, header::CONTENT_TYPE},
};
use domain::values::Digest;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;

use crate::{
    arrival::Arrival,
    fields::Fields,
    refusal::{Fault, Refusal},
};

const MOST_PARTS: usize = 20;
const LONGEST_READ_ON: Duration = Duration::from_secs(30);

/// What a form must hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// The name of the part with the package.
    pub(crate) part: &'static str,
    /// In bytes; of the package.
    pub(crate) most: u64,
    /// In bytes; of any other part.
    pub(crate) longest_text: usize,
}

/// A package that has arrived whole; its file is gone with it.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) path: TempPath,
    pub(crate) sha256: Digest,
}

#[derive(Debug)]
pub(crate) struct PackageForm {
    pub(crate) package: Arrived,
    pub(crate) texts: Vec<(String, String)>,
}

/// Whether the body says that it is a form with parts.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
}

impl PackageForm {
    pub(crate) async fn read(request: Request, dir: &Path, expected: Expected) -> Result<Self, Refusal> {
        let missing =
            || Refusal::meaningless(format!("Send a form with the package in the part {:?}", expected.part));
        let mut parts = Multipart::from_request(request, &()).await.map_err(|_no_form| missing())?;
        match Self::read_parts(&mut parts, dir, expected).await {
            Ok((Some(package), texts)) => Ok(Self { package, texts }),
            Ok((None, _)) => Err(missing()),
            Err(refusal) => {
                // Nobody waits for the rest of what was too slow.
                if refusal.fault != Fault::Late {
                    read_on(&mut parts, 2 * expected.most).await;
                }
                Err(refusal)
            }
        }
    }

    /// The other parts, read by their rules.
    pub(crate) fn fields(&mut self) -> Fields {
        Fields::of_form(std::mem::take(&mut self.texts))
    }

    async fn read_parts(
        parts: &mut Multipart,
        dir: &Path,
        expected: Expected,
    ) -> Result<(Option<Arrived>, Vec<(String, String)>), Refusal> {
        let (mut package, mut texts, mut arrival) = (None, Vec::new(), Arrival::of_upload());
        for _ in 0..MOST_PARTS {
            let Some(field) = in_time(&arrival, parts.next_field()).await? else {
                return Ok((package, texts));
            };
            let name = field.name().unwrap_or_default().to_owned();
            if name != expected.part {
                texts.push((name, text(field, &mut arrival, expected.longest_text).await?));
            } else if package.is_some() {
                return Err(Refusal::meaningless("The form holds two packages: send one"));
            } else {
                package = Some(Arrived::receive(field, dir, &mut arrival, expected.most).await?);
            }
        }
        Err(Refusal::meaningless("The form has too many parts"))
    }
}

impl Arrived {
    async fn receive(
        mut field: Field<'_>,
        dir: &Path,
        arrival: &mut Arrival,
        most: u64,
    ) -> Result<Self, Refusal> {
        let (file, path) = new_file(dir).await.map_err(|error| not_stored(&error))?;
        let (mut file, mut hash, mut size) = (tokio::fs::File::from_std(file), Sha256::new(), 0_u64);
        while let Some(bytes) = in_time(arrival, field.chunk()).await? {
            arrival.count(bytes.len());
            size += bytes.len() as u64;
            if size > most {
                return Err(too_large(most));
            }
            hash.update(&bytes);
            file.write_all(&bytes).await.map_err(|error| not_stored(&error))?;
        }
        file.flush().await.map_err(|error| not_stored(&error))?;
        Ok(Self { path, sha256: Digest::of_bytes(hash.finalize().into()) })
    }
}

pub(crate) fn too_large(most: u64) -> Refusal {
    Refusal::new(Fault::TooLarge, format!("The package is larger than {} MB", most / (1024 * 1024)))
}

pub(crate) async fn new_file(dir: &Path) -> std::io::Result<(std::fs::File, TempPath)> {
    let dir = dir.to_owned();
    let made = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&dir)?;
        Ok(tempfile::Builder::new().prefix("package-").tempfile_in(dir)?.into_parts())
    });
    made.await.unwrap_or_else(|fault| Err(std::io::Error::other(fault)))
}

pub(crate) fn not_stored(error: &std::io::Error) -> Refusal {
    tracing::error!(%error, "a package cannot be stored");
    let full = error.kind() == std::io::ErrorKind::StorageFull;
    let failure = if full {
        Failure::transient(Reason::DiskFull, "Not enough disk space")
    } else {
        Failure::internal()
    };
    Error::from(failure).into()
}

async fn text(mut field: Field<'_>, arrival: &mut Arrival, longest: usize) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    while let Some(more) = in_time(arrival, field.chunk()).await? {
        arrival.count(more.len());
        bytes.extend_from_slice(&more);
        if bytes.len() > longest {
            let told = format!("A form field is longer than {} KiB", longest / 1024);
            return Err(Refusal::meaningless(told));
        }
    }
    String::from_utf8(bytes).map_err(|_not_utf8| Refusal::meaningless("A form field is not UTF-8 text"))
}

async fn in_time<T>(
    arrival: &Arrival,
    next: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, Refusal> {
    match arrival.in_time(next).await {
        Ok(Ok(next)) => Ok(next),
        Ok(Err(_malformed)) => Err(Refusal::meaningless("There was an error parsing the form")),
        Err(late) => Err(Refusal::new(Fault::Late, late.told())),
    }
}

/// So that the client sees the refusal instead of a reset.
async fn read_on(parts: &mut Multipart, most: u64) {
    let rest = async {
        let mut read = 0;
        while let Ok(Some(mut field)) = parts.next_field().await {
            while let Ok(Some(bytes)) = field.chunk().await {
                read += bytes.len() as u64;
                if read > most {
                    return;
                }
            }
        }
    };
    let _ = tokio::time::timeout(LONGEST_READ_ON, rest).await;
}
