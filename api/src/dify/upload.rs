//! A package that comes with the request: streamed to a file and hashed on the way, checked before the answer.

use std::{path::Path, sync::Arc, time::Duration};

use application::{
    Error,
    failure::{Failure, Reason},
    ports::system::Clock,
    queries::tasks::TaskQueries,
    repackaging::LARGEST_PACKAGE,
    tasks::Tasks,
};
use axum::{
    Json,
    extract::{
        FromRequest as _, Multipart, Request, State,
        multipart::{Field, MultipartError},
    },
    http::StatusCode,
};
use domain::values::Digest;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;

use super::{
    DifyError, batch,
    body::Record,
    order::{self, Options},
    tasks::created,
};
use crate::{
    arrival::Arrival, asker::Asker, consistency::LogPosition, fields::Fields, refusal::Issue,
    services::Uploads, work::Work,
};

const MOST_PARTS: usize = 20;
const LONGEST_TEXT: usize = 8 * 1024;
/// How much of a refused upload is still read, so that the client sees the refusal instead of a reset.
const READ_ON: u64 = 2 * LARGEST_PACKAGE;
const LONGEST_READ_ON: Duration = Duration::from_secs(30);

/// A file that has arrived whole.
struct Arrived {
    path: TempPath,
    sha256: Digest,
    name: String,
}

/// A batch is answered as one.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    One(Record),
    Many(batch::Created),
}

#[derive(Default)]
struct Form {
    file: Option<Arrived>,
    texts: Vec<(String, String)>,
}

pub(super) async fn create(
    State(tasks): State<Tasks>,
    State(queries): State<Arc<dyn TaskQueries>>,
    State(clock): State<Arc<dyn Clock>>,
    State(Uploads(dir)): State<Uploads>,
    State(work): State<Work>,
    asker: Asker,
    request: Request,
) -> Result<(LogPosition, Json<Answer>), DifyError> {
    let mut parts = Multipart::from_request(request, &()).await.map_err(|_no_form| no_form())?;
    let mut form = match Form::read(&mut parts, &dir).await {
        Ok(form) => form,
        Err(refusal) => {
            // Nobody waits for the rest of what was too slow.
            if !refusal.is_late() {
                read_on(&mut parts).await;
            }
            return Err(refusal);
        }
    };
    let platforms = several_platforms(&mut form.texts);
    let mut fields = Fields::of_form(form.texts);
    let combined = fields.flag("combined").unwrap_or_default();
    let options = Options::read(&mut fields);
    fields.well_formed()?;
    let file = form.file.ok_or_else(|| DifyError::malformed(vec![Issue::missing(&["body", "file"])]))?;
    let (wish, name) = (options.judged()?, file.name.clone());
    let Some(platforms) = platforms else {
        let canonical = json!({"file": file.sha256, "name": name, "wish": order::canonical(&wish)});
        let caller = asker.caller("/api/v1/tasks/upload", &canonical);
        // The file goes with the work, not with the request.
        let accepted = work
            .finish(async move {
                let input = tasks.upload(&file.path, &file.sha256, &file.name).await?;
                tasks.repackage(input, wish, caller).await
            })
            .await?;
        let record = created(accepted.task, name, &*queries, &*clock).await;
        return Ok((LogPosition(accepted.position), Json(Answer::One(record))));
    };
    let wishes = batch::wishes(&wish, &platforms, combined)?;
    let canonical = json!({"file": file.sha256, "name": name, "wishes": batch::canonical(&wishes)});
    let caller = asker.caller("/api/v1/tasks/upload", &canonical);
    let accepted = work
        .finish(async move {
            let input = tasks.upload(&file.path, &file.sha256, &file.name).await?;
            tasks.repackage_many(input, wishes, caller).await
        })
        .await?;
    let position = LogPosition(accepted.position);
    Ok((position, Json(Answer::Many(batch::created(accepted, &name, &*queries, &*clock).await))))
}

/// Takes the platforms out of the form, if it asks for a batch: with several parts `platform`, or with parts
/// `platforms` of one or more, by commas.
fn several_platforms(texts: &mut Vec<(String, String)>) -> Option<Vec<String>> {
    let of =
        |wanted: &'static str| texts.iter().filter(move |(name, _)| name == wanted).map(|(_, text)| text);
    let lists: Vec<&String> = of("platforms").collect();
    if lists.is_empty() && of("platform").count() < 2 {
        return None;
    }
    let listed = lists.into_iter().flat_map(|list| list.split(',')).map(|text| text.trim().to_owned());
    let platforms = of("platform").cloned().chain(listed).collect();
    texts.retain(|(name, _)| name != "platform" && name != "platforms");
    Some(platforms)
}

impl Form {
    async fn read(parts: &mut Multipart, dir: &Path) -> Result<Self, DifyError> {
        let (mut form, mut arrival) = (Self::default(), Arrival::of_upload());
        for _ in 0..MOST_PARTS {
            let Some(field) = in_time(&arrival, parts.next_field()).await? else { return Ok(form) };
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                form.file = Some(Arrived::receive(field, dir, &mut arrival).await?);
            } else {
                form.texts.push((name, text(field, &mut arrival).await?));
            }
        }
        Err(DifyError::bad("The form has too many parts"))
    }
}

impl Arrived {
    async fn receive(mut field: Field<'_>, dir: &Path, arrival: &mut Arrival) -> Result<Self, DifyError> {
        let Some(name) = field.file_name().map(str::to_owned) else {
            let text = "Value error, Expected UploadFile, received: text";
            let issue = Issue::new("value_error", &["body", "file"], text, serde_json::Value::Null);
            return Err(DifyError::malformed(vec![issue]));
        };
        if !name.ends_with(".difypkg") {
            return Err(DifyError::bad("Only .difypkg files are allowed"));
        }
        if name.contains('\0') {
            return Err(DifyError::bad("The file name holds the character U+0000"));
        }
        let (file, path) = new_file(dir).await.map_err(|error| stored(&error))?;
        let (mut file, mut hash, mut size) = (tokio::fs::File::from_std(file), Sha256::new(), 0_u64);
        while let Some(bytes) = in_time(arrival, field.chunk()).await? {
            arrival.count(bytes.len());
            size += bytes.len() as u64;
            if size > LARGEST_PACKAGE {
                return Err(DifyError::bad("File size must be less than 100MB"));
            }
            hash.update(&bytes);
            file.write_all(&bytes).await.map_err(|error| stored(&error))?;
        }
        file.flush().await.map_err(|error| stored(&error))?;
        Ok(Self { path, sha256: Digest::of_bytes(hash.finalize().into()), name })
    }
}

async fn new_file(dir: &Path) -> std::io::Result<(std::fs::File, TempPath)> {
    let dir = dir.to_owned();
    let made = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&dir)?;
        Ok(tempfile::Builder::new().prefix("upload-").tempfile_in(dir)?.into_parts())
    });
    made.await.unwrap_or_else(|fault| Err(std::io::Error::other(fault)))
}

async fn text(mut field: Field<'_>, arrival: &mut Arrival) -> Result<String, DifyError> {
    let mut bytes = Vec::new();
    while let Some(more) = in_time(arrival, field.chunk()).await? {
        arrival.count(more.len());
        bytes.extend_from_slice(&more);
        if bytes.len() > LONGEST_TEXT {
            return Err(DifyError::bad("A form field is longer than 8 KiB"));
        }
    }
    String::from_utf8(bytes).map_err(|_not_utf8| DifyError::bad("A form field is not UTF-8 text"))
}

async fn in_time<T>(
    arrival: &Arrival,
    next: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, DifyError> {
    match arrival.in_time(next).await {
        Ok(Ok(next)) => Ok(next),
        Ok(Err(_malformed)) => Err(DifyError::bad("There was an error parsing the body")),
        Err(late) => Err(DifyError::text(StatusCode::REQUEST_TIMEOUT, late.told())),
    }
}

async fn read_on(parts: &mut Multipart) {
    let rest = async {
        let mut read = 0;
        while let Ok(Some(mut field)) = parts.next_field().await {
            while let Ok(Some(bytes)) = field.chunk().await {
                read += bytes.len() as u64;
                if read > READ_ON {
                    return;
                }
            }
        }
    };
    let _ = tokio::time::timeout(LONGEST_READ_ON, rest).await;
}

fn no_form() -> DifyError {
    DifyError::malformed(vec![Issue::missing(&["body", "file"])])
}

fn stored(error: &std::io::Error) -> DifyError {
    tracing::error!(%error, "an upload cannot be stored");
    let full = error.kind() == std::io::ErrorKind::StorageFull;
    let failure = if full {
        Failure::transient(Reason::DiskFull, "Not enough disk space")
    } else {
        Failure::internal()
    };
    Error::from(failure).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platforms(parts: &[(&str, &str)]) -> (Option<Vec<String>>, usize) {
        let mut texts = parts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        (several_platforms(&mut texts), texts.len())
    }

    #[test]
    fn one_platform_is_no_batch_and_several_are() {
        assert_eq!(platforms(&[("platform", "a"), ("suffix", "x")]), (None, 2));
        let several = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
        assert_eq!(
            platforms(&[("platform", "a"), ("suffix", "x"), ("platform", "b")]),
            (several(&["a", "b"]), 1)
        );
        assert_eq!(platforms(&[("platforms", "a, b"), ("platforms", "c")]), (several(&["a", "b", "c"]), 0));
        assert_eq!(platforms(&[("platforms", "")]), (several(&[""]), 0));
    }
}
