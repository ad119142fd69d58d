//! Who asks, under which idempotency key.

use std::sync::Arc;

use application::{caller::Caller, principal::Principal};
use axum::{
    Extension, RequestPartsExt as _,
    extract::{FromRef, FromRequestParts},
    http::{Method, request::Parts},
};
use domain::values::{Actor, Dialect, Metadata};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    address::{Addresses, Client},
    credential::Asking,
    refusal::Refusal,
    telemetry::RequestId,
    voice::Voice,
};

const LONGEST_KEY: usize = 255;

pub(crate) struct Asker {
    pub(crate) principal: Arc<Principal>,
    dialect: Dialect,
    metadata: Metadata,
    method: Method,
    key: Option<String>,
}

impl Asker {
    /// `operation` is the documented path, and `canonical` the meaning of the body: two spellings of one request are one
    /// request, through either mount.
    pub(crate) fn caller(self, operation: &str, canonical: &Value) -> Caller {
        let once = self.key.map(|key| {
            let hash = Sha256::digest(format!("{}\n{operation}\n{canonical}", self.method));
            (key, hash.into())
        });
        Caller { dialect: self.dialect, metadata: self.metadata, once }
    }
}

impl<S: Sync> FromRequestParts<S> for Asker
where
    Addresses: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Extension(id) = layered::<RequestId>(parts).await?;
        let Extension(client) = layered::<Client>(parts).await?;
        let Extension(Asking(principal)) = layered::<Asking>(parts).await?;
        let Extension(voice) = layered::<&'static Voice>(parts).await?;
        let actor = Actor {
            principal: principal.id(),
            dialect: voice.dialect,
            ip_hash: Some(Addresses::from_ref(state).hash(client)),
        };
        let mut keys = parts.headers.get_all("idempotency-key").iter();
        let key = match (keys.next(), keys.next()) {
            (None, _) => None,
            (Some(key), None) => Some(read_key(key.as_bytes())?),
            (Some(_), Some(_)) => return Err(Refusal::meaningless("Send one Idempotency-Key")),
        };
        let metadata = Metadata::of_request(&actor, &id.0);
        Ok(Self { principal, dialect: voice.dialect, metadata, method: parts.method.clone(), key })
    }
}

/// What a layer around every operation has left.
pub(crate) async fn layered<T: Clone + Send + Sync + 'static>(
    parts: &mut Parts,
) -> Result<Extension<T>, Refusal> {
    parts.extract::<Extension<T>>().await.map_err(|_no_layer| Refusal::internal())
}

fn read_key(bytes: &[u8]) -> Result<String, Refusal> {
    let fits =
        (1..=LONGEST_KEY).contains(&bytes.len()) && bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    let text = std::str::from_utf8(bytes).ok().filter(|_| fits);
    text.map(str::to_owned)
        .ok_or_else(|| Refusal::meaningless("Idempotency-Key must be 1 to 255 printable ASCII characters"))
}
