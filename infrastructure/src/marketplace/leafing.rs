//! Leafing through a search. Our pages are cut out of theirs, however large theirs turn out to be.

use std::sync::Arc;

use application::{
    failure::Failure,
    ports::marketplace::{Answer, Changes, Listing},
    queries::catalogue::{Order, Sort},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::{
    HttpMarketplace,
    asking::{Said, unavailable},
    reading,
};

/// Of theirs, for one of ours.
const MOST_PAGES: u64 = 20;
const LARGE: u32 = 100;
const AT_ONCE: usize = 3;

/// One page of theirs: what cannot be read keeps its place.
pub(super) type Raw = (Vec<Option<Listing>>, u64);

/// A search without its page.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    pub(super) query: Option<&'a str>,
    pub(super) category: Option<&'a str>,
    pub(super) tags: &'a [String],
    pub(super) order: Option<Order>,
}

/// Some of all: a page of ours.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub(super) plugins: Vec<Listing>,
    pub(super) total: u64,
}

impl Wanted<'_> {
    /// With words in it, their own order is relevance.
    fn sorting(&self) -> (&'static str, &'static str) {
        let by = match self.order.map(|order| order.by) {
            None | Some(Sort::Relevance) if self.query.is_some() => "",
            None | Some(Sort::Relevance | Sort::Downloads | Sort::Rating | Sort::Name) => "install_count",
            Some(Sort::Updated) => "version_updated_at",
            Some(Sort::Created) => "created_at",
        };
        let descending = self.order.is_none_or(|order| order.descending);
        (by, if descending { "DESC" } else { "ASC" })
    }

    fn body(&self, page: u64, size: u32) -> Value {
        let (sort_by, sort_order) = self.sorting();
        json!({
            "page": page,
            "page_size": size,
            "query": self.query.unwrap_or_default(),
            "sort_by": sort_by,
            "sort_order": sort_order,
            "category": self.category.unwrap_or_default(),
            "tags": self.tags,
            "type": "plugin",
        })
    }
}

impl HttpMarketplace {
    /// One page of theirs, as they cut it.
    pub(super) async fn theirs(
        &self,
        wanted: Wanted<'_>,
        page: u64,
        size: u32,
    ) -> Result<Answer<Arc<Raw>>, Failure> {
        let body = wanted.body(page, size);
        let key = body.to_string();
        let asking = Arc::clone(&self.asking);
        let question = || async move {
            let url = asking.url("plugins/search/advanced");
            match asking.ask(url, Some(body)).await? {
                Said::Data(data, size) => Ok((reading::page(&data), size)),
                Said::Unknown => Err(unavailable()),
            }
        };
        self.pages.ask(&key, question).await
    }

    /// Exactly the plugins `(page - 1) * size .. page * size` of all.
    pub(super) async fn ours(
        &self,
        wanted: Wanted<'_>,
        page: u32,
        size: u32,
    ) -> Result<Answer<Part>, Failure> {
        let first = self.theirs(wanted, 1, size).await?;
        let (length, total) = (first.value.0.len() as u64, first.value.1);
        let begin = u64::from(page - 1) * u64::from(size);
        let end = (begin + u64::from(size)).min(total);
        let mut answer = Answer { value: Part { plugins: Vec::new(), total }, stale: first.stale };
        if length == 0 || begin >= end {
            return Ok(answer);
        }
        let pages = begin / length..end.div_ceil(length).min(begin / length + MOST_PAGES);
        for number in pages {
            let part = match number {
                0 => first.clone(),
                _ => self.theirs(wanted, number + 1, size).await?,
            };
            answer.stale |= part.stale;
            let places = number * length..;
            let fitting = places.zip(&part.value.0).filter(|(place, _)| (begin..end).contains(place));
            answer.value.plugins.extend(fitting.filter_map(|(_, listing)| listing.clone()));
        }
        Ok(answer)
    }

    /// All there are, up to a bound.
    pub(super) async fn all(&self, wanted: Wanted<'_>) -> Result<Answer<Vec<Listing>>, Failure> {
        let first = self.theirs(wanted, 1, LARGE).await?;
        let length = (first.value.0.len() as u64).max(1);
        let pages = first.value.1.div_ceil(length).min(MOST_PAGES);
        let rest = stream::iter(2..=pages).map(|page| self.theirs(wanted, page, LARGE)).buffered(AT_ONCE);
        let rest: Vec<_> = rest.try_collect().await?;
        let mut all = Answer { value: Vec::new(), stale: false };
        for part in std::iter::once(first).chain(rest) {
            all.stale |= part.stale;
            all.value.extend(part.value.0.iter().flatten().cloned());
        }
        Ok(all)
    }

    /// One page of theirs as it is now, newest change first. Nothing of it is kept in memory.
    pub(super) async fn changes(&self, page: u32) -> Result<Changes, Failure> {
        let newest =
            Wanted { order: Some(Order { by: Sort::Updated, descending: true }), ..Wanted::default() };
        let (url, body) = (self.asking.url("plugins/search/advanced"), newest.body(page.into(), LARGE));
        let Said::Data(data, _) = Arc::clone(&self.asking).ask(url, Some(body)).await? else {
            return Err(unavailable());
        };
        // An answer without its list would read as: everything is gone.
        if !data["plugins"].is_array() || data["total"].as_u64().is_none() {
            tracing::warn!("the marketplace answers without a list");
            return Err(unavailable());
        }
        let (entries, total) = reading::page(&data);
        let length = entries.len();
        let listings: Vec<Listing> = entries.into_iter().flatten().collect();
        Ok(Changes { unreadable: (length - listings.len()) as u64, listings, total })
    }

    /// Those of these plugins that they know, in one call.
    pub(super) async fn told_of(&self, ids: &[String]) -> Result<Answer<Arc<Vec<Listing>>>, Failure> {
        let (asking, ids) = (Arc::clone(&self.asking), ids.to_vec());
        let key = ids.join(" ");
        let question = || async move {
            let url = asking.url("plugins/batch");
            match asking.ask(url, Some(json!({"plugin_ids": ids}))).await? {
                Said::Data(data, size) => Ok((reading::listings(&data), size)),
                Said::Unknown => Err(unavailable()),
            }
        };
        self.details.ask(&key, question).await
    }

    /// What search cards leave out, in one call. Without it the cards stand as they are.
    pub(super) async fn detailed(&self, mut page: Answer<Part>) -> Answer<Part> {
        let id = |listing: &Listing| format!("{}/{}", listing.author, listing.name);
        let ids: Vec<_> =
            page.value.plugins.iter().filter(|card| card.created_at.is_none()).map(id).collect();
        if ids.is_empty() {
            return page;
        }
        let Ok(details) = self.told_of(&ids).await else { return page };
        page.stale |= details.stale;
        for card in &mut page.value.plugins {
            if let Some(found) = details.value.iter().find(|found| id(found) == id(card)) {
                card.created_at = card.created_at.or(found.created_at);
                card.updated_at = card.updated_at.or(found.updated_at);
            }
        }
        page
    }
}
