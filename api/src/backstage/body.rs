//! A plugin in a list, and what lists and details say in the same words.

pub(super) mod details;
pub(super) mod review;
pub(super) mod stats;

use std::collections::BTreeMap;

use application::queries::catalogue::{Card, Deprecation, Facet, Found, Rank};
use chrono::{DateTime, Utc};
use domain::plugin::{Author, Pricing};
use serde::Serialize;

use super::answer::{Places, moment};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item<'a> {
    id: String,
    name: &'a str,
    display_name: &'a str,
    description: &'a str,
    version: &'a str,
    author: Named<'a>,
    category: Option<&'a str>,
    tags: &'a [String],
    icon: Option<String>,
    screenshots: &'a [String],
    homepage: Option<&'a str>,
    repository: Option<&'a str>,
    documentation: Option<&'a str>,
    license: Option<&'a str>,
    verified: bool,
    featured: bool,
    rating: Average,
    downloads: u64,
    compatibility: Compatibility<'a>,
    dependencies: Vec<Dependency<'a>>,
    pricing: Price<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated: Option<Superseded<'a>>,
    metadata: Times,
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<&'a Rank>,
}

#[derive(Debug, Serialize)]
struct Named<'a> {
    name: &'a str,
    email: Option<&'a str>,
    url: Option<&'a str>,
}

/// 0 of nobody's ratings.
#[derive(Debug, Serialize)]
struct Average {
    average: f64,
    count: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Compatibility<'a> {
    backstage: Option<&'a str>,
    node: Option<&'a str>,
    platform: &'a [String],
}

#[derive(Debug, Serialize)]
pub(super) struct Dependency<'a> {
    name: &'a str,
    version: &'a str,
}

/// What says nothing of a price is free.
#[derive(Debug, Serialize)]
pub(super) struct Price<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(rename = "price")]
    amount: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct Superseded<'a> {
    reason: &'a str,
    replacement: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Times {
    created_at: String,
    updated_at: String,
    /// For the first time.
    published_at: String,
    /// What is published is checked, and nothing else is published.
    last_checked: String,
}

/// How many of what was found are in what.
#[derive(Debug, Serialize)]
pub(super) struct Facets<'a> {
    categories: &'a [Facet],
    tags: &'a [Facet],
    authors: &'a [Facet],
}

impl<'a> Item<'a> {
    pub(super) fn of(card: &'a Card, places: &Places) -> Self {
        Self {
            id: plugin_id(card.number),
            name: &card.name,
            display_name: shown_name(&card.display_name, &card.name),
            description: &card.summary,
            version: &card.latest_version,
            author: Named::of(card.author.as_ref(), &card.publisher),
            category: card.category.as_deref(),
            tags: &card.tags,
            icon: places.icon(card.icon.as_ref()),
            screenshots: &card.screenshots,
            homepage: card.homepage.as_deref(),
            repository: card.repository.as_deref(),
            documentation: card.documentation.as_deref(),
            license: card.license.as_deref(),
            verified: card.verified,
            featured: card.featured,
            rating: Average { average: card.rating.average.unwrap_or_default(), count: card.rating.count },
            downloads: card.downloads,
            compatibility: Compatibility::of(&card.engines, &card.platforms),
            dependencies: dependencies(&card.dependencies),
            pricing: Price::of(card.pricing.as_ref()),
            deprecated: card.deprecated.as_ref().map(Superseded::of),
            metadata: Times::of(card.created_at, card.updated_at),
            rank: None,
        }
    }

    /// In their order; with the reasons for it where they are wanted.
    pub(super) fn all(found: &'a Found, explained: bool, places: &Places) -> Vec<Self> {
        let mut items: Vec<Self> = found.cards.iter().map(|card| Self::of(card, places)).collect();
        if explained {
            for (item, rank) in items.iter_mut().zip(&found.ranks) {
                item.rank = Some(rank);
            }
        }
        items
    }
}

impl<'a> Named<'a> {
    fn of(author: Option<&'a Author>, publisher: &'a str) -> Self {
        match author {
            Some(author) => {
                Self { name: &author.name, email: author.email.as_deref(), url: author.url.as_deref() }
            }
            None => Self { name: publisher, email: None, url: None },
        }
    }
}

impl<'a> Compatibility<'a> {
    fn of(engines: &'a BTreeMap<String, String>, platform: &'a [String]) -> Self {
        let range = |engine: &str| engines.get(engine).map(String::as_str);
        Self { backstage: range("backstage"), node: range("node"), platform }
    }
}

impl<'a> Price<'a> {
    fn of(pricing: Option<&'a Pricing>) -> Self {
        match pricing {
            Some(Pricing { model, price, currency }) => {
                Self { model, amount: *price, currency: currency.as_deref() }
            }
            None => Self { model: "free", amount: None, currency: None },
        }
    }
}

impl<'a> Superseded<'a> {
    fn of(deprecation: &'a Deprecation) -> Self {
        Self { reason: &deprecation.reason, replacement: deprecation.replacement.as_deref() }
    }
}

impl Times {
    fn of(created: DateTime<Utc>, updated: DateTime<Utc>) -> Self {
        let (created, updated) = (moment(created), moment(updated));
        Self {
            published_at: created.clone(),
            created_at: created,
            last_checked: updated.clone(),
            updated_at: updated,
        }
    }
}

impl<'a> Facets<'a> {
    pub(super) fn of(found: &'a Found) -> Self {
        Self { categories: &found.categories, tags: &found.tags, authors: &found.publishers }
    }
}

pub(super) fn plugin_id(number: u64) -> String {
    format!("plugin_{number}")
}

fn shown_name<'a>(display_name: &'a str, name: &'a str) -> &'a str {
    if display_name.is_empty() { name } else { display_name }
}

fn dependencies(ranges: &BTreeMap<String, String>) -> Vec<Dependency<'_>> {
    ranges.iter().map(|(name, version)| Dependency { name, version }).collect()
}

#[cfg(test)]
mod tests;
