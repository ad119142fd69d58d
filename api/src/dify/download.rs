//! Giving out a result.

use std::sync::Arc;

use application::{
    ports::blobs::Blobs,
    queries::tasks::{TaskQueries, TaskStatus},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use domain::task::Artifact;

use super::{DifyError, named::Named, tasks};
use crate::file_response;

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
    let plan = file_response::plan(method, headers, sha256, *size, filename);
    let body = match plan.bytes {
        None => Body::empty(),
        Some(bytes) => {
            let part = (bytes != (0..*size)).then_some(bytes);
            let bytes = blobs.open(sha256, *size, part).await.map_err(application::Error::from)?;
            Body::from_stream(bytes.ok_or_else(DifyError::gone)?)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = plan.status;
    *response.headers_mut() = plan.headers;
    Ok(response)
}
