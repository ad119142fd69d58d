//! What the operator may see and do.

use std::sync::Arc;

use application::Error;
use async_trait::async_trait;
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde_json::Value;

use crate::{refusal::Refusal, work::Work};

/// The readers of the log.
#[async_trait]
pub(crate) trait Projections: Send + Sync {
    /// `{"projections": [{"name", "cursor", "lag", ...}], ...}`.
    async fn list(&self) -> Result<Value, Error>;

    /// Starts a build beside the one that serves; `NotFound` for an unknown name.
    async fn rebuild(&self, name: &str) -> Result<Value, Error>;

    /// Lets parked events through again.
    async fn retry(&self, name: &str) -> Result<Value, Error>;
}

/// No read model has a name that is not text.
type Name = Result<Path<String>, PathRejection>;

pub(crate) async fn list(State(projections): State<Arc<dyn Projections>>) -> Result<Json<Value>, Refusal> {
    Ok(Json(projections.list().await?))
}

pub(crate) async fn rebuild(
    State(projections): State<Arc<dyn Projections>>,
    State(work): State<Work>,
    name: Name,
) -> Result<Json<Value>, Refusal> {
    let Path(name) = name.map_err(|_not_utf8| Refusal::unknown_path())?;
    Ok(Json(work.finish(async move { projections.rebuild(&name).await }).await?))
}

pub(crate) async fn retry(
    State(projections): State<Arc<dyn Projections>>,
    State(work): State<Work>,
    name: Name,
) -> Result<Json<Value>, Refusal> {
    let Path(name) = name.map_err(|_not_utf8| Refusal::unknown_path())?;
    Ok(Json(work.finish(async move { projections.retry(&name).await }).await?))
}
