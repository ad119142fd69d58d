//! Reading the marketplace.

use std::sync::Arc;

use application::queries::{
    catalogue::{CatalogueQueries, Find, Found, PluginView, Which},
    reviews::ReviewQueries,
};
use axum::{
    RequestPartsExt as _,
    body::Body,
    extract::{FromRequestParts, RawPathParams, State},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header::LOCATION, request::Parts},
    response::Response,
};
use domain::{
    download_log::Channel,
    plugin::Icon,
    values::{Dialect, PluginName, PublisherName},
};
use serde_json::{Value, json};

use super::{
    asked::{self, Asked},
    body, likes,
};
use crate::{
    fields::Fields,
    links::Links,
    package_bytes::{Delivery, blob_url},
    refusal::Refusal,
    voice::Said,
};

const NO_PLUGIN: &str = "plugin not found";
const NO_VERSION: &str = "plugin version not found";
const NO_ICON: &str = "plugin icon not found";
/// How many of the featured are recommended.
const RECOMMENDED: u32 = 20;

/// `author/name`; what cannot be a plugin's is that of none.
pub(super) struct Pair {
    publisher: PublisherName,
    name: PluginName,
    /// A version, or a place below it, if there is one in the path.
    pub(super) rest: String,
    /// The type of extension, if the path names one.
    pub(super) kind: String,
}

pub(super) async fn list(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(reviews): State<Arc<dyn ReviewQueries>>,
    uri: Uri,
) -> Result<Said, Refusal> {
    let found = found(&*catalogue, asked::read(Fields::of_query(&uri))?).await?;
    Ok(Said::ok(json!({"plugins": plugins(&found, &*reviews).await?, "total": found.total})))
}

pub(super) async fn search(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(reviews): State<Arc<dyn ReviewQueries>>,
    body: Body,
) -> Result<Said, Refusal> {
    let found = found(&*catalogue, asked::read(Fields::of_json(body).await?)?).await?;
    Ok(Said::ok(json!({"plugins": plugins(&found, &*reviews).await?, "total": found.total})))
}

/// The same under the name that clients with other kinds of extensions know.
pub(super) async fn search_extensions(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(reviews): State<Arc<dyn ReviewQueries>>,
    body: Body,
) -> Result<Said, Refusal> {
    let found = found(&*catalogue, asked::read(Fields::of_json(body).await?)?).await?;
    Ok(Said::ok(json!({"extensions": plugins(&found, &*reviews).await?, "total": found.total})))
}

pub(super) async fn show(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(reviews): State<Arc<dyn ReviewQueries>>,
    pair: Pair,
) -> Result<Said, Refusal> {
    let view = shown(&*catalogue, &pair).await?;
    let likes = likes::of(&*reviews, [&view]).await?;
    Ok(Said::ok(json!({"plugin": body::plugin(&view, &likes)})))
}

pub(super) async fn versions(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    pair: Pair,
) -> Result<Said, Refusal> {
    let view = shown(&*catalogue, &pair).await?;
    Ok(Said::ok(json!({"versions": body::versions(&view)})))
}

pub(super) async fn readme(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    pair: Pair,
) -> Result<Said, Refusal> {
    let view = shown(&*catalogue, &pair).await?;
    let readme = view.latest().and_then(|release| release.readme.as_deref()).unwrap_or_default();
    Ok(Said::ok(json!({"readme": readme})))
}

/// Without redirect, because clients follow none.
pub(super) async fn download(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    pair: Pair,
    delivery: Delivery,
) -> Result<Response, Refusal> {
    let view = shown(&*catalogue, &pair).await?;
    let release = view.release(&pair.rest).ok_or_else(|| Refusal::not_found(NO_VERSION))?;
    delivery.deliver(&view, release, Channel::Download).await
}

/// Leads to the picture that came with the package; one that is elsewhere is told by its address.
pub(super) async fn icon(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    links: Links,
    pair: Pair,
) -> Result<(StatusCode, [(HeaderName, HeaderValue); 1]), Refusal> {
    let view = shown(&*catalogue, &pair).await?;
    match &view.description.icon {
        Some(Icon::Blob { sha256, .. }) => {
            let place = blob_url(&links, sha256.as_str(), "icon")?;
            Ok((StatusCode::FOUND, [(LOCATION, place)]))
        }
        Some(Icon::Url(_)) | None => Err(Refusal::not_found(NO_ICON)),
    }
}

/// The tags that are in use, most used first.
pub(super) async fn tags(State(catalogue): State<Arc<dyn CatalogueQueries>>) -> Result<Said, Refusal> {
    let find = Find { facets: true, limit: 1, ..Find::in_dialect(Dialect::Space) };
    let facets = catalogue.find(&find).await?.tags;
    let tags = facets.into_iter().map(|tag| json!({"tag": tag.name, "display_name": {"en_US": tag.name}}));
    Ok(Said::ok(json!({"tags": tags.collect::<Vec<_>>()})))
}

/// The one list there is: what operators have featured.
pub(super) async fn recommended(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(reviews): State<Arc<dyn ReviewQueries>>,
) -> Result<Said, Refusal> {
    let find =
        Find { featured: Some(true), limit: RECOMMENDED, whole: true, ..Find::in_dialect(Dialect::Space) };
    let found = catalogue.find(&find).await?;
    let list = json!({
        "uuid": "featured", "label": {"en_US": "Featured"}, "sort_order": 0,
        "plugins": plugins(&found, &*reviews).await?,
    });
    let lists = if found.plugins.is_empty() { Vec::new() } else { vec![list] };
    Ok(Said::ok(json!({"lists": lists})))
}

async fn found(catalogue: &dyn CatalogueQueries, asked: Asked) -> Result<Found, Refusal> {
    if asked.nothing {
        return Ok(Found::default());
    }
    Ok(catalogue.find(&asked.find).await?)
}

async fn plugins(found: &Found, reviews: &dyn ReviewQueries) -> Result<Vec<Value>, Refusal> {
    let likes = likes::of(reviews, &found.plugins).await?;
    Ok(found.plugins.iter().map(|view| body::plugin(view, &likes)).collect())
}

pub(super) async fn shown(catalogue: &dyn CatalogueQueries, pair: &Pair) -> Result<PluginView, Refusal> {
    let which = Which::Pair { publisher: pair.publisher.to_string(), name: pair.name.to_string() };
    let view = catalogue.plugin(&which).await?;
    view.filter(|view| view.is_visible(Dialect::Space)).ok_or_else(|| Refusal::not_found(NO_PLUGIN))
}

impl<S: Sync> FromRequestParts<S> for Pair {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let path = parts.extract::<RawPathParams>().await.ok();
        let read = |path: RawPathParams| {
            let of = |wanted: &[&str]| {
                path.iter().find(|(name, _)| wanted.contains(name)).map_or("", |(_, word)| word)
            };
            let (publisher, name) = (of(&["author"]).parse().ok()?, of(&["name"]).parse().ok()?);
            let (rest, kind) = (of(&["version", "path"]).to_owned(), of(&["type"]).to_owned());
            Some(Self { publisher, name, rest, kind })
        };
        path.and_then(read).ok_or_else(|| Refusal::not_found(NO_PLUGIN))
    }
}
