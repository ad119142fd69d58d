//! What an answer carries beside its data: where its links lead, and how it came about.

use std::{sync::Arc, time::Instant};

use application::ports::system::Clock;
use axum::{
    Extension, RequestPartsExt as _,
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::plugin::Icon;
use serde::Serialize;

use super::BASE;
use crate::{
    asker::layered,
    links::{Links, PublicUrl},
    mount::Mount,
    refusal::Refusal,
    telemetry::RequestId,
};

/// The request, as far as its answer speaks of it.
pub(super) struct Answering {
    request_id: Arc<str>,
    pub(super) at: DateTime<Utc>,
    began: Instant,
    places: Places,
}

/// Where links lead: paths begin with the mount that the request came through, icons of ours with a host.
pub(super) struct Places {
    pub(super) mount: Mount,
    /// None where the request names no host.
    pub(super) links: Option<Links>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    version: &'static str,
    timestamp: String,
    request_id: String,
    /// Milliseconds.
    response_time: u64,
}

impl<S: Send + Sync> FromRequestParts<S> for Answering
where
    Arc<dyn Clock>: FromRef<S>,
    PublicUrl: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let began = Instant::now();
        let links = Links::from_request_parts(parts, state).await.ok();
        let mount = parts.extract::<Extension<Mount>>().await.map_or(Mount::ROOT, |Extension(mount)| mount);
        let Extension(RequestId(request_id)) = layered::<RequestId>(parts).await?;
        let at = Arc::<dyn Clock>::from_ref(state).now();
        Ok(Self { request_id, at, began, places: Places { mount, links } })
    }
}

impl Answering {
    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn metadata(&self) -> Metadata {
        Metadata {
            version: "v1",
            timestamp: moment(self.at),
            request_id: self.request_id.to_string(),
            response_time: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
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
