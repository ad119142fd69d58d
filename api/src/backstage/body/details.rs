//! Everything about one plugin.

use application::queries::catalogue::{PluginView, PublisherView, RatingView, ReleaseView};
use chrono::SecondsFormat;
use domain::plugin::{Author, Support as Supported};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Compatibility, Dependency, Price, Superseded, Times, dependencies, plugin_id, review::Review, shown_name,
    stats::Downloads,
};
use crate::backstage::answer::{Places, moment};

/// What the details are made of.
pub(crate) struct Parts<'a> {
    pub(crate) plugin: &'a PluginView,
    pub(crate) release: &'a ReleaseView,
    pub(crate) publisher: Option<&'a PublisherView>,
    pub(crate) downloads: Downloads,
    pub(crate) reviews: Vec<Review<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Details<'a> {
    id: String,
    name: &'a str,
    display_name: &'a str,
    description: &'a str,
    long_description: Option<&'a str>,
    version: String,
    author: Known<'a>,
    category: Option<&'a str>,
    tags: &'a [String],
    icon: Option<String>,
    banner: Option<&'a str>,
    screenshots: &'a [String],
    videos: &'a [String],
    homepage: Option<&'a str>,
    repository: Option<&'a str>,
    documentation: Option<&'a str>,
    changelog: Option<&'a str>,
    license: Option<&'a str>,
    verified: bool,
    featured: bool,
    rating: Rating<'a>,
    downloads: Downloads,
    versions: Vec<Edition<'a>>,
    dependencies: Vec<Dependency<'a>>,
    peer_dependencies: Vec<Dependency<'a>>,
    compatibility: Compatibility<'a>,
    pricing: Price<'a>,
    configuration: Value,
    permissions: &'a [String],
    features: &'a [String],
    support: Support<'a>,
    stats: Upstream,
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated: Option<Superseded<'a>>,
    metadata: Times,
}

#[derive(Debug, Serialize)]
struct Known<'a> {
    id: Option<String>,
    name: &'a str,
    email: Option<&'a str>,
    verified: bool,
}

#[derive(Debug, Serialize)]
struct Rating<'a> {
    average: f64,
    count: u64,
    distribution: Distribution,
    reviews: Vec<Review<'a>>,
}

/// Votes by stars, the most first.
#[derive(Debug, Serialize)]
pub(crate) struct Distribution {
    #[serde(rename = "5")]
    five: u64,
    #[serde(rename = "4")]
    four: u64,
    #[serde(rename = "3")]
    three: u64,
    #[serde(rename = "2")]
    two: u64,
    #[serde(rename = "1")]
    one: u64,
}

/// All ratings, beside the reviews.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    average: f64,
    count: u64,
    distribution: Distribution,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Edition<'a> {
    version: String,
    release_date: String,
    changelog: Option<&'a str>,
    compatibility: Fit<'a>,
    deprecated: bool,
}

#[derive(Debug, Serialize)]
struct Fit<'a> {
    backstage: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Support<'a> {
    email: Option<&'a str>,
    documentation: Option<&'a str>,
    issues: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    forum: Option<&'a str>,
}

/// Of the repository that it is made in, as another catalogue saw it; null where nobody looked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Upstream {
    stars: Option<u64>,
    forks: Option<u64>,
    issues: Option<u64>,
    contributors: Option<u64>,
    last_commit: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Links {
    #[serde(rename = "self")]
    own: String,
    install: String,
    reviews: String,
    versions: String,
    related: String,
}

impl<'a> Details<'a> {
    pub(crate) fn of(parts: Parts<'a>, places: &Places) -> Self {
        let Parts { plugin, release, publisher, downloads, reviews } = parts;
        let told = &plugin.description;
        let Summary { average, count, distribution } = Summary::of(&plugin.counted.rating);
        Self {
            id: plugin_id(plugin.number),
            name: &plugin.name,
            display_name: shown_name(&told.display_name, &plugin.name),
            description: &told.summary,
            long_description: told.long_description.as_deref().or(release.readme.as_deref()),
            version: release.version.to_string(),
            author: Known::of(told.author.as_ref(), plugin, publisher),
            category: told.category.as_deref(),
            tags: &told.tags,
            icon: places.icon(told.icon.as_ref()),
            banner: told.banner.as_deref(),
            screenshots: &told.screenshots,
            videos: &told.videos,
            homepage: told.homepage.as_deref(),
            repository: told.repository.as_deref(),
            documentation: told.documentation.as_deref(),
            changelog: told.changelog_url.as_deref(),
            license: told.license.as_deref(),
            verified: plugin.verified.is_some(),
            featured: plugin.featured,
            rating: Rating { average, count, distribution, reviews },
            downloads,
            versions: plugin.releases.iter().filter_map(|release| Edition::of(release, plugin)).collect(),
            dependencies: dependencies(&release.dependencies),
            peer_dependencies: dependencies(&release.peer_dependencies),
            compatibility: Compatibility::of(&release.engines, &told.platforms),
            pricing: Price::of(told.pricing.as_ref()),
            configuration: configuration(release),
            permissions: &release.permissions,
            features: &told.features,
            support: Support::of(told.support.as_ref()),
            stats: Upstream::of(plugin),
            deprecated: plugin.deprecated.as_ref().map(Superseded::of),
            metadata: Times::of(plugin.created_at, plugin.updated_at),
        }
    }
}

impl<'a> Known<'a> {
    /// A package may name whom it likes: verified is only who is named as the publisher is.
    fn of(author: Option<&'a Author>, plugin: &'a PluginView, publisher: Option<&'a PublisherView>) -> Self {
        let name = author.map_or(&*plugin.publisher, |author| &author.name);
        let is_own = |publisher: &PublisherView| {
            publisher.display_name.as_deref() == Some(name) || publisher.name.eq_ignore_ascii_case(name)
        };
        let email = author.map(|author| author.email.as_deref());
        Self {
            id: publisher.map(|publisher| format!("author_{}", publisher.number)),
            name,
            email: email.unwrap_or_else(|| publisher?.email.as_deref()),
            verified: publisher.is_some_and(|publisher| publisher.verified.is_some() && is_own(publisher)),
        }
    }
}

impl Summary {
    pub(crate) fn of(rating: &RatingView) -> Self {
        let [one, two, three, four, five] = rating.distribution;
        Self {
            average: rating.average.unwrap_or_default(),
            count: rating.count,
            distribution: Distribution { five, four, three, two, one },
        }
    }
}

impl<'a> Edition<'a> {
    /// None of those that are held back.
    fn of(release: &'a ReleaseView, plugin: &PluginView) -> Option<Self> {
        release.quarantine.is_none().then(|| Self {
            version: release.version.to_string(),
            release_date: moment(release.published_at),
            changelog: release.changelog.as_deref(),
            compatibility: Fit { backstage: release.engines.get("backstage").map(String::as_str) },
            deprecated: is_deprecated(release, plugin),
        })
    }
}

impl<'a> Support<'a> {
    fn of(support: Option<&'a Supported>) -> Self {
        Self {
            email: support.and_then(|support| support.email.as_deref()),
            documentation: support.and_then(|support| support.documentation.as_deref()),
            issues: support.and_then(|support| support.issues.as_deref()),
            url: support.and_then(|support| support.url.as_deref()),
            forum: support.and_then(|support| support.forum.as_deref()),
        }
    }
}

impl Upstream {
    fn of(plugin: &PluginView) -> Self {
        let seen = plugin.imported.as_ref();
        Self {
            stars: seen.and_then(|seen| seen.stars),
            forks: seen.and_then(|seen| seen.forks),
            issues: seen.and_then(|seen| seen.issues),
            contributors: seen.and_then(|seen| seen.contributors),
            last_commit: seen.and_then(|seen| seen.last_commit).map(moment),
        }
    }
}

impl Links {
    pub(crate) fn of(plugin: &PluginView, places: &Places) -> Self {
        let below = |tail: &str| places.plugins(&format!("/{}{tail}", plugin_id(plugin.number)));
        Self {
            own: below(""),
            install: below("/install"),
            reviews: below("/reviews"),
            versions: below("/versions"),
            related: below("/related"),
        }
    }
}

fn is_deprecated(release: &ReleaseView, plugin: &PluginView) -> bool {
    release.yanked.is_some() || plugin.deprecated.is_some()
}

/// Everything that can be had of a plugin, newest first, with what is known of each.
pub(crate) fn versions(plugin: &PluginView) -> Vec<Value> {
    let had = plugin.releases.iter().filter(|release| release.quarantine.is_none());
    let latest = plugin.latest().map(|latest| &latest.version);
    had.map(|release| {
        let yanked = release.yanked.as_ref();
        json!({
            "version": release.version,
            "releaseDate": release.published_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "changelog": release.changelog,
            "compatibility": release.engines,
            "deprecated": is_deprecated(release, plugin),
            "prerelease": release.prerelease,
            "latest": Some(&release.version) == latest,
            "yanked": yanked.map(|yank| json!({"reason": yank.reason, "at": moment(yank.at)})),
            "downloads": plugin.counted.downloads_by_version.get(&release.version.to_string()).copied().unwrap_or(0),
            "size": release.artifact.size,
            "sha256": release.artifact.sha256,
        })
    })
    .collect()
}

/// `defaults` and `examples` are the package's own words.
fn configuration(release: &ReleaseView) -> Value {
    let own = &release.manifest["configuration"];
    json!({
        "schema": release.config_schema.as_ref().filter(|schema| schema.is_object()).unwrap_or(&json!({})),
        "defaults": own.get("defaults").filter(|defaults| defaults.is_object()).unwrap_or(&json!({})),
        "examples": own.get("examples").filter(|examples| examples.is_array()).unwrap_or(&json!([])),
    })
}
