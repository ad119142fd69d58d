//! What can be asked of the catalogue, and what comes back.

use domain::values::Dialect;
use serde::{Deserialize, Serialize};

use super::{Card, PluginView};

#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a filter of its own")]
pub struct Find {
    /// Where it must be listed.
    pub dialect: Dialect,
    /// At most 256 characters.
    pub text: Option<String>,
    /// Exactly this one, in any case.
    pub publisher: Option<String>,
    /// Any of them; none: all.
    pub categories: Vec<String>,
    /// Any of them; none: all.
    pub tags: Vec<String>,
    /// Kinds of components, as manifests write them: any of them; none: all.
    pub components: Vec<String>,
    pub themes_only: bool,
    pub verified: Option<bool>,
    pub featured: Option<bool>,
    pub min_rating: Option<f64>,
    /// What costs nothing costs 0.
    pub max_price: Option<f64>,
    /// Engine and range, all of which the newest release must fit.
    pub engines: Vec<Engine>,
    pub order: Order,
    pub offset: u64,
    pub limit: u32,
    /// Whether [`Found::plugins`] is wanted in place of the cards, which are enough for most lists.
    pub whole: bool,
    pub facets: bool,
    /// Plugins of other catalogues too.
    pub upstream: bool,
}

/// `backstage` and `^1.35.0`: fits if the ranges overlap by semver, or where one of them is no range, if the text is a
/// part of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    pub name: String,
    pub range: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub by: Sort,
    pub descending: bool,
}

/// Ties go by publisher and name, so that pages are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Where there is no text: downloads.
    Relevance,
    Name,
    Downloads,
    Updated,
    Created,
    Rating,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    /// Empty where the plugins are asked for whole.
    pub cards: Vec<Card>,
    pub plugins: Vec<PluginView>,
    pub total: u64,
    /// Why each stands where it stands; empty without a text.
    pub ranks: Vec<Rank>,
    pub categories: Vec<Facet>,
    pub tags: Vec<Facet>,
    pub publishers: Vec<Facet>,
}

/// The parts add up to `score`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rank {
    pub score: f64,
    /// Field or reason, and what it gave.
    pub parts: Vec<(String, f64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facet {
    pub name: String,
    pub count: u64,
}

impl Find {
    /// Everything in a dialect, by downloads.
    pub fn in_dialect(dialect: Dialect) -> Self {
        Self {
            dialect,
            text: None,
            publisher: None,
            categories: Vec::new(),
            tags: Vec::new(),
            components: Vec::new(),
            themes_only: false,
            verified: None,
            featured: None,
            min_rating: None,
            max_price: None,
            engines: Vec::new(),
            order: Order { by: Sort::Downloads, descending: true },
            offset: 0,
            limit: 20,
            whole: false,
            facets: false,
            upstream: false,
        }
    }
}
