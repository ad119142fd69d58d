//! The catalogue as clients of this dialect browse it. Every answer is the marketplace's; one it gave earlier, because
//! it does not answer now, carries `X-Marketplace-Stale: true`.

mod body;
pub(super) mod task;

use std::sync::Arc;

use application::{
    Error,
    catalogue::{latest, no_version, no_versions, shown},
    failure::{Failure, Reason},
    ports::marketplace::{Answer, Marketplace, Search, category_id},
};
use axum::{
    Extension, Json, RequestPartsExt as _,
    extract::{FromRequestParts, RawPathParams, State},
    http::{StatusCode, Uri, request::Parts},
    response::Response,
};
use domain::values::PluginIdentity;
use serde::Serialize;
use serde_json::{Value, json};

use self::body::{Details, Found, categories_of, status_of, versions_of};
use super::DifyError;
use crate::settings::Categories;
use crate::{fields::Fields, links::Links, mount::Mount, picture, refusal::Issue, stale::marked};

const SHOWN: u32 = 20;
const MOST_SHOWN: u32 = 100;
const LAST_PAGE: u32 = 100_000;
const FEATURED: u32 = 6;
const MOST_FEATURED: u32 = 20;
/// Of a search text, in characters.
const LONGEST: usize = 256;

type Market = State<Arc<dyn Marketplace>>;

/// The plugin in the path, as it was written.
pub(super) struct Plugin {
    author: String,
    name: String,
    version: String,
}

impl<S: Sync> FromRequestParts<S> for Plugin {
    type Rejection = DifyError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let path: RawPathParams = parts.extract().await.map_err(|_not_utf8| DifyError::unknown_path())?;
        let of = |wanted: &str| {
            path.iter().find(|(name, _)| *name == wanted).map_or("", |(_, text)| text).to_owned()
        };
        Ok(Self { author: of("author"), name: of("name"), version: of("version") })
    }
}

impl Plugin {
    fn not_found(&self) -> DifyError {
        let (author, name) = (shown(&self.author), shown(&self.name));
        DifyError::text(StatusCode::NOT_FOUND, format!("Plugin {author}/{name} not found"))
    }
}

/// What the marketplace does not know is not there; what it does not say may come.
pub(super) fn refused(failure: Failure) -> DifyError {
    if failure.reason == Reason::PluginUnknown {
        return DifyError::text(StatusCode::NOT_FOUND, failure.message);
    }
    Error::from(failure).into()
}

fn json_of(stale: bool, body: impl Serialize) -> Response {
    marked(stale, Json(body))
}

pub(super) async fn search(
    State(market): Market,
    Extension(mount): Extension<Mount>,
    uri: Uri,
) -> Result<Response, DifyError> {
    let mut fields = Fields::of_query(&uri);
    let [query, author, category] = ["q", "author", "category"]
        .map(|name| fields.short_text(name, LONGEST).filter(|text| !text.is_empty()));
    let page = fields.count("page", LAST_PAGE);
    let per_page = fields.count("per_page", MOST_SHOWN);
    fields.well_formed()?;
    let (page, per_page) = (page.unwrap_or(1), per_page.unwrap_or(SHOWN));
    let category = match category {
        None => None,
        Some(text) => match category_id(&text) {
            Some(id) => Some(id),
            None => return Ok(json_of(false, Found::of(Vec::new(), 0, (page, per_page), mount))),
        },
    };
    let search = Search { query, author, category, page, per_page, ..Search::default() };
    let Answer { value, stale } = market.search(&search).await.map_err(refused)?;
    Ok(json_of(stale, Found::of(value.plugins, value.total, (page, per_page), mount)))
}

pub(super) async fn featured(
    State(market): Market,
    Extension(mount): Extension<Mount>,
    uri: Uri,
) -> Result<Response, DifyError> {
    let mut fields = Fields::of_query(&uri);
    let limit = fields.count("limit", MOST_FEATURED);
    fields.well_formed()?;
    let per_page = limit.unwrap_or(FEATURED);
    let search = Search { page: 1, per_page, featured_first: true, ..Search::default() };
    let Answer { value, stale } = market.search(&search).await.map_err(refused)?;
    Ok(json_of(stale, Found::of(value.plugins, value.total, (1, per_page), mount).featured()))
}

pub(super) async fn authors(State(market): Market) -> Result<Response, DifyError> {
    let Answer { value, stale } = market.authors().await.map_err(refused)?;
    Ok(json_of(stale, json!({"authors": value})))
}

pub(super) async fn categories(
    State(market): Market,
    State(form): State<Categories>,
) -> Result<Response, DifyError> {
    let Answer { value, stale } = market.categories().await.map_err(refused)?;
    Ok(json_of(stale, categories_of(&value, form)))
}

/// Asks, so that it says how things are and not how they were.
pub(super) async fn status(State(market): Market) -> Json<Value> {
    let asked = market.look().await;
    Json(status_of(&market.status(), asked.map(|answer| answer.stale)))
}

pub(super) async fn details(
    State(market): Market,
    Extension(mount): Extension<Mount>,
    plugin: Plugin,
) -> Result<Response, DifyError> {
    let Answer { value, stale } = market.plugin(&plugin.author, &plugin.name).await.map_err(refused)?;
    let shown = value.ok_or_else(|| plugin.not_found())?;
    // A description without its history is better than none.
    let versions = market.versions(&plugin.author, &plugin.name).await;
    let stale = stale || versions.as_ref().map_or(true, |answer| answer.stale);
    let versions = versions.map(|answer| answer.value).unwrap_or_default();
    Ok(json_of(stale, Details::of(shown, &versions, mount)))
}

pub(super) async fn versions(State(market): Market, plugin: Plugin) -> Result<Response, DifyError> {
    let Answer { value, stale } = market.versions(&plugin.author, &plugin.name).await.map_err(refused)?;
    if value.is_empty() {
        return Err(refused(no_versions(&plugin.author, &plugin.name)));
    }
    Ok(json_of(stale, json!({"versions": versions_of(&value)})))
}

pub(super) async fn icon(State(market): Market, plugin: Plugin) -> Result<Response, DifyError> {
    let icon = market.icon(&plugin.author, &plugin.name).await.map_err(refused)?;
    let (kind, bytes) = icon.ok_or_else(|| {
        let (author, name) = (shown(&plugin.author), shown(&plugin.name));
        DifyError::text(StatusCode::NOT_FOUND, format!("No icon found for plugin {author}/{name}"))
    })?;
    Ok(picture::given(&kind, bytes))
}

pub(super) async fn download_url(
    State(market): Market,
    links: Links,
    plugin: Plugin,
) -> Result<Response, DifyError> {
    let Plugin { author, name, version } = &plugin;
    let Answer { value, stale } = market.versions(author, name).await.map_err(refused)?;
    if value.is_empty() {
        return Err(refused(no_versions(author, name)));
    }
    let unknown = || refused(no_version(author, name, version));
    let listed = value.iter().find(|listed| listed.version == *version).ok_or_else(unknown)?;
    let url = match PluginIdentity::new(author, name, version) {
        _ if listed.artifact.is_some() => hosted(&links, author, name, version),
        Ok(identity) => market.download_url(&identity).await.map_err(refused)?,
        Err(_unusable) => return Err(unknown()),
    };
    let plugin = json!({"author": author, "name": name, "version": version});
    Ok(json_of(stale, json!({"download_url": url, "plugin": plugin})))
}

fn hosted(links: &Links, author: &str, name: &str, version: &str) -> String {
    links.root(&format!("/api/v1/plugins/{author}/{name}/{version}/download"))
}

/// 200 in any case: whether the address is one of a plugin's page is the answer.
pub(super) async fn parse_url(
    State(market): Market,
    links: Links,
    uri: Uri,
) -> Result<Json<Value>, DifyError> {
    let mut fields = Fields::of_query(&uri);
    let url = fields.text("url");
    fields.well_formed()?;
    let url = url.ok_or_else(|| DifyError::malformed(vec![Issue::missing(&["query", "url"])]))?;
    let Some((author, name)) = market.page(&url) else {
        return Ok(Json(json!({
            "valid": false,
            "error": "Not a valid marketplace plugin URL",
            "expected_format": market.page_form(),
        })));
    };
    let newest = latest(&*market, &author, &name).await.ok();
    let shown = match &newest {
        Some(_) => market.plugin(&author, &name).await.ok().and_then(|answer| answer.value),
        None => None,
    };
    let is_hosted = shown.is_some_and(|shown| shown.hosted);
    let download_url = match &newest {
        Some(newest) if is_hosted => Some(hosted(&links, &author, &name, newest.version())),
        Some(newest) => market.download_url(newest).await.ok(),
        None => None,
    };
    Ok(Json(json!({
        "valid": true,
        "author": author,
        "name": name,
        "latest_version": newest.as_ref().map(PluginIdentity::version),
        "download_url": download_url,
    })))
}
