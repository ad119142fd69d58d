//! `/packages/{id}/versions/{version}/download`: a package by its plugin's id, whatever dialects show it.
//! `/packages/{id}/downloads`: how often a plugin was downloaded, day by day, and by how many.

use std::sync::Arc;

use application::{
    policy::Action::ReadCatalogue,
    ports::system::Clock,
    queries::{
        catalogue::CatalogueQueries,
        downloads::{DownloadQueries, DownloadsView},
    },
};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::Uri,
    response::Response,
};
use chrono::{Days, NaiveDate};
use domain::{download_log::Channel, values::PluginId};
use serde::Serialize;

use crate::{
    conditional::Cache,
    feeds::shown,
    fields::Fields,
    operations::{Operation, get},
    package_bytes::Delivery,
    refusal::Refusal,
};

const NO_RELEASE: &str = "There is no such release";
const USUAL_DAYS: u64 = 30;
const MOST_DAYS: i64 = 3660;

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        get("/packages/{id}/versions/{version}/download", ReadCatalogue, download).patient(),
        get("/packages/{id}/downloads", ReadCatalogue, downloads).cached(Cache::Revalidated),
    ]
}

async fn download(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    named: Result<Path<(String, String)>, PathRejection>,
    delivery: Delivery,
) -> Result<Response, Refusal> {
    let Path((id, version)) = named.map_err(|_not_utf8| Refusal::not_found(NO_RELEASE))?;
    let plugin = shown(&*catalogue, Ok(Path(id)), None).await?;
    let release = plugin.release(&version).ok_or_else(|| Refusal::not_found(NO_RELEASE))?;
    delivery.deliver(&plugin, release, Channel::Download).await
}

#[derive(Serialize)]
struct Body {
    package: PluginId,
    from: NaiveDate,
    to: NaiveDate,
    #[serde(flatten)]
    counted: DownloadsView,
}

async fn downloads(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(queries): State<Arc<dyn DownloadQueries>>,
    State(clock): State<Arc<dyn Clock>>,
    named: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<impl Serialize>, Refusal> {
    let (from, to) = days(&uri, clock.now().date_naive())?;
    let plugin = shown(&*catalogue, named, None).await?;
    let counted = queries.of_plugin(plugin.id, from, to).await?;
    Ok(Json(Body { package: plugin.id, from, to, counted }))
}

/// The last thirty days, or what is asked for; both ends are in.
fn days(uri: &Uri, today: NaiveDate) -> Result<(NaiveDate, NaiveDate), Refusal> {
    let mut fields = Fields::of_query(uri);
    let (from, to) = (fields.parsed::<NaiveDate>("from"), fields.parsed::<NaiveDate>("to"));
    fields.well_formed()?;
    let to = to.unwrap_or(today);
    let from = from.unwrap_or_else(|| to.checked_sub_days(Days::new(USUAL_DAYS - 1)).unwrap_or(to));
    match (to - from).num_days() {
        ..0 => Err(Refusal::meaningless("from must not be after to")),
        0..MOST_DAYS => Ok((from, to)),
        _ => Err(Refusal::meaningless(format!("Ask for at most {MOST_DAYS} days"))),
    }
}
