//! What lists need of a plugin, without the counters.

use application::queries::catalogue::{Card, PluginView, RatingView};

/// Empty where nothing is offered: such a plugin is in no list.
pub(super) fn card(view: &PluginView) -> Card {
    let about = &view.description;
    let latest = view.latest();
    Card {
        id: view.id,
        number: view.number,
        publisher: view.publisher.clone(),
        name: view.name.clone(),
        kind: view.kind,
        origin: view.origin.clone(),
        display_name: shown_name(view).to_owned(),
        summary: about.summary.clone(),
        author: about.author.clone(),
        category: about.category.clone(),
        tags: about.tags.clone(),
        icon: about.icon.clone(),
        screenshots: about.screenshots.clone(),
        homepage: about.homepage.clone(),
        repository: about.repository.clone(),
        documentation: about.documentation.clone(),
        license: about.license.clone(),
        pricing: about.pricing.clone(),
        platforms: about.platforms.clone(),
        labels: about.labels.clone(),
        briefs: about.briefs.clone(),
        latest_version: latest_version(view),
        artifact: latest.map(|release| release.artifact.clone()),
        engines: latest.map(|release| release.engines.clone()).unwrap_or_default(),
        dependencies: latest.map(|release| release.dependencies.clone()).unwrap_or_default(),
        verified: view.verified.is_some(),
        featured: view.featured,
        deprecated: view.deprecated.clone(),
        created_at: view.created_at,
        updated_at: view.updated_at,
        downloads: 0,
        rating: RatingView::default(),
    }
}

pub(super) fn latest_version(view: &PluginView) -> String {
    let version = view.latest().map(|release| release.version.to_string());
    let elsewhere = || view.upstream.as_ref().map(|upstream| upstream.version.clone());
    version.or_else(elsewhere).unwrap_or_default()
}

pub(super) fn shown_name(view: &PluginView) -> &str {
    let name = &view.description.display_name;
    if name.is_empty() { &view.name } else { name }
}
