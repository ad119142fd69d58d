//! The plugin that the document shows, as the catalogue holds it.

use std::collections::BTreeMap;

use application::{
    queries::{
        catalogue::{
            Card, Counted, Origin, PluginView, PublisherView, RatingView, ReleaseView, Verification,
        },
        reviews::ReviewView,
    },
    reviewing::Shown,
};
use chrono::{DateTime, Utc};
use domain::{
    plugin::{
        Artifact, Author, Description, Icon, ImportedStatistics, PackageFormat, PluginKind, Pricing, Support,
    },
    review::{Rating, Written},
    values::{AccountId, Dialect, Digest, PluginId, ReviewId},
};
use serde_json::json;
use uuid::Uuid;
pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn ranges(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, range)| ((*name).to_owned(), (*range).to_owned())).collect()
}

/// As the seed of the demonstration loads it.
pub(crate) fn catalog_backend() -> PluginView {
    PluginView {
        id: PluginId(Uuid::from_u128(123)),
        number: 123,
        owner: None,
        publisher: "Spotify".to_owned(),
        name: "catalog-backend".to_owned(),
        kind: PluginKind::Plugin,
        origin: Origin::Own,
        upstream: None,
        description: description(),
        listed: [Dialect::Backstage].into(),
        releases: vec![release("1.2.3")],
        verified: Some(verification()),
        featured: false,
        deprecated: None,
        quarantine: None,
        removed: None,
        imported: Some(imported()),
        created_at: time("2024-01-01T00:00:00Z"),
        updated_at: time("2024-08-01T00:00:00Z"),
        counted: Counted {
            downloads: 50_000,
            downloads_by_version: BTreeMap::new(),
            rating: RatingView { average: Some(4.5), count: 128, distribution: [2, 4, 12, 35, 75] },
        },
    }
}

fn verification() -> Verification {
    Verification { method: "domain".to_owned(), evidence: "dns".to_owned(), at: time("2024-01-01T00:00:00Z") }
}

fn description() -> Description {
    let text = |text: &str| Some(text.to_owned());
    Description {
        display_name: "Catalog Backend".to_owned(),
        summary: "Backend plugin for the catalog".to_owned(),
        long_description: text("Extended description with markdown support..."),
        author: Some(Author {
            name: "Spotify".to_owned(),
            email: text("backstage@spotify.com"),
            url: text("https://spotify.com"),
        }),
        category: text("backend"),
        tags: texts(&["catalog", "backend", "core"]),
        icon: Some(Icon::Url("https://example.com/icon.png".to_owned())),
        screenshots: texts(&["https://example.com/screenshot1.png", "https://example.com/screenshot2.png"]),
        videos: texts(&["https://youtube.com/watch?v=xyz"]),
        repository: text("https://github.com/backstage/backstage"),
        documentation: text("https://backstage.io/docs"),
        changelog_url: text("https://github.com/backstage/backstage/releases"),
        license: text("Apache-2.0"),
        support: Some(Support {
            email: text("support@backstage.io"),
            documentation: text("https://backstage.io/docs"),
            issues: text("https://github.com/backstage/backstage/issues"),
            ..Support::default()
        }),
        pricing: Some(Pricing { model: "free".to_owned(), price: None, currency: None }),
        features: texts(&["Automatic entity discovery", "Custom processors", "API integration"]),
        platforms: texts(&["linux", "darwin", "win32"]),
        ..Description::default()
    }
}

pub(crate) fn release(version: &str) -> ReleaseView {
    ReleaseView {
        version: version.parse().unwrap(),
        published_at: time("2024-08-01T00:00:00Z"),
        artifact: Artifact {
            sha256: Digest::of_bytes([7; 32]),
            size: 1_000,
            format: PackageFormat::Zip,
            content_checksum: None,
        },
        manifest: json!({"name": "catalog-backend"}),
        engines: ranges(&[("backstage", "^1.35.0"), ("node", ">=18.0.0")]),
        dependencies: ranges(&[("@backstage/core", "^1.35.0")]),
        peer_dependencies: BTreeMap::new(),
        permissions: texts(&["catalog.read", "catalog.write"]),
        config_schema: None,
        changelog: Some("Bug fixes and improvements".to_owned()),
        readme: Some("# Catalog".to_owned()),
        prerelease: false,
        yanked: None,
        quarantine: None,
    }
}

pub(crate) fn imported() -> ImportedStatistics {
    ImportedStatistics {
        downloads: 50_000,
        monthly: Some(5_000),
        weekly: Some(1_200),
        daily: Some(180),
        stars: Some(25_000),
        forks: Some(5_000),
        issues: Some(234),
        contributors: Some(450),
        last_commit: Some(time("2024-08-07T09:00:00Z")),
        ..ImportedStatistics::default()
    }
}

pub(crate) fn publisher(verified: bool) -> PublisherView {
    PublisherView {
        name: "Spotify".to_owned(),
        number: 456,
        owner: None,
        display_name: None,
        email: None,
        url: None,
        verified: verified.then(verification),
        created_at: time("2024-01-01T00:00:00Z"),
    }
}

/// The card of the same plugin.
pub(crate) fn card() -> Card {
    let PluginView { id, number, publisher, name, kind, origin, description, created_at, updated_at, .. } =
        catalog_backend();
    let release = release("1.2.3");
    Card {
        id,
        number,
        publisher,
        name,
        kind,
        origin,
        display_name: description.display_name,
        summary: description.summary,
        author: description.author,
        category: description.category,
        tags: description.tags,
        icon: description.icon,
        screenshots: description.screenshots,
        homepage: description.homepage,
        repository: description.repository,
        documentation: description.documentation,
        license: description.license,
        pricing: description.pricing,
        platforms: description.platforms,
        labels: BTreeMap::new(),
        briefs: BTreeMap::new(),
        latest_version: release.version.to_string(),
        artifact: Some(release.artifact),
        engines: release.engines,
        dependencies: release.dependencies,
        verified: true,
        featured: false,
        deprecated: None,
        created_at,
        updated_at,
        downloads: 50_000,
        rating: catalog_backend().counted.rating,
    }
}

pub(crate) fn review() -> Shown {
    let review = ReviewView {
        id: ReviewId(Uuid::from_u128(789)),
        number: 789,
        plugin: PluginId(Uuid::from_u128(123)),
        account: AccountId(Uuid::from_u128(101)),
        user_number: 101,
        user_name: None,
        avatar: None,
        written: Written {
            rating: Rating::new(5).unwrap(),
            title: "Excellent plugin!".to_owned(),
            text: "Works perfectly with our setup...".to_owned(),
            version: None,
        },
        helpful: 45,
        unhelpful: 0,
        is_hidden: false,
        is_withdrawn: false,
        created_at: time("2024-08-01T10:00:00Z"),
        edited_at: None,
    };
    let avatar = Some("https://example.com/avatar.png".to_owned());
    Shown { review, user_name: "John Doe".to_owned(), avatar }
}
