//! Reading, writing and voting for reviews. Whose a review is, and what may be in it, the service decides.

use std::sync::Arc;

use application::{
    Error, Kind,
    identity::Identity,
    publishing,
    queries::{
        catalogue::CatalogueQueries,
        reviews::{ReviewQueries, ReviewSort},
    },
    reviewing::{Reviewing, Shown},
};
use axum::{
    body::Body,
    extract::{FromRef, State},
    http::{HeaderName, HeaderValue, StatusCode, Uri, header::LOCATION},
    response::{IntoResponse, Response},
};
use domain::{
    review::{Rating, Written},
    values::{Dialect, ReviewId},
};
use futures::{FutureExt as _, future::BoxFuture};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    answer::{Answering, told},
    body::{
        details::Summary,
        plugin_id,
        review::{Review, review_id},
    },
    named::Named,
    page::{Neighbours, Page, Pagination},
};
use crate::{
    asker::Asker,
    consistency::LogPosition,
    fields::Fields,
    refusal::Refusal,
    services::Services,
    voice::{Said, Unclosed},
    work::Work,
};

const SORTS: [&str; 4] = ["recent", "helpful", "rating_high", "rating_low"];
const LONGEST_TITLE: usize = 200;
const LONGEST_TEXT: usize = 10_000;
const LONGEST_VERSION: usize = 64;
const MOST_STARS: u32 = 5;

/// Everything that writing a review takes.
#[derive(Clone)]
pub(super) struct Desk {
    catalogue: Arc<dyn CatalogueQueries>,
    reviews: Arc<dyn ReviewQueries>,
    reviewing: Reviewing,
    identity: Identity,
    work: Work,
}

impl FromRef<Services> for Desk {
    fn from_ref(services: &Services) -> Self {
        Self {
            catalogue: services.catalogue.clone(),
            reviews: services.reviews.clone(),
            reviewing: services.reviewing.clone(),
            identity: services.identity.clone(),
            work: services.work.clone(),
        }
    }
}

impl Desk {
    /// The number of the plugin that a path names, and the review of it.
    async fn there(&self, named: &Named) -> Result<(u64, ReviewId), Refusal> {
        let plugin = named.plugin(&*self.catalogue).await?;
        let review = named.review(&plugin, &*self.reviews).await?;
        Ok((plugin.number, review.id))
    }

    /// In the name of whoever asks, to its end.
    async fn finish<T: Send + 'static>(
        &self,
        asker: Asker,
        operation: &str,
        canonical: &Value,
        work: impl for<'a> FnOnce(&'a Reviewing, publishing::Asker<'a>) -> BoxFuture<'a, Result<T, Error>>
        + Send
        + 'static,
    ) -> Result<T, Error> {
        let (reviewing, principal) = (self.reviewing.clone(), asker.principal.clone());
        let caller = asker.caller(operation, canonical);
        let work = async move { work(&reviewing, publishing::Asker { principal: &principal, caller }).await };
        self.work.finish(work).await
    }
}

#[derive(Serialize)]
struct Listed<'a> {
    data: Vec<Review<'a>>,
    rating: Summary,
    pagination: Pagination,
    links: Neighbours,
}

#[derive(Serialize)]
struct Told<'a> {
    data: Review<'a>,
    links: Value,
}

pub(super) async fn list(
    State(desk): State<Desk>,
    answering: Answering,
    named: Named,
    uri: Uri,
) -> Result<Unclosed, Refusal> {
    let page = Page::of_query(&uri)?;
    let sort = sort(&uri)?;
    let plugin = named.plugin(&*desk.catalogue).await?;
    let (_, order) = sort.unwrap_or((SORTS[0], ReviewSort::Recent));
    let (reviews, total) = desk.reviewing.of_plugin(plugin.id, order, page.offset(), page.size).await?;
    let active: Vec<(&str, String)> = sort.iter().map(|(word, _)| ("sort", (*word).to_owned())).collect();
    let path = answering.places().plugins(&format!("/{}/reviews", plugin_id(plugin.number)));
    told(&Listed {
        data: reviews.iter().map(Review::of).collect(),
        rating: Summary::of(&plugin.counted.rating),
        pagination: page.pagination(total),
        links: page.neighbours(&path, &active, total),
    })
}

fn sort(uri: &Uri) -> Result<Option<(&'static str, ReviewSort)>, Refusal> {
    let mut fields = Fields::of_query(uri);
    fields.one_of("sort", &SORTS);
    let word = fields.text("sort");
    fields.well_formed()?;
    let orders = [ReviewSort::Recent, ReviewSort::Helpful, ReviewSort::RatingHigh, ReviewSort::RatingLow];
    Ok(SORTS.into_iter().zip(orders).find(|(known, _)| Some(*known) == word.as_deref()))
}

pub(super) async fn submit(
    State(desk): State<Desk>,
    asker: Asker,
    answering: Answering,
    named: Named,
    body: Body,
) -> Result<Response, Refusal> {
    let written = read(body).await?;
    let plugin = named.plugin(&*desk.catalogue).await?;
    let canonical = json!({"plugin": plugin.id, "written": written});
    let name = desk.identity.name_of(asker.principal.account).await?;
    let submitted = desk
        .finish(asker, "/plugins/reviews", &canonical, move |reviewing, by| {
            reviewing.submit(plugin.id, Dialect::Backstage, written, name, by).boxed()
        })
        .await;
    let (shown, position) = submitted.map_err(|error| unless(error, || named.no_plugin()))?;
    let place = answering.places().plugins(&place(plugin.number, &shown));
    let place = HeaderValue::from_str(&place).map_err(|_never_with_a_number| Refusal::internal())?;
    let location: [(HeaderName, HeaderValue); 1] = [(LOCATION, place)];
    let told = one(&answering, plugin.number, &shown)?;
    Ok((StatusCode::CREATED, location, LogPosition(position), told).into_response())
}

pub(super) async fn show(
    State(desk): State<Desk>,
    answering: Answering,
    named: Named,
) -> Result<Unclosed, Refusal> {
    let plugin = named.plugin(&*desk.catalogue).await?;
    let review = named.review(&plugin, &*desk.reviews).await?;
    let shown = desk.reviewing.opened(review).await?;
    one(&answering, plugin.number, &shown)
}

pub(super) async fn edit(
    State(desk): State<Desk>,
    asker: Asker,
    answering: Answering,
    named: Named,
    body: Body,
) -> Result<Unclosed, Refusal> {
    let written = read(body).await?;
    let (plugin, review) = desk.there(&named).await?;
    let canonical = json!({"review": review, "written": written});
    let edited = desk
        .finish(asker, "/plugins/reviews/edit", &canonical, move |reviewing, by| {
            reviewing.edit(review, written, by).boxed()
        })
        .await;
    let shown = edited.map_err(|error| unless(error, || named.no_review()))?;
    one(&answering, plugin, &shown)
}

pub(super) async fn withdraw(
    State(desk): State<Desk>,
    asker: Asker,
    named: Named,
) -> Result<(LogPosition, Said), Refusal> {
    let (_, review) = desk.there(&named).await?;
    let withdrawn = desk
        .finish(asker, "/plugins/reviews/withdraw", &json!(review), move |reviewing, by| {
            reviewing.withdraw(review, by).boxed()
        })
        .await;
    let position = withdrawn.map_err(|error| unless(error, || named.no_review()))?;
    Ok((LogPosition(position), Said::nothing()))
}

pub(super) async fn vote(
    State(desk): State<Desk>,
    asker: Asker,
    answering: Answering,
    named: Named,
    body: Body,
) -> Result<Unclosed, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    let helpful = fields.needed("helpful", Fields::exact_flag);
    let helpful = fields.checked(helpful)?;
    let (plugin, review) = desk.there(&named).await?;
    let canonical = json!({"review": review, "helpful": helpful});
    let voted = desk
        .finish(asker, "/plugins/reviews/helpful", &canonical, move |reviewing, by| {
            reviewing.vote(review, helpful, by).boxed()
        })
        .await;
    let shown = voted.map_err(|error| unless(error, || named.no_review()))?;
    one(&answering, plugin, &shown)
}

/// `{rating, title, review}`, and the version that is meant.
async fn read(body: Body) -> Result<Written, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    let rating = fields.needed("rating", |fields, name| fields.exact_count(name, MOST_STARS));
    let title = fields.needed("title", |fields, name| {
        fields.short_text(name, LONGEST_TITLE).filter(|title| !title.trim().is_empty())
    });
    let text = fields.short_text("review", LONGEST_TEXT).unwrap_or_default();
    let version = fields.short_text("version", LONGEST_VERSION);
    let rating = rating.and_then(|stars| Rating::new(stars.into()).ok());
    let written = rating.zip(title).map(|(rating, title)| Written { rating, title, text, version });
    fields.checked(written)
}

fn one(answering: &Answering, plugin: u64, shown: &Shown) -> Result<Unclosed, Refusal> {
    let places = answering.places();
    let links = json!({
        "self": places.plugins(&place(plugin, shown)),
        "plugin": places.plugins(&format!("/{}", plugin_id(plugin))),
        "reviews": places.plugins(&format!("/{}/reviews", plugin_id(plugin))),
    });
    told(&Told { data: Review::of(shown), links })
}

fn place(plugin: u64, shown: &Shown) -> String {
    format!("/{}/reviews/{}", plugin_id(plugin), review_id(shown.review.number))
}

/// In the words of this dialect, whatever is not there or is not shown to whoever asks.
fn unless(error: Error, not_there: impl FnOnce() -> Refusal) -> Refusal {
    match error.kind {
        Kind::NotFound => not_there(),
        Kind::Invalid
        | Kind::Conflict
        | Kind::Forbidden
        | Kind::Unauthenticated
        | Kind::Limited
        | Kind::Unavailable => error.into(),
    }
}
