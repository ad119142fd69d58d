//! A marketplace elsewhere, in memory: pages of two, newest change first, and a few ways to fail.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use application::{
    failure::{Failure, Reason},
    ports::{
        marketplace::{
            Answer, CATEGORIES, Category, Changes, Circuit, FromMarketplace, ListedVersion, Listing,
            Marketplace, Page, Search, Shown, Status, Upstream, Upstreams,
        },
        packaging::{OnBytes, Received},
    },
    queries::repositories::RepositoryView,
};
use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::values::{Digest, PluginIdentity};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

const PAGE: usize = 2;

#[derive(Default)]
pub(crate) struct Far {
    state: Mutex<State>,
    /// It has packages, and lets as many come as this has permits.
    packages: Option<Arc<Semaphore>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) listings: Vec<Listing>,
    /// From which page on nobody answers.
    pub(crate) broken_from: Option<u32>,
    pub(crate) pages_asked: u32,
    pub(crate) asked: Vec<&'static str>,
}

pub(crate) fn listed(author: &str, name: &str, version: &str, updated_at: DateTime<Utc>) -> Listing {
    Listing {
        author: author.to_owned(),
        name: name.to_owned(),
        display_name: name.to_uppercase(),
        category: "tool".to_owned(),
        latest_version: version.to_owned(),
        updated_at: Some(updated_at),
        ..Listing::default()
    }
}

impl Far {
    pub(crate) fn with(listings: Vec<Listing>) -> Arc<Self> {
        let state = State { listings, ..State::default() };
        Arc::new(Self { state: Mutex::new(state), packages: None })
    }

    pub(crate) fn delivering(packages: Arc<Semaphore>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), packages: Some(packages) })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn is_down(&self, down: bool) {
        self.lock().broken_from = down.then_some(0);
    }

    fn up(&self, what: &'static str) -> Result<MutexGuard<'_, State>, Failure> {
        let mut state = self.lock();
        state.asked.push(what);
        match state.broken_from {
            Some(0) => Err(Failure::transient(Reason::MarketplaceUnavailable, "It does not answer")),
            Some(_) | None => Ok(state),
        }
    }

    fn said<T>(&self, what: &'static str, answer: impl FnOnce(&State) -> T) -> Result<Answer<T>, Failure> {
        let state = self.up(what)?;
        Ok(Answer { value: answer(&state), stale: false })
    }
}

impl State {
    fn find(&self, author: &str, name: &str) -> Option<&Listing> {
        self.listings.iter().find(|listing| (&*listing.author, &*listing.name) == (author, name))
    }

    fn newest_first(&self) -> Vec<Listing> {
        let mut all = self.listings.clone();
        all.sort_by_key(|listing| std::cmp::Reverse(listing.updated_at));
        all
    }
}

#[async_trait]
impl Upstream for Far {
    async fn newest(&self, page: u32) -> Result<Changes, Failure> {
        let mut state = self.up("newest")?;
        state.pages_asked += 1;
        if state.broken_from.is_some_and(|from| page >= from) {
            return Err(Failure::transient(Reason::MarketplaceUnavailable, "It broke off"));
        }
        let all = state.newest_first();
        let listings = all.chunks(PAGE).nth(page as usize - 1).unwrap_or_default().to_vec();
        Ok(Changes { listings, unreadable: 0, total: all.len() as u64 })
    }
}

impl Upstreams for Arc<Far> {
    fn configured(&self) -> Arc<dyn Upstream> {
        self.clone()
    }

    fn of(&self, _: &RepositoryView) -> Result<Arc<dyn Upstream>, Failure> {
        Ok(self.clone())
    }
}

#[async_trait]
impl Marketplace for Far {
    async fn search(&self, search: &Search) -> Result<Answer<Page>, Failure> {
        let (page, size) = (search.page as usize, search.per_page as usize);
        let skip = (page - 1) * size;
        self.said("search", |state| Page {
            plugins: state.listings.iter().skip(skip).take(size).cloned().map(Shown::from).collect(),
            total: state.listings.len() as u64,
        })
    }

    async fn authors(&self) -> Result<Answer<Vec<String>>, Failure> {
        self.said("authors", |state| state.listings.iter().map(|listing| listing.author.clone()).collect())
    }

    async fn plugin(&self, author: &str, name: &str) -> Result<Answer<Option<Shown>>, Failure> {
        self.said("plugin", |state| state.find(author, name).cloned().map(Shown::from))
    }

    async fn batch(&self, plugins: &[(String, String)]) -> Result<Answer<Vec<Shown>>, Failure> {
        let known = |state: &State| {
            let found = plugins.iter().filter_map(|(author, name)| state.find(author, name));
            found
                .map(|card| Listing { readme: Some("# Read me".to_owned()), ..card.clone() }.into())
                .collect()
        };
        self.said("batch", known)
    }

    async fn versions(&self, author: &str, name: &str) -> Result<Answer<Vec<ListedVersion>>, Failure> {
        let version = |listing: &Listing| ListedVersion {
            version: listing.latest_version.clone(),
            changelog: Some("Changed".to_owned()),
            ..ListedVersion::default()
        };
        self.said("versions", |state| state.find(author, name).map(version).into_iter().collect())
    }

    async fn categories(&self) -> Result<Answer<Vec<Category>>, Failure> {
        self.said("categories", |state| {
            let count = |id: &str| state.listings.iter().filter(|listing| listing.category == id).count();
            let category = |(id, name, description, icon)| Category {
                id,
                name,
                description,
                icon,
                plugin_count: count(id) as u64,
            };
            CATEGORIES.map(category).to_vec()
        })
    }

    async fn icon(&self, _: &str, _: &str) -> Result<Option<(String, Bytes)>, Failure> {
        Ok(self.said("icon", |_| None)?.value)
    }

    async fn download_url(&self, plugin: &PluginIdentity) -> Result<String, Failure> {
        Ok(format!("https://far.example/{plugin}"))
    }

    async fn download(
        &self,
        plugin: &PluginIdentity,
        into: &Path,
        _: u64,
        _: OnBytes<'_>,
        _: Option<&str>,
        _: &CancellationToken,
    ) -> Result<FromMarketplace, Failure> {
        drop(self.up("download")?);
        let Some(packages) = &self.packages else { return Err(Failure::internal()) };
        packages.acquire().await.unwrap().forget();
        let bytes = plugin.to_string();
        std::fs::write(into, &bytes).unwrap();
        let sha256 = Digest::of_bytes(Sha256::digest(&bytes).into());
        Ok(FromMarketplace {
            received: Received { sha256, size: bytes.len() as u64 },
            checksum: None,
            binding: false,
        })
    }

    fn status(&self) -> Status {
        Status { circuit: Circuit::Closed, failures: 0, last_error: None }
    }

    fn page(&self, _: &str) -> Option<(String, String)> {
        None
    }

    fn page_form(&self) -> String {
        "https://far.example/plugins/{author}/{name}".to_owned()
    }
}
