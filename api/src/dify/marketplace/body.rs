//! The catalogue's answers as clients read them. What no marketplace says of the plugins of others is null: ratings,
//! licences, dependencies, screenshots, downloads of one version.

use std::collections::BTreeMap;

use application::failure::Failure;
use application::ports::marketplace::{Category, Circuit, ListedVersion, Shown, Status};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    dify::body::{category_of, maybe_instant},
    mount::Mount,
    settings::Categories,
};

#[derive(Debug, Serialize)]
pub(super) struct Found {
    plugins: Vec<Item>,
    total: u64,
    page: u32,
    per_page: u32,
    has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    featured: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    author: String,
    display_name: String,
    description: String,
    category: String,
    tags: Vec<String>,
    latest_version: String,
    icon_url: String,
    #[serde(serialize_with = "maybe_instant")]
    created_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "maybe_instant")]
    updated_at: Option<DateTime<Utc>>,
    download_count: u64,
    rating: Option<f64>,
    verified: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Details {
    #[serde(flatten)]
    item: Item,
    readme: Option<String>,
    license: Option<String>,
    homepage_url: Option<String>,
    repository_url: Option<String>,
    available_versions: Vec<Release>,
    dependencies: Option<BTreeMap<String, String>>,
    screenshots: Option<Vec<String>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Release {
    version: String,
    #[serde(serialize_with = "maybe_instant")]
    created_at: Option<DateTime<Utc>>,
    changelog: Option<String>,
    download_count: Option<u64>,
}

impl Found {
    pub(super) fn of(plugins: Vec<Shown>, total: u64, (page, per_page): (u32, u32), mount: Mount) -> Self {
        let plugins = plugins.into_iter().map(|shown| Item::of(shown, mount).0).collect();
        let has_more = u64::from(page) * u64::from(per_page) < total;
        Self { plugins, total, page, per_page, has_more, featured: None }
    }

    pub(super) fn featured(self) -> Self {
        Self { featured: Some(true), ..self }
    }
}

/// What stands beside the item in the details.
struct Beside {
    readme: Option<String>,
    repository: Option<String>,
    license: Option<String>,
    homepage: Option<String>,
    dependencies: Option<BTreeMap<String, String>>,
    screenshots: Option<Vec<String>>,
}

impl Item {
    fn of(shown: Shown, mount: Mount) -> (Self, Beside) {
        let Shown { listing, rating, license, homepage, dependencies, screenshots, .. } = shown;
        let (prefix, author, name) = (mount.prefix(), &listing.author, &listing.name);
        let icon_url = format!("{prefix}/api/v1/marketplace/plugins/{author}/{name}/icon");
        let (readme, repository) = (listing.readme, listing.repository);
        let beside = Beside { readme, repository, license, homepage, dependencies, screenshots };
        let item = Self {
            icon_url,
            name: listing.name,
            author: listing.author,
            display_name: listing.display_name,
            description: listing.description,
            category: category_of(&listing.category),
            tags: listing.tags,
            latest_version: listing.latest_version,
            created_at: listing.created_at,
            updated_at: listing.updated_at,
            download_count: listing.download_count,
            rating,
            verified: listing.verified,
        };
        (item, beside)
    }
}

impl Details {
    pub(super) fn of(shown: Shown, versions: &[ListedVersion], mount: Mount) -> Self {
        let (item, beside) = Item::of(shown, mount);
        Self {
            item,
            readme: beside.readme,
            license: beside.license,
            homepage_url: beside.homepage.or_else(|| beside.repository.clone()),
            repository_url: beside.repository,
            available_versions: versions_of(versions),
            dependencies: beside.dependencies,
            screenshots: beside.screenshots,
        }
    }
}

pub(super) fn versions_of(versions: &[ListedVersion]) -> Vec<Release> {
    let version = |listed: &ListedVersion| Release {
        version: listed.version.clone(),
        created_at: listed.created_at,
        changelog: listed.changelog.clone(),
        download_count: listed.download_count,
    };
    versions.iter().map(version).collect()
}

pub(super) fn categories_of(categories: &[Category], form: Categories) -> Value {
    let object = |category: &Category| {
        json!({
            "id": category_of(category.id),
            "name": category.name,
            "description": category.description,
            "icon": category.icon,
            "plugin_count": category.plugin_count,
        })
    };
    let list: Vec<Value> = match form {
        Categories::Objects => categories.iter().map(object).collect(),
        Categories::Strings => categories.iter().map(|category| category_of(category.id).into()).collect(),
    };
    json!({"categories": list})
}

/// `asked`: whether the answer to a question of just now was an old one.
pub(super) fn status_of(status: &Status, asked: Result<bool, Failure>) -> Value {
    let state = match status.circuit {
        Circuit::Closed => "closed",
        Circuit::Open => "open",
        Circuit::HalfOpen => "half_open",
    };
    let word = match (&asked, status.circuit) {
        (Err(_), _) | (_, Circuit::Open) => "error",
        (Ok(false), Circuit::Closed) if status.failures == 0 => "operational",
        (Ok(_), _) => "degraded",
    };
    let error = status.last_error.clone().or_else(|| asked.err().map(|failure| failure.message));
    let recommendations = (word != "operational").then(|| {
        json!({
            "circuit_open": "It is asked again by itself within 30 seconds; answers given before are served meanwhile",
            "api_error": "Check PLUGYARD_MARKETPLACE_URL and the way there: proxy, certificates, firewall",
        })
    });
    json!({
        "marketplace_api": {"status": word, "error": error},
        "circuit_breaker": {"state": state, "failure_count": status.failures},
        "recommendations": recommendations,
    })
}

#[cfg(test)]
mod tests {
    use application::failure::Reason;

    use super::*;

    #[test]
    fn the_status_is_what_was_seen_just_now() {
        let word = |circuit, failures, asked| {
            status_of(&Status { circuit, failures, last_error: None }, asked)["marketplace_api"]["status"]
                .clone()
        };
        let down = || Failure::transient(Reason::MarketplaceUnavailable, "down");
        assert_eq!(word(Circuit::Closed, 0, Ok(false)), "operational");
        assert_eq!(word(Circuit::Closed, 1, Ok(false)), "degraded");
        assert_eq!(word(Circuit::Closed, 1, Ok(true)), "degraded");
        assert_eq!(word(Circuit::HalfOpen, 5, Ok(true)), "degraded");
        assert_eq!(word(Circuit::Open, 5, Ok(true)), "error");
        assert_eq!(word(Circuit::Closed, 1, Err(down())), "error");
    }
}
