//! Giving out a result.

use std::sync::Arc;

use application::{
    ports::blobs::Blobs,
    queries::tasks::{TaskQueries, TaskStatus},
};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use domain::task::Artifact;

use super::{DifyError, named::Named, tasks};
use crate::{
    file_response::{BYTES, File},
    package_bytes,
};

pub(super) async fn download(
    State(queries): State<Arc<dyn TaskQueries>>,
    State(blobs): State<Arc<dyn Blobs>>,
    Named(id): Named,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, DifyError> {
    let view = tasks::find(&*queries, id).await?;
    match &view.artifact {
        Some(artifact) if view.status == TaskStatus::Completed => {
            give(artifact, &*blobs, &method, &headers).await
        }
        Some(_) | None => Err(tasks::not_completed(&view)),
    }
}

pub(super) async fn give(
    artifact: &Artifact,
    blobs: &dyn Blobs,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, DifyError> {
    let Artifact { sha256, filename, size } = artifact;
    let file = File { sha256, size: *size, name: filename, media_type: BYTES, shown: false };
    package_bytes::give(&file, blobs, method, headers).await?.ok_or_else(DifyError::gone)
}
