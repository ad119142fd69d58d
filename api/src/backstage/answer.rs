//! What an answer carries beside its data: where its links lead, and how it came about.

use std::sync::Arc;

use application::ports::system::Clock;
use axum::{
    Extension, RequestPartsExt as _,
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::plugin::Icon;
use serde::Serialize;
use serde_json::json;

use super::BASE;
use crate::{
    links::{Links, PublicUrl},
    mount::Mount,
    refusal::Refusal,
    voice::{Heard, Unclosed},
};

/// The request, as far as what it asks for depends on it.
pub(super) struct Answering {
    pub(super) at: DateTime<Utc>,
    places: Places,
}

/// Where links lead: paths begin with the mount that the request came through, icons of ours with a host.
pub(super) struct Places {
    pub(super) mount: Mount,
    /// None where the request names no host.
    pub(super) links: Option<Links>,
}

/// What every request is told for itself stands behind everything else.
pub(super) fn told(body: &impl Serialize) -> Result<Unclosed, Refusal> {
    Unclosed::of(body, metadata)
}

fn metadata(heard: &Heard) -> String {
    let metadata = json!({
        "version": "v1",
        "timestamp": moment(heard.at),
        "requestId": &*heard.request_id,
        "responseTime": u64::try_from(heard.took.as_millis()).unwrap_or(u64::MAX),
    });
    format!(",\"metadata\":{metadata}}}")
}

impl<S: Send + Sync> FromRequestParts<S> for Answering
where
    Arc<dyn Clock>: FromRef<S>,
    PublicUrl: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let links = Links::from_request_parts(parts, state).await.ok();
        let mount = parts.extract::<Extension<Mount>>().await.map_or(Mount::ROOT, |Extension(mount)| mount);
        let at = Arc::<dyn Clock>::from_ref(state).now();
        Ok(Self { at, places: Places { mount, links } })
    }
}

impl Answering {
    pub(super) fn places(&self) -> &Places {
        &self.places
    }
}

impl Places {
    /// `tail` below the list of plugins: empty, or beginning with a slash.
    pub(super) fn plugins(&self, tail: &str) -> String {
        format!("{}{BASE}/plugins{tail}", self.mount.prefix())
    }

    pub(super) fn icon(&self, icon: Option<&Icon>) -> Option<String> {
        Some(match icon? {
            Icon::Url(url) => url.clone(),
            Icon::Blob { sha256, .. } => {
                let path = format!("/blobs/{sha256}/icon");
                self.links.as_ref().map_or(path.clone(), |links| links.root(&path))
            }
        })
    }
}

pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
