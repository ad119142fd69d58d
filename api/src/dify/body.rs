//! The answers as clients read them.

use application::queries::tasks::{TaskStatus, TaskView};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::{
    task::Phase,
    values::{PluginIdentity, TaskId},
};
use serde::{Serialize, Serializer};

use crate::mount::Mount;

/// Percent of a job when its input is there.
const DOWNLOADED: u8 = 15;

/// Always these ten keys; null is: not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Record {
    task_id: TaskId,
    status: &'static str,
    #[serde(serialize_with = "instant")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "instant")]
    updated_at: DateTime<Utc>,
    #[serde(serialize_with = "maybe_instant")]
    completed_at: Option<DateTime<Utc>>,
    error: Option<String>,
    progress: u8,
    download_url: Option<String>,
    original_filename: Option<String>,
    output_filename: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct RecentList {
    tasks: Vec<RecentItem>,
}

#[derive(Debug, Serialize)]
struct RecentItem {
    task_id: TaskId,
    status: &'static str,
    #[serde(serialize_with = "instant")]
    created_at: DateTime<Utc>,
    progress: u8,
    plugin_info: Option<PluginInfo>,
}

#[derive(Debug, Serialize)]
pub(super) struct CompletedList {
    tasks: Vec<CompletedItem>,
    total: u64,
    limit: u32,
}

#[derive(Debug, Serialize)]
struct CompletedItem {
    task_id: TaskId,
    status: &'static str,
    #[serde(serialize_with = "instant")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "maybe_instant")]
    completed_at: Option<DateTime<Utc>>,
    original_filename: String,
    output_filename: Option<String>,
    plugin_info: Option<PluginInfo>,
    download_url: Option<String>,
    file_size: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct PluginInfo {
    author: String,
    name: String,
    version: String,
}

/// Where a package of the marketplace came from; clients look for the member on every task.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct MarketplaceMetadata {
    source: &'static str,
    author: String,
    name: String,
    version: String,
    /// Known once the package has been read.
    display_name: Option<String>,
    category: Option<String>,
    icon_url: String,
}

/// A message of the task socket: the record and what moves beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Frame {
    #[serde(flatten)]
    record: Record,
    message: String,
    plugin_info: Option<PluginInfo>,
    marketplace_metadata: Option<MarketplaceMetadata>,
    seq: i64,
    attempt: u32,
}

impl Record {
    pub(super) fn of(view: &TaskView, mount: Mount) -> Self {
        Self {
            task_id: view.id,
            status: status_word(view),
            created_at: view.created_at,
            updated_at: view.updated_at,
            completed_at: view.ended_at,
            error: error_text(view),
            progress: view.percent,
            download_url: download_url(view, mount),
            original_filename: Some(view.original_filename.clone()),
            output_filename: view.artifact.as_ref().map(|artifact| artifact.filename.clone()),
        }
    }

    /// The answer to a creation: however fast the work began, and on a repetition as at the first time.
    pub(super) fn created(id: TaskId, created_at: DateTime<Utc>, original_filename: Option<String>) -> Self {
        Self {
            task_id: id,
            status: "pending",
            created_at,
            updated_at: created_at,
            completed_at: None,
            error: None,
            progress: 0,
            download_url: None,
            original_filename,
            output_filename: None,
        }
    }
}

impl RecentList {
    pub(super) fn of(views: Vec<TaskView>) -> Self {
        let item = |view: TaskView| RecentItem {
            task_id: view.id,
            status: status_word(&view),
            created_at: view.created_at,
            progress: view.percent,
            plugin_info: view.plugin.as_ref().map(PluginInfo::from),
        };
        Self { tasks: views.into_iter().map(item).collect() }
    }
}

impl CompletedList {
    pub(super) fn of(views: Vec<TaskView>, total: u64, limit: u32, mount: Mount) -> Self {
        let item = |view: TaskView| CompletedItem {
            task_id: view.id,
            status: status_word(&view),
            created_at: view.created_at,
            completed_at: view.ended_at,
            plugin_info: view.plugin.as_ref().map(PluginInfo::from),
            download_url: download_url(&view, mount),
            file_size: view.artifact.as_ref().map(|artifact| artifact.size),
            original_filename: view.original_filename,
            output_filename: view.artifact.map(|artifact| artifact.filename),
        };
        Self { tasks: views.into_iter().map(item).collect(), total, limit }
    }
}

impl Frame {
    pub(super) fn of(view: &TaskView, mount: Mount) -> Self {
        Self {
            record: Record::of(view, mount),
            message: view.message.clone(),
            plugin_info: view.plugin.as_ref().map(PluginInfo::from),
            marketplace_metadata: MarketplaceMetadata::of(view, mount),
            seq: view.sequence,
            attempt: view.attempt,
        }
    }
}

impl MarketplaceMetadata {
    pub(super) fn of(view: &TaskView, mount: Mount) -> Option<Self> {
        let plugin = view.marketplace.as_ref()?;
        let (author, name) = (plugin.author(), plugin.name());
        let (display_name, category) =
            view.about.as_ref().map(|about| (about.label.clone(), category_of(&about.category))).unzip();
        Some(Self {
            source: "marketplace",
            author: author.to_owned(),
            name: name.to_owned(),
            version: plugin.version().to_owned(),
            display_name,
            category,
            icon_url: format!("{}/api/v1/marketplace/plugins/{author}/{name}/icon", mount.prefix()),
        })
    }
}

impl From<&PluginIdentity> for PluginInfo {
    fn from(plugin: &PluginIdentity) -> Self {
        Self {
            author: plugin.author().to_owned(),
            name: plugin.name().to_owned(),
            version: plugin.version().to_owned(),
        }
    }
}

/// The document's five words. They never go back: a later attempt that downloads again is still processing.
pub(super) fn status_word(view: &TaskView) -> &'static str {
    match (view.status, view.phase) {
        (TaskStatus::Queued, _) if view.percent == 0 => "pending",
        (TaskStatus::Running, None | Some(Phase::Downloading)) if view.percent <= DOWNLOADED => "downloading",
        (TaskStatus::Queued | TaskStatus::Running, _) => "processing",
        (TaskStatus::Completed | TaskStatus::Expired, _) => "completed",
        (TaskStatus::Failed | TaskStatus::Cancelled, _) => "failed",
    }
}

fn error_text(view: &TaskView) -> Option<String> {
    match view.status {
        TaskStatus::Cancelled | TaskStatus::Failed => {
            view.error.as_ref().map(|fault| format!("{} ({})", fault.message, fault.code))
        }
        TaskStatus::Queued | TaskStatus::Running | TaskStatus::Completed | TaskStatus::Expired => None,
    }
}

fn download_url(view: &TaskView, mount: Mount) -> Option<String> {
    (view.status == TaskStatus::Completed)
        .then(|| format!("{}/api/v1/tasks/{}/download", mount.prefix(), view.id))
}

/// Whole seconds as the document writes them.
pub(super) fn instant<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    let is_whole = time.timestamp_subsec_millis() == 0;
    let form = if is_whole { SecondsFormat::Secs } else { SecondsFormat::Millis };
    serializer.serialize_str(&time.to_rfc3339_opts(form, true))
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the member")]
pub(super) fn maybe_instant<S: Serializer>(
    time: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => instant(time, serializer),
        None => serializer.serialize_none(),
    }
}

/// As the document of this dialect calls it.
pub(super) fn category_of(id: &str) -> String {
    if id == "agent-strategy" { "agent".to_owned() } else { id.to_owned() }
}

#[cfg(test)]
mod tests;
