//! A marketplace of plugins: one elsewhere, as its API answers, or all of them together with what is published here.
//! Every text in an answer comes from strangers.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
pub use domain::repository::Listing;
use domain::{plugin::Artifact, values::PluginIdentity};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::packaging::{OnBytes, Received};
use crate::{
    failure::Failure,
    queries::{catalogue::Order, repositories::RepositoryView},
};

/// A failure is `MarketplaceUnavailable` when there is neither an answer nor an old one.
#[async_trait]
pub trait Marketplace: Send + Sync {
    async fn search(&self, search: &Search) -> Result<Answer<Page>, Failure>;

    /// Sorted author names, as far as the marketplace can be leafed through.
    async fn authors(&self) -> Result<Answer<Vec<String>>, Failure>;

    /// `None`: the marketplace does not know the plugin.
    async fn plugin(&self, author: &str, name: &str) -> Result<Answer<Option<Shown>>, Failure>;

    /// Those of these that it knows, by author and name.
    async fn batch(&self, plugins: &[(String, String)]) -> Result<Answer<Vec<Shown>>, Failure>;

    /// Newest first; empty for a plugin that the marketplace does not know.
    async fn versions(&self, author: &str, name: &str) -> Result<Answer<Vec<ListedVersion>>, Failure>;

    /// The six fixed categories with their plugin counts.
    async fn categories(&self) -> Result<Answer<Vec<Category>>, Failure>;

    /// The image of a plugin and its media type; `None` when there is none.
    async fn icon(&self, author: &str, name: &str) -> Result<Option<(String, Bytes)>, Failure>;

    /// Where anybody may fetch this version, if it is not among those hosted here.
    async fn download_url(&self, plugin: &PluginIdentity) -> Result<String, Failure>;

    /// Streams one version into the new file `into`, at most `limit` bytes. What is published here counts as one
    /// download of the work that it is `wanted_for`, however often that asks; for none it counts nothing.
    async fn download(
        &self,
        plugin: &PluginIdentity,
        into: &Path,
        limit: u64,
        on_bytes: OnBytes<'_>,
        wanted_for: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<FromMarketplace, Failure>;

    fn status(&self) -> Status;

    /// Asks the one elsewhere something small, to see how it does.
    async fn look(&self) -> Result<Answer<()>, Failure> {
        let search = Search { page: 1, per_page: 1, ..Search::default() };
        self.search(&search).await.map(|answer| Answer { value: (), stale: answer.stale })
    }

    /// Author and name, when the text is the address of a plugin's page on this marketplace.
    fn page(&self, url: &str) -> Option<(String, String)>;

    /// The address of such a page, with placeholders.
    fn page_form(&self) -> String;
}

/// What a marketplace said, and whether it said it just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    pub value: T,
    /// Said earlier: it does not answer now.
    pub stale: bool,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Search {
    pub query: Option<String>,
    /// Exactly this author.
    pub author: Option<String>,
    /// One of [`CATEGORIES`].
    pub category: Option<&'static str>,
    /// Any of them; none: all.
    pub tags: Vec<String>,
    /// None: by relevance where there are words, else by downloads.
    pub order: Option<Order>,
    /// What is featured comes first.
    pub featured_first: bool,
    /// From 1.
    pub page: u32,
    pub per_page: u32,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    pub plugins: Vec<Shown>,
    pub total: u64,
}

/// A plugin in an answer: what every marketplace says of it, and what only ours knows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    pub listing: Listing,
    pub featured: bool,
    pub rating: Option<f64>,
    pub license: Option<String>,
    pub homepage: Option<String>,
    pub dependencies: Option<BTreeMap<String, String>>,
    pub screenshots: Option<Vec<String>>,
    /// Why it should not be used any more, and what to use instead.
    pub deprecated: Option<(String, Option<String>)>,
    /// What it wants of the machine, as its manifest says.
    pub resource: Option<Value>,
    /// Published here.
    pub hosted: bool,
}

impl From<Listing> for Shown {
    fn from(listing: Listing) -> Self {
        Self { listing, ..Self::default() }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedVersion {
    pub version: String,
    pub created_at: Option<DateTime<Utc>>,
    pub changelog: Option<String>,
    /// Of the package's content, as the installing daemon computes it.
    pub checksum: Option<String>,
    /// None: nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_count: Option<u64>,
    /// Its bytes, if they are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Artifact>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub id: &'static str,
    pub name: &'static str,
    pub description: &'static str,
    pub icon: &'static str,
    pub plugin_count: u64,
}

/// All there are; the marketplace has no question for them.
pub const CATEGORIES: [CategoryText; 6] = [
    ("tool", "Tool", "Tool plugins for various tasks", "wrench"),
    ("model", "Model", "Model providers", "brain"),
    ("datasource", "Data source", "Sources of documents and data", "database"),
    ("agent-strategy", "Agent", "Agent-related plugins", "robot"),
    ("trigger", "Trigger", "Triggers that start a workflow", "bolt"),
    ("extension", "Extension", "Endpoints and other extensions", "puzzle"),
];

/// Id, name, description, icon.
pub type CategoryText = (&'static str, &'static str, &'static str, &'static str);

/// The id that is meant; two have an older name.
pub fn category_id(text: &str) -> Option<&'static str> {
    let id = match text {
        "agent" => "agent-strategy",
        "endpoint" => "extension",
        id => id,
    };
    CATEGORIES.iter().map(|category| category.0).find(|known| *known == id)
}

/// A package that arrived whole, and the content checksum that the marketplace promised for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromMarketplace {
    pub received: Received,
    pub checksum: Option<String>,
    /// Another content is refused; else it is only noted.
    pub binding: bool,
}

/// A marketplace elsewhere, whose changes can be followed.
#[async_trait]
pub trait Upstream: Marketplace {
    /// One page of everything, newest change first, asked for just now.
    async fn newest(&self, page: u32) -> Result<Changes, Failure>;
}

/// A page of what changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub listings: Vec<Listing>,
    /// Entries that cannot be read.
    pub unreadable: u64,
    /// Of all pages.
    pub total: u64,
}

/// The marketplaces behind repositories.
pub trait Upstreams: Send + Sync {
    /// That of the settings.
    fn configured(&self) -> Arc<dyn Upstream>;

    /// The same one every time, so that what it remembers is shared. A repository that is no marketplace has none.
    fn of(&self, repository: &RepositoryView) -> Result<Arc<dyn Upstream>, Failure>;
}

/// How the marketplace does, as seen from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub circuit: Circuit,
    /// Failures since the last answer.
    pub failures: u32,
    pub last_error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    Closed,
    /// Not asked for a while.
    Open,
    /// One request is let through to see.
    HalfOpen,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_found_by_its_id_and_by_its_older_name() {
        assert_eq!(category_id("agent"), Some("agent-strategy"));
        assert_eq!(category_id("endpoint"), Some("extension"));
        assert!(CATEGORIES.iter().all(|category| category_id(category.0) == Some(category.0)));
        assert_eq!(category_id("Tool"), None);
    }
}
