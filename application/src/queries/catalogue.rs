//! The catalogue as it is read: one engine behind every dialect.

mod find;
mod plugin;

use async_trait::async_trait;
use domain::values::{AccountId, Dialect, PluginId};

pub use find::{Engine, Facet, Find, Found, Order, Rank, Sort};
pub use plugin::{
    Card, Counted, Deprecation, Origin, PluginView, PublisherView, RatingView, ReleaseView, Upstream,
    Verification, Yank,
};

use crate::error::Error;

/// The read models: plugins, and publishers.
pub const READ_MODEL: &str = "catalogue";
pub const PUBLISHERS: &str = "publishers";

#[async_trait]
pub trait CatalogueQueries: Send + Sync {
    /// A page of what is shown in a dialect: nothing removed, quarantined or without a release.
    async fn find(&self, find: &Find) -> Result<Found, Error>;

    /// Shown or not: whoever asks judges by [`PluginView::is_visible`] and the policy.
    async fn plugin(&self, which: &Which) -> Result<Option<PluginView>, Error>;

    /// The same from the stream itself: what was acknowledged is there. For decisions.
    async fn current(&self, plugin: PluginId) -> Result<Option<PluginView>, Error>;

    /// Names of others that this one could be taken for: of equal skeleton, or one edit away from a plugin that is
    /// verified or much used. Best first, at most ten.
    async fn look_alikes(&self, name: &str, own: Option<AccountId>) -> Result<Vec<LookAlike>, Error>;

    /// How many shown plugins each category of a dialect has, by name.
    async fn categories(&self, dialect: Dialect) -> Result<Vec<Facet>, Error>;

    /// Publishers with something to show in a dialect, sorted.
    async fn publishers(&self, dialect: Dialect) -> Result<Vec<String>, Error>;

    async fn publisher(&self, name: &str) -> Result<Option<PublisherView>, Error>;

    /// A repository that lists plugins of this author, in any case.
    async fn upstream_author(&self, name: &str) -> Result<Option<String>, Error>;

    /// Everything of a publisher, shown or not.
    async fn of_publisher(&self, name: &str) -> Result<Vec<PluginId>, Error>;

    /// Shown plugins of the same category or with common tags, best first.
    async fn related(&self, plugin: &PluginView, dialect: Dialect, most: u32) -> Result<Vec<Card>, Error>;

    /// Whether a release or an icon has these bytes.
    async fn uses(&self, sha256: &domain::values::Digest) -> Result<bool, Error>;

    /// Plugins with a release or an icon of these bytes, shown or not.
    async fn holding(&self, sha256: &domain::values::Digest) -> Result<Vec<PluginView>, Error>;

    /// Releases and plugins that wait for a check: plugin and version, oldest first.
    async fn quarantined(&self) -> Result<Vec<(PluginId, Option<String>, String)>, Error>;

    /// How far the read model has come: another one whenever an answer may differ. For validators.
    async fn state(&self) -> Result<State, Error>;
}

/// Names the state of the read model and when it was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub tag: String,
    pub at: chrono::DateTime<chrono::Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Which {
    Id(PluginId),
    Number(u64),
    /// By publisher and name, in any case.
    Pair {
        publisher: String,
        name: String,
    },
    /// By one word, among those listed in the dialect.
    Word {
        dialect: Dialect,
        name: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookAlike {
    pub plugin: PluginId,
    pub publisher: String,
    pub name: String,
}
