//! `/blobs/{sha256}/{filename}`: bytes under an address that never means anything else. Only those of releases and icons
//! that the catalogue shows; nothing is counted here. Icons may be shown by anybody's page, and nothing in them runs.

use std::sync::Arc;

use application::{
    ports::blobs::Blobs,
    queries::catalogue::{CatalogueQueries, PluginView},
};
use axum::{
    extract::{Path, State},
    http::{
        HeaderMap, HeaderValue, Method,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
    },
    response::Response,
};
use domain::{
    plugin::Icon,
    values::{Dialect, Digest},
};

use crate::{
    file_response::{BYTES, File},
    package_bytes::{self, file_name},
    refusal::Refusal,
    security::RESOURCE_POLICY,
};

const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// A picture that is a document may have styles, and no scripts.
pub(crate) const PICTURE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
);
pub(crate) const ANYWHERE: HeaderValue = HeaderValue::from_static("cross-origin");

pub(crate) async fn blob(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(blobs): State<Arc<dyn Blobs>>,
    Path((sha256, _)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let sha256: Digest = sha256.parse().map_err(|_no_digest| nothing())?;
    let plugins = catalogue.holding(&sha256).await?;
    let found = plugins.iter().filter(|plugin| is_shown(plugin)).find_map(|plugin| held(plugin, &sha256));
    let Held { size, name, media_type } = found.ok_or_else(nothing)?;
    let shown = media_type.starts_with("image/");
    let file = File { sha256: &sha256, size, name: &name, media_type, shown };
    let response = package_bytes::give(&file, &*blobs, &method, &headers).await?;
    let mut response = response.ok_or_else(package_bytes::gone)?;
    if response.status().is_success() || response.status().is_redirection() {
        response.headers_mut().insert(CACHE_CONTROL, FOR_EVER);
    }
    if shown {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, PICTURE);
        response.headers_mut().insert(RESOURCE_POLICY, ANYWHERE);
    }
    Ok(response)
}

fn nothing() -> Refusal {
    Refusal::not_found("There is no such file")
}

/// In any dialect.
fn is_shown(plugin: &PluginView) -> bool {
    let dialects: Vec<Dialect> = plugin.listed.iter().copied().collect();
    dialects.into_iter().any(|dialect| plugin.is_visible(dialect))
}

/// What the bytes are to a plugin.
struct Held {
    size: u64,
    name: String,
    media_type: &'static str,
}

fn held(plugin: &PluginView, sha256: &Digest) -> Option<Held> {
    let mut had = plugin.releases.iter().filter(|release| release.quarantine.is_none());
    if let Some(release) = had.find(|release| release.artifact.sha256 == *sha256) {
        let (name, artifact) = (file_name(plugin, release), &release.artifact);
        return Some(Held { size: artifact.size, name, media_type: artifact.format.media_type() });
    }
    match &plugin.description.icon {
        Some(Icon::Blob { sha256: icon, size, media_type }) if icon == sha256 => {
            Some(Held { size: *size, name: "icon".to_owned(), media_type: picture(media_type) })
        }
        Some(Icon::Blob { .. } | Icon::Url(_)) | None => None,
    }
}

/// Of what browsers show; the rest is bytes.
pub(crate) fn picture(media_type: &str) -> &'static str {
    const PICTURES: [&str; 5] = ["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"];
    PICTURES.into_iter().find(|known| *known == media_type).unwrap_or(BYTES)
}
