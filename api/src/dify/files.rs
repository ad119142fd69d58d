//! The results as files: listed, shown, given out and deleted. A file has the id of the task that made it.

use std::sync::Arc;

use application::{
    ports::{blobs::Blobs, system::Clock},
    queries::tasks::{Storage, TaskQueries, TaskStatus, TaskView},
    removing::Removing,
};
use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, Method, Uri},
    response::Response,
};
use chrono::{DateTime, Days, Utc};
use domain::{
    task::Artifact,
    values::{Platform, Suffix, TaskId},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    DifyError,
    body::{MarketplaceMetadata, PluginInfo, instant, maybe_instant},
    download,
    named::NamedFile,
};
use crate::{asker::Asker, consistency::LogPosition, fields::Fields, mount::Mount, work::Work};

const SHOWN: u32 = 50;
const MOST_SHOWN: u32 = 200;
const MOST_DAYS: u32 = 365;
const DAY: u64 = 24 * 60 * 60;

type Queries = State<Arc<dyn TaskQueries>>;

#[derive(Debug, Serialize)]
pub(super) struct List {
    files: Vec<FileBody>,
    total: u64,
    limit: u32,
    offset: u32,
    has_more: bool,
}

/// Clients read one or the other id.
#[derive(Debug, Serialize)]
pub(super) struct FileBody {
    file_id: TaskId,
    id: TaskId,
    filename: String,
    original_filename: String,
    size: u64,
    /// When the result was finished; it never changes afterwards.
    #[serde(serialize_with = "instant")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "instant")]
    modified_at: DateTime<Utc>,
    plugin_info: Option<PluginInfo>,
    marketplace_metadata: Option<MarketplaceMetadata>,
    platform: Platform,
    suffix: Suffix,
    download_url: String,
}

#[derive(Debug, Serialize)]
pub(super) struct StorageBody {
    total_size: u64,
    total_size_mb: f64,
    file_count: u64,
    /// There are none: results are stored by their content.
    directory_count: u64,
    #[serde(serialize_with = "maybe_instant")]
    oldest_file: Option<DateTime<Utc>>,
    #[serde(serialize_with = "maybe_instant")]
    newest_file: Option<DateTime<Utc>>,
}

pub(super) async fn list(
    State(queries): Queries,
    Extension(mount): Extension<Mount>,
    uri: Uri,
) -> Result<Json<List>, DifyError> {
    let mut fields = Fields::of_query(&uri);
    let limit = fields.count("limit", MOST_SHOWN);
    let offset = fields.number("offset", 0, u32::MAX);
    fields.well_formed()?;
    let (limit, offset) = (limit.unwrap_or(SHOWN), offset.unwrap_or(0));
    let (views, total) = queries.completed(limit, offset).await?;
    let has_more = u64::from(offset) + u64::from(limit) < total;
    let files = views.iter().filter_map(|view| FileBody::of(view, mount)).collect();
    Ok(Json(List { files, total, limit, offset, has_more }))
}

pub(super) async fn show(
    State(queries): Queries,
    Extension(mount): Extension<Mount>,
    NamedFile(id): NamedFile,
) -> Result<Json<FileBody>, DifyError> {
    let view = queries.get(id).await?;
    view.and_then(|view| FileBody::of(&view, mount)).map(Json).ok_or_else(DifyError::no_file)
}

pub(super) async fn download(
    State(queries): Queries,
    State(blobs): State<Arc<dyn Blobs>>,
    NamedFile(id): NamedFile,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, DifyError> {
    let view = queries.get(id).await?.ok_or_else(DifyError::no_file)?;
    if view.status == TaskStatus::Expired {
        return Err(DifyError::gone());
    }
    let artifact = offered(&view).ok_or_else(DifyError::no_file)?;
    download::give(artifact, &*blobs, &method, &headers).await
}

pub(super) async fn storage(State(queries): Queries) -> Result<Json<StorageBody>, DifyError> {
    Ok(Json(queries.storage().await?.into()))
}

pub(super) async fn remove(
    State(queries): Queries,
    State(removing): State<Removing>,
    State(work): State<Work>,
    NamedFile(id): NamedFile,
    asker: Asker,
) -> Result<(LogPosition, Json<Value>), DifyError> {
    // Whether one that has gone already went by this very request, its idempotency key tells.
    let was_offered = |view: &TaskView| matches!(view.status, TaskStatus::Completed | TaskStatus::Expired);
    let view = queries.get(id).await?.filter(was_offered).ok_or_else(DifyError::no_file)?;
    let caller = asker.caller("/api/v1/files/remove", &json!(id));
    let removed = work.finish(async move { removing.remove_one(&view, caller).await }).await?;
    match removed.refusal {
        Some(refusal) => Err(refusal.into()),
        // Somebody else was faster.
        None if removed.count == 0 => Err(DifyError::no_file()),
        None => {
            let body = json!({"message": "File deleted successfully", "file_id": id});
            Ok((LogPosition(removed.position), Json(body)))
        }
    }
}

pub(super) async fn clean_up(
    State(removing): State<Removing>,
    State(clock): State<Arc<dyn Clock>>,
    State(work): State<Work>,
    asker: Asker,
    uri: Uri,
) -> Result<(LogPosition, Json<Value>), DifyError> {
    let mut fields = Fields::of_query(&uri);
    let days = fields.count("retention_days", MOST_DAYS);
    fields.well_formed()?;
    let days = days.map_or_else(|| usual_days(&removing), u64::from);
    let before = clock.now().checked_sub_days(Days::new(days)).unwrap_or_default();
    let caller = asker.caller("/api/v1/files/cleanup", &json!({"retention_days": days}));
    let removed = work.finish(async move { removing.clean_up(before, caller).await }).await?;
    if let (0, Some(refusal)) = (removed.count, removed.refusal) {
        return Err(refusal.into());
    }
    let count = removed.count;
    let body = json!({
        "cleaned_count": count,
        "retention_days": days,
        "message": format!("Cleaned up {count} old files"),
    });
    Ok((LogPosition(removed.position), Json(body)))
}

/// What the operator has set, in whole days.
fn usual_days(removing: &Removing) -> u64 {
    (removing.retention.as_secs() / DAY).clamp(1, u64::from(MOST_DAYS))
}

/// The file of the task, as long as it can be had.
fn offered(view: &TaskView) -> Option<&Artifact> {
    view.artifact.as_ref().filter(|_| view.status == TaskStatus::Completed)
}

impl FileBody {
    fn of(view: &TaskView, mount: Mount) -> Option<Self> {
        let Artifact { filename, size, .. } = offered(view)?;
        let finished = view.ended_at.unwrap_or(view.updated_at);
        Some(Self {
            file_id: view.id,
            id: view.id,
            filename: filename.clone(),
            original_filename: view.original_filename.clone(),
            size: *size,
            created_at: finished,
            modified_at: finished,
            plugin_info: view.plugin.as_ref().map(PluginInfo::from),
            marketplace_metadata: MarketplaceMetadata::of(view, mount),
            platform: view.platform.clone(),
            suffix: view.suffix.clone(),
            download_url: format!("{}/api/v1/files/{}/download", mount.prefix(), view.id),
        })
    }
}

impl From<Storage> for StorageBody {
    fn from(storage: Storage) -> Self {
        Self {
            total_size: storage.bytes,
            total_size_mb: megabytes(storage.bytes),
            file_count: storage.files,
            directory_count: 0,
            oldest_file: storage.oldest,
            newest_file: storage.newest,
        }
    }
}

/// With two digits, of 1024 × 1024 bytes.
#[expect(
    clippy::cast_precision_loss,
    reason = "two digits are wanted, and 2^53 hundredths of a megabyte are enough"
)]
fn megabytes(bytes: u64) -> f64 {
    let hundredths = (u128::from(bytes) * 100 + (1 << 19)) >> 20;
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn megabytes_have_two_digits() {
        for (bytes, mega) in [(0, "0.0"), (10_486, "0.01"), (1 << 20, "1.0"), (1_600_000, "1.53")] {
            assert_eq!(format!("{:?}", megabytes(bytes)), mega, "{bytes}");
        }
    }
}
