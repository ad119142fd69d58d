//! Giving out packages. A whole GET that goes to its end counts as one download, whichever door it came through; HEAD,
//! 304, parts, errors and clients that go away count nothing. The end of the bytes waits until the count shows, two
//! seconds at most: whoever has the package finds it counted.

use std::sync::Arc;

use application::{
    Error,
    caller::Caller,
    counting::{Counting, Fetched},
    ports::blobs::{self, Blobs},
    queries::catalogue::{PluginView, ReleaseView},
};
use axum::{
    body::{Body, Bytes},
    extract::{FromRef, FromRequestParts},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CACHE_CONTROL, LOCATION, USER_AGENT},
        request::Parts,
    },
    response::Response,
};
use domain::download_log::Channel;
use futures::{Stream, StreamExt as _, stream};
use serde_json::Value;
use url::Url;

use crate::{
    address::Addresses,
    asker::Asker,
    file_response::{self, File},
    links::Links,
    refusal::{Fault, Refusal},
};

/// The bytes never change, but what may be had does: asked again each time, and a 304 costs nothing.
const ASKED_AGAIN: HeaderValue = HeaderValue::from_static("public, no-cache");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// What it takes to give out a package: a handler takes it as an argument and says which one.
pub(crate) struct Delivery {
    counting: Counting,
    blobs: Arc<dyn Blobs>,
    caller: Caller,
    client: Option<String>,
    method: Method,
    headers: HeaderMap,
}

impl Delivery {
    /// 200 with the bytes, or what the conditions of the request make of it. For an operation that is `patient`.
    pub(crate) async fn deliver(
        self,
        plugin: &PluginView,
        release: &ReleaseView,
        channel: Channel,
    ) -> Result<Response, Refusal> {
        let artifact = &release.artifact;
        let name = file_name(plugin, release);
        let media_type = artifact.format.media_type();
        let file =
            File { sha256: &artifact.sha256, size: artifact.size, name: &name, media_type, shown: false };
        let response = give(&file, &*self.blobs, &self.method, &self.headers).await?;
        let mut response = response.ok_or_else(gone)?;
        response.headers_mut().insert(CACHE_CONTROL, ASKED_AGAIN);
        if self.method == Method::HEAD || response.status() != StatusCode::OK {
            return Ok(response);
        }
        let fetched = self.fetched(plugin, release, channel);
        let Self { counting, caller, .. } = self;
        let count = async move { counting.count(fetched, &caller).await };
        let (parts, body) = response.into_parts();
        let body = Body::from_stream(held_back(body.into_data_stream(), count));
        Ok(Response::from_parts(parts, body))
    }

    /// 302 to where the bytes are for ever; counted before the answer.
    pub(crate) async fn redirect(
        self,
        plugin: &PluginView,
        release: &ReleaseView,
        channel: Channel,
        links: &Links,
    ) -> Result<Response, Refusal> {
        let location = blob_url(links, release.artifact.sha256.as_str(), &file_name(plugin, release))?;
        if self.method != Method::HEAD {
            let fetched = self.fetched(plugin, release, channel);
            self.counting.count(fetched, &self.caller).await;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(LOCATION, location);
        response.headers_mut().insert(CACHE_CONTROL, NOT_KEPT);
        Ok(response)
    }

    fn fetched(&self, plugin: &PluginView, release: &ReleaseView, channel: Channel) -> Fetched {
        Fetched {
            plugin: plugin.id,
            version: release.version.to_string(),
            dialect: self.caller.dialect,
            channel,
            client: self.client.clone(),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Delivery
where
    Counting: FromRef<S>,
    Arc<dyn Blobs>: FromRef<S>,
    Addresses: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let asker = Asker::from_request_parts(parts, state).await?;
        let client = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            counting: Counting::from_ref(state),
            blobs: FromRef::from_ref(state),
            caller: asker.caller("download", &Value::Null),
            client: client.map(str::to_owned),
            method: parts.method.clone(),
            headers: parts.headers.clone(),
        })
    }
}

/// Uncounted; none: the bytes are not there.
pub(crate) async fn give(
    file: &File<'_>,
    blobs: &dyn Blobs,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Option<Response>, Error> {
    let plan = file_response::plan(method, headers, file);
    let body = match plan.bytes {
        None => Body::empty(),
        Some(bytes) => {
            let part = (bytes != (0..file.size)).then_some(bytes);
            let Some(bytes) = blobs.open(file.sha256, file.size, part).await? else { return Ok(None) };
            let bytes: blobs::Body = bytes;
            Body::from_stream(bytes)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = plan.status;
    *response.headers_mut() = plan.headers;
    Ok(Some(response))
}

pub(crate) fn gone() -> Refusal {
    Refusal::new(Fault::Gone, "The bytes of this release are no longer here")
}

/// `name-1.0.0.difypkg`.
pub(crate) fn file_name(plugin: &PluginView, release: &ReleaseView) -> String {
    format!("{}-{}.{}", plugin.name, release.version, release.artifact.format.extension())
}

/// Where bytes can be had for ever, under a name that says what they are.
pub(crate) fn blob_url(links: &Links, sha256: &str, name: &str) -> Result<HeaderValue, Refusal> {
    let mut url = Url::parse(&links.root("/blobs")).map_err(|_no_url| Refusal::internal())?;
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(sha256).push(name);
    }
    HeaderValue::from_str(url.as_str()).map_err(|_no_text| Refusal::internal())
}

/// The same bytes; the last of them come after the count.
fn held_back<E>(
    bytes: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    count: impl Future<Output = ()> + Send,
) -> impl Stream<Item = Result<Bytes, E>> + Send {
    let holding = (Some((bytes, Box::pin(count))), None::<Bytes>);
    stream::try_unfold(holding, |(source, mut held)| async move {
        let Some((mut bytes, count)) = source else { return Ok(None) };
        while let Some(chunk) = bytes.next().await.transpose()? {
            if chunk.is_empty() {
                continue;
            }
            if let Some(before) = held.replace(chunk) {
                return Ok(Some((before, (Some((bytes, count)), held))));
            }
        }
        count.await;
        Ok(held.map(|last| (last, (None, None))))
    })
}

#[cfg(test)]
mod tests;
