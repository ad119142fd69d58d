//! Leafing through a search. Our pages are cut out of theirs, however large theirs turn out to be.

use std::sync::Arc;

use application::{
    failure::Failure,
    ports::marketplace::{Answer, Listing, Page},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

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
}

impl HttpMarketplace {
    /// One page of theirs, as they cut it.
    pub(super) async fn theirs(
        &self,
        wanted: Wanted<'_>,
        page: u64,
        size: u32,
    ) -> Result<Answer<Arc<Raw>>, Failure> {
        let query = wanted.query.unwrap_or_default();
        // With words in it, their order is relevance.
        let sort = if query.is_empty() { "install_count" } else { "" };
        let body = json!({
            "page": page,
            "page_size": size,
            "query": query,
            "sort_by": sort,
            "sort_order": "DESC",
            "category": wanted.category.unwrap_or_default(),
            "tags": [],
            "type": "plugin",
        });
        let asking = Arc::clone(&self.asking);
        let question = || async move {
            let url = asking.url("plugins/search/advanced");
            match asking.ask(url, Some(body)).await? {
                Said::Data(data, size) => Ok((reading::page(&data), size)),
                Said::Unknown => Err(unavailable()),
            }
        };
        let category = wanted.category.unwrap_or_default();
        self.pages.ask(&format!("{page} {size} {category} {query}"), question).await
    }

    /// Exactly the plugins `(page - 1) * size .. page * size` of all.
    pub(super) async fn ours(
        &self,
        wanted: Wanted<'_>,
        page: u32,
        size: u32,
    ) -> Result<Answer<Page>, Failure> {
        let first = self.theirs(wanted, 1, size).await?;
        let (length, total) = (first.value.0.len() as u64, first.value.1);
        let begin = u64::from(page - 1) * u64::from(size);
        let end = (begin + u64::from(size)).min(total);
        let mut answer = Answer { value: Page { plugins: Vec::new(), total }, stale: first.stale };
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

    /// What search cards leave out, in one call. Without it the cards stand as they are.
    pub(super) async fn detailed(&self, mut page: Answer<Page>) -> Answer<Page> {
        let id = |listing: &Listing| format!("{}/{}", listing.author, listing.name);
        let ids: Vec<_> =
            page.value.plugins.iter().filter(|card| card.created_at.is_none()).map(id).collect();
        if ids.is_empty() {
            return page;
        }
        let key = ids.join(" ");
        let asking = Arc::clone(&self.asking);
        let question = || async move {
            let url = asking.url("plugins/batch");
            match asking.ask(url, Some(json!({"plugin_ids": ids}))).await? {
                Said::Data(data, size) => Ok((reading::listings(&data), size)),
                Said::Unknown => Err(unavailable()),
            }
        };
        let Ok(details) = self.details.ask(&key, question).await else { return page };
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
