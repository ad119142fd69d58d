//! Keys: issued, shown, listed, revoked.

use std::sync::Arc;

use application::{identity::Identity, ports::system::Clock};
use axum::{
    Extension, RequestPartsExt as _,
    body::Body,
    extract::{FromRequestParts, RawPathParams, State},
    http::{
        HeaderValue, Uri,
        header::{HeaderName, LOCATION},
        request::Parts,
    },
};
use domain::values::KeyId;
use serde_json::{Value, json};

use super::{NO_STORE, body, page, wish::Wish};
use crate::{
    asker::Asker, consistency::LogPosition, credential::Asking, fields::Fields, mount::Mount,
    refusal::Refusal, voice::Said, work::Work,
};

const REVOKED: &str = "revoked by request";

/// The id in the path; whatever is no id is a key that does not exist.
pub(super) struct Named(KeyId);

impl<S: Sync> FromRequestParts<S> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let path = parts.extract::<RawPathParams>().await.ok();
        let id = path.and_then(|path| path.iter().next().and_then(|(_, id)| id.parse().ok()));
        id.map(Self).ok_or_else(|| Refusal::not_found(application::identity::NO_KEY))
    }
}

pub(super) async fn list(
    State(identity): State<Identity>,
    Extension(Asking(principal)): Extension<Asking>,
    uri: Uri,
) -> Result<Said, Refusal> {
    let (limit, offset) = page(&uri)?;
    let found = identity.keys(&principal, limit, offset).await?;
    let keys: Vec<Value> = found.keys.iter().map(body::key).collect();
    Ok(Said::ok(json!({"keys": keys, "total": found.total, "limit": limit, "offset": offset})))
}

pub(super) async fn show(
    State(identity): State<Identity>,
    Extension(Asking(principal)): Extension<Asking>,
    Named(id): Named,
) -> Result<Said, Refusal> {
    Ok(Said::ok(body::key(&identity.key(&principal, id).await?)))
}

pub(super) async fn issue(
    State(identity): State<Identity>,
    State(clock): State<Arc<dyn Clock>>,
    State(work): State<Work>,
    Extension(mount): Extension<Mount>,
    asker: Asker,
    request: Body,
) -> Result<([(HeaderName, &'static str); 1], [(HeaderName, HeaderValue); 1], LogPosition, Said), Refusal> {
    let wish = Wish::read(Fields::of_json(request).await?)?;
    let principal = asker.principal.clone();
    // It names people: what the log keeps of it must not tell them by guessing.
    let canonical = identity.blinded(&wish.canonical().to_string().into()).await?;
    let caller = asker.caller("/identity/keys", &json!(canonical));
    let wish = wish.at(clock.now());
    let key = work.finish(async move { identity.issue(&principal, wish, caller).await }).await?;
    let place = HeaderValue::from_str(&format!("{}/identity/keys/{}", mount.prefix(), key.id))
        .map_err(|_never_with_an_id| Refusal::internal())?;
    Ok((NO_STORE, [(LOCATION, place)], LogPosition(key.position), Said::created(body::issued(&key))))
}

pub(super) async fn revoke(
    State(identity): State<Identity>,
    State(work): State<Work>,
    asker: Asker,
    Named(id): Named,
) -> Result<(LogPosition, Said), Refusal> {
    let principal = asker.principal.clone();
    let caller = asker.caller("/identity/keys/revoke", &json!(id));
    let revoking = async move { identity.revoke(&principal, id, REVOKED, caller).await };
    let position = work.finish(revoking).await?;
    Ok((LogPosition(position), Said::nothing()))
}
