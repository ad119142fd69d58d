//! Who asks, and for which task.

use std::str::FromStr;

use application::caller::Caller;
use axum::{
    Extension, RequestPartsExt as _,
    extract::{FromRef, FromRequestParts, RawPathParams},
    http::request::Parts,
};
use domain::values::{Actor, Dialect, GroupId, Metadata, TaskId};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::DifyError;
use crate::{
    address::{Addresses, Client},
    telemetry::RequestId,
};

const LONGEST_KEY: usize = 255;

/// Nobody needs a credential here; what is known is an address, in hashed form.
pub(super) struct Asker {
    metadata: Metadata,
    key: Option<String>,
}

impl Asker {
    /// For what needs no idempotency key, because doing it again changes nothing.
    pub(super) fn metadata(self) -> Metadata {
        self.metadata
    }

    /// `canonical` is the meaning of the body: two spellings of one request are one request, through either mount.
    pub(super) fn caller(self, path: &str, canonical: &Value) -> Caller {
        let once = self.key.map(|key| {
            let hash = Sha256::digest(format!("POST\n{path}\n{canonical}"));
            (key, hash.into())
        });
        Caller { dialect: Dialect::Dify, metadata: self.metadata, once }
    }
}

impl<S: Sync> FromRequestParts<S> for Asker
where
    Addresses: FromRef<S>,
{
    type Rejection = DifyError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Extension(id) =
            parts.extract::<Extension<RequestId>>().await.map_err(|_no_layer| DifyError::internal())?;
        let Extension(client) =
            parts.extract::<Extension<Client>>().await.map_err(|_no_layer| DifyError::internal())?;
        let actor = Actor::anonymous(Dialect::Dify, Some(Addresses::from_ref(state).hash(client)));
        let key = match parts.headers.get("idempotency-key") {
            Some(key) => Some(read_key(key.as_bytes())?),
            None => None,
        };
        Ok(Self { metadata: Metadata::of_request(&actor, &id.0), key })
    }
}

fn read_key(bytes: &[u8]) -> Result<String, DifyError> {
    let fits =
        (1..=LONGEST_KEY).contains(&bytes.len()) && bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    let text = std::str::from_utf8(bytes).ok().filter(|_| fits);
    text.map(str::to_owned)
        .ok_or_else(|| DifyError::bad("Idempotency-Key must be 1 to 255 printable ASCII characters"))
}

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
