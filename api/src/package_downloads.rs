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
};
use chrono::{Days, NaiveDate};
use domain::values::PluginId;
use serde::Serialize;

use crate::{
    conditional::Cache,
    feeds::shown,
    fields::Fields,
    operations::{Operation, get},
    refusal::Refusal,
};

const USUAL_DAYS: u64 = 30;
const MOST_DAYS: i64 = 3660;

pub(crate) fn operations() -> Vec<Operation> {
    vec![get("/packages/{id}/downloads", ReadCatalogue, downloads).cached(Cache::Revalidated)]
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
