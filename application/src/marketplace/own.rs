//! What is published here, as a marketplace shows it.

use std::collections::BTreeMap;

use domain::{repository::Listing, values::Dialect};

use super::{OneMarketplace, failed};
use crate::{
    failure::Failure,
    ports::marketplace::{CATEGORIES, Category, ListedVersion, Page, Search, Shown, category_id},
    queries::{
        catalogue::{Card, Facet, Find, Order, Origin, PluginView, ReleaseView, Sort},
        listings::Taken,
    },
};

/// Names of categories that packages and questions may use, beside the ids.
const OLDER: [(&str, &str); 2] = [("agent-strategy", "agent"), ("extension", "endpoint")];

pub(super) fn is_shown(view: &PluginView) -> bool {
    view.origin == Origin::Own && view.is_visible(Dialect::Dify)
}

impl OneMarketplace {
    /// A page of the catalogue.
    pub(super) async fn found(&self, search: &Search, upstream: bool) -> Result<Page, Failure> {
        let size = search.per_page.max(1);
        let offset = (u64::from(search.page.max(1)) - 1) * u64::from(size);
        let find = Find { upstream, ..asked(search) };
        let part = async |featured, offset, limit| {
            let find = Find { featured, offset, limit, ..find.clone() };
            let found = self.catalogue.find(&find).await.map_err(failed)?;
            let mut plugins: Vec<Shown> = found.cards.into_iter().map(of_card).collect();
            self.identify(&mut plugins).await?;
            Ok::<_, Failure>(Page { plugins, total: found.total })
        };
        if !search.featured_first {
            return part(None, offset, size).await;
        }
        let mut page = part(Some(true), offset, size).await?;
        let room = size - u32::try_from(page.plugins.len()).unwrap_or(size);
        let others = part(Some(false), offset.saturating_sub(page.total), room).await?;
        page.plugins.extend(others.plugins);
        page.total += others.total;
        Ok(page)
    }

    /// A card says nothing of the content of what is elsewhere; its listing does.
    async fn identify(&self, plugins: &mut [Shown]) -> Result<(), Failure> {
        let name = |shown: &Shown| (shown.listing.author.clone(), shown.listing.name.clone());
        let names: Vec<_> = plugins.iter().filter(|shown| !shown.hosted).map(name).collect();
        if names.is_empty() {
            return Ok(());
        }
        let listed = self.listings.named(&names).await.map_err(failed)?;
        for shown in plugins.iter_mut().filter(|shown| !shown.hosted) {
            let is_it = |taken: &&Taken| {
                let listing = &taken.listing;
                (&listing.author, &listing.name, &listing.latest_version)
                    == (&shown.listing.author, &shown.listing.name, &shown.listing.latest_version)
            };
            shown.listing.checksum =
                listed.iter().find(is_it).and_then(|taken| taken.listing.checksum.clone());
        }
        Ok(())
    }

    /// The six, with what the catalogue has of each.
    pub(super) async fn counted(&self, upstream: bool) -> Result<Vec<Category>, Failure> {
        let find = Find { upstream, facets: true, limit: 1, ..Find::in_dialect(Dialect::Dify) };
        let facets = self.catalogue.find(&find).await.map_err(failed)?.categories;
        let count = |id: &str| {
            let those = facets.iter().filter(|facet: &&Facet| category_id(&facet.name) == Some(id));
            those.map(|facet| facet.count).sum()
        };
        let category =
            |(id, name, description, icon)| Category { id, name, description, icon, plugin_count: count(id) };
        Ok(CATEGORIES.map(category).to_vec())
    }
}

fn asked(search: &Search) -> Find {
    let usual = Sort::Relevance;
    let by_words = search.query.is_some();
    let order = search
        .order
        .unwrap_or(Order { by: if by_words { usual } else { Sort::Downloads }, descending: true });
    let mut categories: Vec<String> = search.category.into_iter().map(str::to_owned).collect();
    let older = OLDER.iter().filter(|(id, _)| search.category == Some(id));
    categories.extend(older.map(|(_, older)| (*older).to_owned()));
    Find {
        text: search.query.clone(),
        publisher: search.author.clone(),
        categories,
        tags: search.tags.clone(),
        order,
        ..Find::in_dialect(Dialect::Dify)
    }
}

fn of_card(card: Card) -> Shown {
    let hosted = card.origin == Origin::Own;
    let listing = Listing {
        author: card.publisher,
        name: card.name,
        display_name: card.display_name,
        description: card.summary,
        category: card.category.unwrap_or_default(),
        tags: card.tags,
        latest_version: card.latest_version,
        created_at: Some(card.created_at),
        updated_at: Some(card.updated_at),
        download_count: card.downloads,
        verified: card.verified,
        readme: None,
        repository: card.repository,
        checksum: card.artifact.and_then(|artifact| artifact.content_checksum),
        labels: card.labels,
        briefs: card.briefs,
    };
    Shown {
        listing,
        featured: card.featured,
        rating: card.rating.average,
        license: card.license,
        homepage: card.homepage,
        dependencies: hosted.then_some(card.dependencies),
        screenshots: hosted.then_some(card.screenshots),
        deprecated: card.deprecated.map(|deprecation| (deprecation.reason, deprecation.replacement)),
        resource: None,
        hosted,
    }
}

pub(super) fn shown(view: &PluginView) -> Shown {
    let latest = view.latest();
    let description = &view.description;
    let text = |release: &ReleaseView| release.readme.clone();
    let listing = Listing {
        author: view.publisher.clone(),
        name: view.name.clone(),
        display_name: description.display_name.clone(),
        // The details have room for all of it.
        description: description.long_description.clone().unwrap_or_else(|| description.summary.clone()),
        category: description.category.clone().unwrap_or_default(),
        tags: description.tags.clone(),
        latest_version: latest.map(|release| release.version.to_string()).unwrap_or_default(),
        created_at: Some(view.created_at),
        updated_at: Some(view.updated_at),
        download_count: view.counted.downloads,
        verified: view.verified.is_some(),
        readme: latest.and_then(text),
        repository: description.repository.clone(),
        checksum: latest.and_then(|release| release.artifact.content_checksum.clone()),
        labels: description.labels.clone(),
        briefs: description.briefs.clone(),
    };
    Shown {
        listing,
        featured: view.featured,
        rating: view.counted.rating.average,
        license: description.license.clone(),
        homepage: description.homepage.clone(),
        dependencies: Some(latest.map(|release| release.dependencies.clone()).unwrap_or_default()),
        screenshots: Some(description.screenshots.clone()),
        deprecated: view.deprecated.clone().map(|deprecation| (deprecation.reason, deprecation.replacement)),
        resource: latest.and_then(|release| release.manifest.get("resource").cloned()),
        hosted: true,
    }
}

/// Newest first, without those that are held back.
pub(super) fn versions(view: &PluginView) -> Vec<ListedVersion> {
    let counts: &BTreeMap<String, u64> = &view.counted.downloads_by_version;
    let version = |release: &ReleaseView| {
        let version = release.version.to_string();
        ListedVersion {
            created_at: Some(release.published_at),
            changelog: release.changelog.clone(),
            checksum: release.artifact.content_checksum.clone(),
            download_count: Some(counts.get(&version).copied().unwrap_or(0)),
            artifact: Some(release.artifact.clone()),
            version,
        }
    };
    view.offered().map(version).collect()
}
