//! Plugins of other catalogues, as rows of ours.

use application::queries::catalogue::{Counted, Origin, PluginView, Upstream, Verification};
use chrono::{DateTime, Utc};
use domain::{
    plugin::{Author, Description, ImportedStatistics, PluginKind},
    repository::Listing,
    values::{Dialect, PluginId},
};
use uuid::Uuid;

/// Ids of listings are made from where they are and what they are called: a repeat is recognised.
const NAMESPACE: Uuid = Uuid::from_u128(0x8e2c_40b7_19d5_4f0e_a3a6_51c7_d2f9_0b64);

/// Of `author/name` in a repository.
pub(super) fn id(repository: &str, pair: &str) -> PluginId {
    let text = format!("{repository} {}", pair.to_ascii_lowercase());
    PluginId(Uuid::new_v5(&NAMESPACE, text.as_bytes()))
}

/// What is listed stands in Dify's marketplace; its releases are elsewhere.
pub(super) fn view(repository: &str, listing: Listing, observed_at: DateTime<Utc>) -> PluginView {
    let updated_at = listing.updated_at.or(listing.created_at).unwrap_or(observed_at);
    let evidence = format!("verified by the repository {repository}");
    let verification = Verification { method: "upstream".to_owned(), evidence, at: observed_at };
    PluginView {
        id: id(repository, &format!("{}/{}", listing.author, listing.name)),
        number: 0,
        owner: None,
        kind: PluginKind::Plugin,
        origin: Origin::Upstream(repository.to_owned()),
        upstream: Some(Upstream { version: listing.latest_version, checksum: listing.checksum }),
        description: Description {
            display_name: listing.display_name,
            summary: listing.description,
            long_description: listing.readme,
            author: Some(Author { name: listing.author.clone(), email: None, url: None }),
            category: Some(listing.category).filter(|category| !category.is_empty()),
            tags: listing.tags,
            repository: listing.repository,
            labels: listing.labels,
            briefs: listing.briefs,
            ..Description::default()
        },
        publisher: listing.author,
        name: listing.name,
        listed: [Dialect::Dify].into(),
        releases: Vec::new(),
        verified: listing.verified.then_some(verification),
        featured: false,
        deprecated: None,
        quarantine: None,
        removed: None,
        imported: Some(ImportedStatistics {
            source: repository.to_owned(),
            downloads: listing.download_count,
            ..ImportedStatistics::default()
        }),
        created_at: listing.created_at.unwrap_or(updated_at),
        updated_at,
        counted: Counted::default(),
    }
}
