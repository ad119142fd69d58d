//! Collections that the web page shows before anything is searched for, and bundles, of which there are none.

use application::{
    ports::marketplace::{Answer, Search},
    queries::catalogue::{Order, Sort},
};
use axum::{
    extract::{Path, State, rejection::PathRejection},
    response::Response,
};
use serde_json::{Value, json};

use super::asking::{Market, plugins, refused};
use crate::{links::Links, refusal::Refusal, stale::marked, voice::Said};

const SHOWN: u32 = 20;
/// Name, label, description.
const COLLECTIONS: [(&str, &str, &str); 3] = [
    ("featured", "Featured", "Chosen by whoever operates this marketplace"),
    ("top20", "Most used", "Downloaded most often"),
    ("latest", "Latest", "Changed most recently"),
];

pub(super) async fn collections() -> Said {
    let collection = |(name, label, description): (&str, &str, &str)| -> Value {
        json!({
            "name": name,
            "label": {"en_US": label},
            "description": {"en_US": description},
            "searchable": false,
        })
    };
    Said::ok(json!({"collections": COLLECTIONS.map(collection), "total": COLLECTIONS.len()}))
}

pub(super) async fn of_collection(
    State(market): Market,
    links: Links,
    named: Result<Path<String>, PathRejection>,
) -> Result<Response, Refusal> {
    let unknown = || Refusal::not_found("collection not found");
    let Path(name) = named.map_err(|_not_utf8| unknown())?;
    let newest = Order { by: Sort::Updated, descending: true };
    let most = Search { page: 1, per_page: SHOWN, ..Search::default() };
    let search = match name.as_str() {
        "featured" => Search { featured_first: true, ..most },
        "top20" => most,
        "latest" => Search { order: Some(newest), ..most },
        _ => return Err(unknown()),
    };
    let Answer { mut value, stale } = market.search(&search).await.map_err(refused)?;
    if search.featured_first {
        value.plugins.retain(|shown| shown.featured);
    }
    let data = json!({"plugins": plugins(&value.plugins, &links), "total": value.plugins.len()});
    Ok(marked(stale, Said::ok(data)))
}

pub(super) async fn none() -> Said {
    Said::ok(json!({"bundles": [], "total": 0}))
}
