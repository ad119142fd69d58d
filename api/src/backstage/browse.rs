//! Reading the catalogue: lists, searches, and everything about one plugin.

use std::sync::Arc;

use application::{
    queries::{
        catalogue::{CatalogueQueries, Found},
        downloads::DownloadQueries,
        reviews::{ReviewQueries, ReviewSort},
    },
    reviewing::Reviewing,
};
use axum::{body::Body, extract::State, http::Uri};
use domain::values::Dialect;
use serde::Serialize;
use serde_json::json;

use super::{
    answer::{Answering, told},
    body::{
        Facets, Item,
        details::{self, Details, Links, Parts},
        plugin_id,
        review::Review,
        stats::{self, Downloads, since},
    },
    named::Named,
    page::{Neighbours, Pagination},
    question::Question,
};
use crate::{fields::Fields, refusal::Refusal, voice::Unclosed};

/// Reviews in the details, the most helpful ones.
const SHOWN_REVIEWS: u32 = 5;
const RELATED: u32 = 10;
const MOST_RELATED: u32 = 100;

type Catalogue = State<Arc<dyn CatalogueQueries>>;

#[derive(Serialize)]
struct Listed<'a> {
    data: Vec<Item<'a>>,
    pagination: Pagination,
    links: Neighbours,
    #[serde(skip_serializing_if = "Option::is_none")]
    facets: Option<Facets<'a>>,
}

#[derive(Serialize)]
struct Told<T, L> {
    data: T,
    links: L,
}

pub(super) async fn list(
    State(catalogue): Catalogue,
    answering: Answering,
    uri: Uri,
) -> Result<Unclosed, Refusal> {
    let question = Question::of_query(&uri)?;
    let found = catalogue.find(&question.find).await?;
    listed(&answering, &question, &found, "")
}

pub(super) async fn search(
    State(catalogue): Catalogue,
    answering: Answering,
    uri: Uri,
    body: Body,
) -> Result<Unclosed, Refusal> {
    let question = Question::of_search(&uri, Fields::of_json(body).await?)?;
    let found = catalogue.find(&question.find).await?;
    listed(&answering, &question, &found, "/search")
}

fn listed(
    answering: &Answering,
    question: &Question,
    found: &Found,
    tail: &str,
) -> Result<Unclosed, Refusal> {
    let Question { find, page, active, explained } = question;
    let path = answering.places().plugins(tail);
    told(&Listed {
        data: Item::all(found, *explained, answering.places()),
        pagination: page.pagination(found.total),
        links: page.neighbours(&path, active, found.total),
        facets: find.facets.then(|| Facets::of(found)),
    })
}

pub(super) async fn details(
    State(catalogue): Catalogue,
    State(downloads): State<Arc<dyn DownloadQueries>>,
    State(reviewing): State<Reviewing>,
    answering: Answering,
    named: Named,
) -> Result<Unclosed, Refusal> {
    let plugin = named.plugin(&*catalogue).await?;
    let release = plugin.latest().ok_or_else(|| named.no_plugin())?;
    let today = answering.at.date_naive();
    let (publisher, counted, (reviews, _)) = tokio::try_join!(
        catalogue.publisher(&plugin.publisher),
        downloads.of_plugin(plugin.id, since(today, 30), today),
        reviewing.of_plugin(plugin.id, ReviewSort::Helpful, 0, SHOWN_REVIEWS),
    )?;
    let parts = Parts {
        plugin: &plugin,
        release,
        publisher: publisher.as_ref(),
        downloads: Downloads::of(&plugin, &counted, today),
        reviews: reviews.iter().map(Review::of).collect(),
    };
    let data = Details::of(parts, answering.places());
    let links = Links::of(&plugin, answering.places());
    told(&Told { data, links })
}

pub(super) async fn versions(
    State(catalogue): Catalogue,
    answering: Answering,
    named: Named,
) -> Result<Unclosed, Refusal> {
    let plugin = named.plugin(&*catalogue).await?;
    about(&answering, plugin.number, "/versions", details::versions(&plugin))
}

pub(super) async fn related(
    State(catalogue): Catalogue,
    answering: Answering,
    named: Named,
    uri: Uri,
) -> Result<Unclosed, Refusal> {
    let mut fields = Fields::of_query(&uri);
    let most = fields.exact_count("limit", MOST_RELATED).unwrap_or(RELATED);
    fields.well_formed()?;
    let plugin = named.plugin(&*catalogue).await?;
    let cards = catalogue.related(&plugin, Dialect::Backstage, most).await?;
    let data: Vec<Item<'_>> = cards.iter().map(|card| Item::of(card, answering.places())).collect();
    about(&answering, plugin.number, "/related", data)
}

pub(super) async fn figures(
    State(catalogue): Catalogue,
    State(downloads): State<Arc<dyn DownloadQueries>>,
    State(reviews): State<Arc<dyn ReviewQueries>>,
    answering: Answering,
    named: Named,
) -> Result<Unclosed, Refusal> {
    let plugin = named.plugin(&*catalogue).await?;
    let today = answering.at.date_naive();
    let (counted, trend) = tokio::try_join!(
        downloads.of_plugin(plugin.id, since(today, 60), today),
        reviews.trend(plugin.id, answering.at),
    )?;
    about(&answering, plugin.number, "/stats", stats::stats(&plugin, &counted, trend, today))
}

fn about(answering: &Answering, plugin: u64, tail: &str, data: impl Serialize) -> Result<Unclosed, Refusal> {
    let below = |tail: &str| answering.places().plugins(&format!("/{}{tail}", plugin_id(plugin)));
    let links = json!({"self": below(tail), "plugin": below("")});
    told(&Told { data, links })
}
