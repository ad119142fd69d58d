//! A form with a package in it: the file is streamed into the directory of uploads and hashed on the way, and everything
//! else is short text. What it holds is judged by others.

use std::{path::Path, time::Duration};

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
    refusal::{Fault, Issue, Refusal},
};

const MOST_PARTS: usize = 20;
const LONGEST_TEXT: usize = 64 * 1024;
/// How long the rest of a refused form is still read, so that the client sees the refusal instead of a reset.
const LONGEST_READ_ON: Duration = Duration::from_secs(30);

/// Which file is wanted, and how large it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The name of the part.
    pub(crate) part: &'static str,
    pub(crate) largest: u64,
}

/// A form that has arrived whole.
pub(crate) struct PackageForm {
    pub(crate) file: PackageFile,
    /// Names and values in the order in which they came.
    pub(crate) texts: Vec<(String, String)>,
}

/// Gone with this value.
pub(crate) struct PackageFile {
    pub(crate) path: TempPath,
    pub(crate) sha256: Digest,
    /// As its sender calls it.
    pub(crate) name: Option<String>,
}

/// Whether the body says that it is a form with parts.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case("multipart/"))
}

impl PackageForm {
    pub(crate) async fn read(request: Request, uploads: &Path, wanted: Wanted) -> Result<Self, Refusal> {
        let missing = || Refusal::malformed(vec![Issue::missing(&["body", wanted.part])]);
        let form = Multipart::from_request(request, &()).await;
        let mut parts = form.map_err(|_no_form| missing())?;
        let mut arrival = Arrival::of_upload();
        let (mut file, mut texts) = (None, Vec::new());
        let read = read_parts(&mut parts, uploads, wanted, &mut arrival, &mut file, &mut texts).await;
        if let Err(refusal) = read {
            // Nobody waits for the rest of what was too slow.
            if refusal.fault != Fault::Late {
                read_on(&mut parts, 2 * wanted.largest).await;
            }
            return Err(refusal);
        }
        Ok(Self { file: file.ok_or_else(missing)?, texts })
    }
}

async fn read_parts(
    parts: &mut Multipart,
    uploads: &Path,
    wanted: Wanted,
    arrival: &mut Arrival,
    file: &mut Option<PackageFile>,
    texts: &mut Vec<(String, String)>,
) -> Result<(), Refusal> {
    for _ in 0..MOST_PARTS {
        let Some(field) = in_time(arrival, parts.next_field()).await? else { return Ok(()) };
        let name = field.name().unwrap_or_default().to_owned();
        if name != wanted.part {
            texts.push((name, text(field, arrival).await?));
        } else if file.is_none() {
            *file = Some(PackageFile::receive(field, uploads, wanted.largest, arrival).await?);
        } else {
            return Err(Refusal::meaningless(format!("The form has more than one part {name}")));
        }
    }
    Err(Refusal::meaningless("The form has too many parts"))
}

impl PackageFile {
    async fn receive(
        mut field: Field<'_>,
        uploads: &Path,
        largest: u64,
        arrival: &mut Arrival,
    ) -> Result<Self, Refusal> {
        let name = field.file_name().map(str::to_owned);
        let (file, path) = new_file(uploads).await.map_err(|error| stored(&error))?;
        let (mut file, mut hash, mut size) = (tokio::fs::File::from_std(file), Sha256::new(), 0_u64);
        while let Some(bytes) = in_time(arrival, field.chunk()).await? {
            arrival.count(bytes.len());
            size += bytes.len() as u64;
            if size > largest {
                let told = format!("A package has at most {} MB", largest / (1024 * 1024));
                return Err(Refusal::new(Fault::TooLarge, told));
            }
            hash.update(&bytes);
            file.write_all(&bytes).await.map_err(|error| stored(&error))?;
        }
        file.flush().await.map_err(|error| stored(&error))?;
        Ok(Self { path, sha256: Digest::of_bytes(hash.finalize().into()), name })
    }
}

pub(crate) async fn new_file(uploads: &Path) -> std::io::Result<(std::fs::File, TempPath)> {
    let uploads = uploads.to_owned();
    let made = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&uploads)?;
        Ok(tempfile::Builder::new().prefix("package-").tempfile_in(uploads)?.into_parts())
    });
    made.await.unwrap_or_else(|fault| Err(std::io::Error::other(fault)))
}

async fn text(mut field: Field<'_>, arrival: &mut Arrival) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    while let Some(more) = in_time(arrival, field.chunk()).await? {
        arrival.count(more.len());
        bytes.extend_from_slice(&more);
        if bytes.len() > LONGEST_TEXT {
            return Err(Refusal::meaningless("A form field is longer than 64 KiB"));
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
        Ok(Err(_malformed)) => Err(Refusal::meaningless("There was an error parsing the body")),
        Err(late) => Err(Refusal::new(Fault::Late, late.told())),
    }
}

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

pub(crate) fn stored(error: &std::io::Error) -> Refusal {
    tracing::error!(%error, "an upload cannot be stored");
    if error.kind() == std::io::ErrorKind::StorageFull {
        return Refusal::new(Fault::Unavailable, "Not enough disk space");
    }
    Refusal::internal()
}
