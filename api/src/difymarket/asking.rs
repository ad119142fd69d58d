//! Questions for plugins.

use std::sync::Arc;

use application::{
    catalogue::no_versions,
    failure::{Failure, Reason},
    ports::marketplace::{Answer, Marketplace, Search, Shown, category_id},
    queries::catalogue::{Order, Sort},
};
use axum::{
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::Uri,
    response::Response,
};
use serde_json::{Value, json};

use super::{body, not_found};
use crate::{fields::Fields, links::Links, picture, refusal::Refusal, stale::marked, voice::Said};

pub(super) type Market = State<Arc<dyn Marketplace>>;
/// Names that are no text are nobody's.
pub(super) type Named = Result<Path<(String, String)>, PathRejection>;

const MOST_IDS: usize = 500;
const MOST_TAGS: usize = 50;
const LAST_PAGE: u32 = 100_000;
/// Its web page asks for as many.
const MOST_SHOWN: u32 = 1_000;
const SHOWN: u32 = 40;
/// Of a text to search for, in characters.
const LONGEST: usize = 256;

pub(super) fn refused(failure: Failure) -> Refusal {
    if failure.reason == Reason::PluginUnknown {
        return not_found();
    }
    application::Error::from(failure).into()
}

/// Unknown ones are left out.
pub(super) async fn batch(State(market): Market, links: Links, body: Body) -> Result<Response, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    let ids = fields.some_texts("plugin_ids", MOST_IDS);
    fields.well_formed()?;
    let pair = |id: &String| id.split_once('/').map(|(org, name)| (org.to_owned(), name.to_owned()));
    let mut names: Vec<_> = ids.iter().filter_map(pair).collect();
    names.sort_unstable();
    names.dedup();
    let Answer { value, stale } = market.batch(&names).await.map_err(refused)?;
    Ok(marked(stale, Said::ok(json!({"plugins": plugins(&value, &links)}))))
}

pub(super) fn plugins(all: &[Shown], links: &Links) -> Vec<Value> {
    all.iter().map(|shown| body::plugin(shown, links)).collect()
}

pub(super) async fn search(State(market): Market, links: Links, body: Body) -> Result<Response, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    let page = fields.count("page", LAST_PAGE).unwrap_or(1);
    let per_page = fields.count("page_size", MOST_SHOWN).unwrap_or(SHOWN);
    let query = fields.short_text("query", LONGEST).filter(|text| !text.trim().is_empty());
    let order = order(fields.text("sort_by"), fields.text("sort_order"));
    let category = fields.text("category").filter(|text| !text.is_empty());
    let tags = fields.some_texts("tags", MOST_TAGS);
    let kind = fields.text("type").filter(|text| !text.is_empty());
    let without = fields.some_texts("exclude", MOST_IDS);
    fields.well_formed()?;
    let category = match category.as_deref().map(category_id) {
        // What has no such name has no plugins.
        Some(None) => return Ok(marked(false, nothing())),
        known => known.flatten(),
    };
    if kind.is_some_and(|kind| kind != "plugin") {
        return Ok(marked(false, nothing()));
    }
    let search = Search { query, category, tags, order, page, per_page, ..Search::default() };
    let Answer { mut value, stale } = market.search(&search).await.map_err(refused)?;
    value.plugins.retain(|shown| {
        let listing = &shown.listing;
        !without.contains(&format!("{}/{}", listing.author, listing.name))
    });
    let data = json!({"plugins": plugins(&value.plugins, &links), "total": value.total});
    Ok(marked(stale, Said::ok(data)))
}

fn nothing() -> Said {
    Said::ok(json!({"plugins": [], "total": 0}))
}

/// A word that nobody knows asks for nothing in particular, as on the documented marketplace.
pub(super) fn order(by: Option<String>, direction: Option<String>) -> Option<Order> {
    let by = match by.as_deref() {
        Some("install_count") => Sort::Downloads,
        Some("version_updated_at" | "updated_at") => Sort::Updated,
        Some("created_at") => Sort::Created,
        Some(_) | None => return None,
    };
    let ascending = direction.is_some_and(|word| word.eq_ignore_ascii_case("asc"));
    Some(Order { by, descending: !ascending })
}

async fn known(market: &dyn Marketplace, org: &str, name: &str) -> Result<Answer<Shown>, Refusal> {
    let Answer { value, stale } = market.plugin(org, name).await.map_err(refused)?;
    Ok(Answer { value: value.ok_or_else(not_found)?, stale })
}

pub(super) async fn details(State(market): Market, links: Links, named: Named) -> Result<Response, Refusal> {
    let Path((org, name)) = named.map_err(|_not_utf8| not_found())?;
    let Answer { value, stale } = known(&*market, &org, &name).await?;
    let plugin = body::plugin(&value, &links);
    let version = json!({"version": value.listing.latest_version});
    Ok(marked(stale, Said::ok(json!({"plugin": plugin, "version": version}))))
}

pub(super) async fn versions(State(market): Market, named: Named) -> Result<Response, Refusal> {
    let Path((org, name)) = named.map_err(|_not_utf8| not_found())?;
    let shown = known(&*market, &org, &name).await?;
    let Answer { value, stale } = market.versions(&org, &name).await.map_err(refused)?;
    let versions: Vec<_> = value.iter().map(|listed| body::version(&shown.value, listed)).collect();
    let data = json!({"versions": versions, "total": value.len()});
    Ok(marked(stale || shown.stale, Said::ok(data)))
}

/// The plugin and the version of one package.
pub(super) async fn identified(State(market): Market, links: Links, uri: Uri) -> Result<Response, Refusal> {
    let identifier = super::bytes::Identifier::of_query(&uri)?;
    let (org, name) = (identifier.plugin.author(), identifier.plugin.name());
    let shown = known(&*market, org, name).await?;
    let Answer { value, stale } = market.versions(org, name).await.map_err(refused)?;
    if value.is_empty() {
        return Err(refused(no_versions(org, name)));
    }
    let listed = value.iter().find(|listed| identifier.fits(listed)).ok_or_else(not_found)?;
    let plugin = body::plugin(&shown.value, &links);
    let version = body::version(&shown.value, listed);
    Ok(marked(stale || shown.stale, Said::ok(json!({"plugin": plugin, "version": version}))))
}

pub(super) async fn icon(State(market): Market, named: Named) -> Result<Response, Refusal> {
    let Path((org, name)) = named.map_err(|_not_utf8| not_found())?;
    let icon = market.icon(&org, &name).await.map_err(refused)?;
    let (kind, bytes) = icon.ok_or_else(|| Refusal::not_found("icon not found"))?;
    Ok(picture::given(&kind, bytes))
}
