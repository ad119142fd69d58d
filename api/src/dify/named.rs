//! Which task, batch or file is meant.

use std::str::FromStr;

use axum::{
    RequestPartsExt as _,
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use domain::values::{GroupId, TaskId};

use super::DifyError;

/// The id in the path; whatever is no UUID is a task that does not exist.
pub(super) struct Named(pub(super) TaskId);

impl<S: Sync> FromRequestParts<S> for Named {
    type Rejection = DifyError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        id_in_path(parts).await.map(Self).ok_or_else(DifyError::no_task)
    }
}

/// The same for a batch.
pub(super) struct NamedGroup(pub(super) GroupId);

impl<S: Sync> FromRequestParts<S> for NamedGroup {
    type Rejection = DifyError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        id_in_path(parts).await.map(Self).ok_or_else(DifyError::no_task)
    }
}

/// The same for the result of a task.
pub(super) struct NamedFile(pub(super) TaskId);

impl<S: Sync> FromRequestParts<S> for NamedFile {
    type Rejection = DifyError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        id_in_path(parts).await.map(Self).ok_or_else(DifyError::no_file)
    }
}

async fn id_in_path<Id: FromStr>(parts: &mut Parts) -> Option<Id> {
    let path: RawPathParams = parts.extract().await.ok()?;
    path.iter().find(|(name, _)| *name == "id").and_then(|(_, id)| id.parse().ok())
}
