//! Reading the shelf. Search is by words of the name, the display name and the summary.

use application::{
    Error,
    queries::catalogue::{
        Card, CatalogueQueries, Facet, Find, Found, LookAlike, Origin, PluginView, PublisherView, Rank, Sort,
        State, Which,
    },
};
use async_trait::async_trait;
use domain::values::{AccountId, Dialect, Digest, PluginId, skeleton};

use super::{Shelf, folding};

#[async_trait]
impl CatalogueQueries for Shelf {
    async fn find(&self, find: &Find) -> Result<Found, Error> {
        let mut found: Vec<PluginView> = self.views().into_values().filter(|view| fits(view, find)).collect();
        found.sort_by(|one, other| {
            let order = match find.order.by {
                Sort::Relevance | Sort::Downloads => one.counted.downloads.cmp(&other.counted.downloads),
                Sort::Name => one.name.cmp(&other.name),
                Sort::Updated => one.updated_at.cmp(&other.updated_at),
                Sort::Created => one.created_at.cmp(&other.created_at),
                Sort::Rating => {
                    let average = |view: &PluginView| view.counted.rating.average.unwrap_or(0.0);
                    average(one).total_cmp(&average(other))
                }
            };
            let order = if find.order.descending { order.reverse() } else { order };
            let name = |view: &PluginView| (view.publisher.clone(), view.name.clone());
            order.then_with(|| name(one).cmp(&name(other)))
        });
        let total = found.len() as u64;
        let skip = usize::try_from(find.offset).unwrap_or(usize::MAX);
        let page: Vec<PluginView> = found.iter().skip(skip).take(find.limit as usize).cloned().collect();
        let rank = || Rank { score: 1.0, parts: vec![("name".to_owned(), 1.0)] };
        let facets = |names: fn(&PluginView) -> Vec<String>| {
            if find.facets { facets(&found, names) } else { Vec::new() }
        };
        Ok(Found {
            cards: page.iter().filter_map(card).collect(),
            ranks: find.text.iter().flat_map(|_| page.iter().map(|_| rank())).collect(),
            categories: facets(|view| view.description.category.iter().cloned().collect()),
            tags: facets(|view| view.description.tags.clone()),
            publishers: facets(|view| vec![view.publisher.clone()]),
            plugins: if find.whole { page } else { Vec::new() },
            total,
        })
    }

    async fn plugin(&self, which: &Which) -> Result<Option<PluginView>, Error> {
        let is_it = |view: &PluginView| match which {
            Which::Id(id) => view.id == *id,
            Which::Number(number) => view.number == *number,
            Which::Pair { publisher, name } => {
                view.publisher.eq_ignore_ascii_case(publisher) && view.name.eq_ignore_ascii_case(name)
            }
            Which::Word { dialect, name } => {
                view.listed.contains(dialect) && view.name.eq_ignore_ascii_case(name)
            }
        };
        let mut views: Vec<PluginView> = self.views().into_values().filter(is_it).collect();
        views.sort_by_key(|view| view.removed.is_some());
        Ok(views.into_iter().next())
    }

    async fn current(&self, plugin: PluginId) -> Result<Option<PluginView>, Error> {
        Ok(self.views().remove(&plugin))
    }

    async fn look_alikes(&self, name: &str, own: Option<AccountId>) -> Result<Vec<LookAlike>, Error> {
        self.seeing()?;
        let is_alike = |view: &PluginView| {
            skeleton(&view.name) == skeleton(name)
                && view.removed.is_none()
                && (own.is_none() || view.owner != own)
        };
        let alike = self.views().into_values().filter(is_alike);
        Ok({ alike }
            .map(|view| LookAlike { plugin: view.id, publisher: view.publisher, name: view.name })
            .collect())
    }

    async fn categories(&self, dialect: Dialect) -> Result<Vec<Facet>, Error> {
        let shown: Vec<_> = self.views().into_values().filter(|view| view.is_visible(dialect)).collect();
        Ok(facets(&shown, |view| view.description.category.iter().cloned().collect()))
    }

    async fn publishers(&self, dialect: Dialect) -> Result<Vec<String>, Error> {
        let shown = self.views().into_values().filter(|view| view.is_visible(dialect));
        let names: std::collections::BTreeSet<String> = shown.map(|view| view.publisher).collect();
        Ok(names.into_iter().collect())
    }

    async fn publisher(&self, name: &str) -> Result<Option<PublisherView>, Error> {
        Ok(folding::publishers(&self.recorded()).remove(&name.to_ascii_lowercase()))
    }

    async fn upstream_author(&self, name: &str) -> Result<Option<String>, Error> {
        let mut listed = super::repositories::taken(&self.recorded()).into_values();
        let listed = listed.find(|taken| taken.listing.author.eq_ignore_ascii_case(name));
        Ok(listed.map(|taken| taken.repository))
    }

    async fn of_publisher(&self, name: &str) -> Result<Vec<PluginId>, Error> {
        let views = self.views().into_values();
        Ok({ views }.filter(|view| view.publisher.eq_ignore_ascii_case(name)).map(|view| view.id).collect())
    }

    async fn related(&self, plugin: &PluginView, dialect: Dialect, most: u32) -> Result<Vec<Card>, Error> {
        let is_related = |view: &PluginView| {
            view.id != plugin.id
                && view.is_visible(dialect)
                && (view.description.category == plugin.description.category
                    || view.description.tags.iter().any(|tag| plugin.description.tags.contains(tag)))
        };
        let views: Vec<_> = self.views().into_values().filter(is_related).collect();
        Ok(views.iter().filter_map(card).take(most as usize).collect())
    }

    async fn uses(&self, sha256: &Digest) -> Result<bool, Error> {
        Ok(!self.holding(sha256).await?.is_empty())
    }

    async fn holding(&self, sha256: &Digest) -> Result<Vec<PluginView>, Error> {
        let holds = |view: &PluginView| {
            let icon = match &view.description.icon {
                Some(domain::plugin::Icon::Blob { sha256, .. }) => Some(sha256),
                Some(domain::plugin::Icon::Url(_)) | None => None,
            };
            icon == Some(sha256) || view.releases.iter().any(|release| release.artifact.sha256 == *sha256)
        };
        Ok(self.views().into_values().filter(holds).collect())
    }

    async fn quarantined(&self) -> Result<Vec<(PluginId, Option<String>, String)>, Error> {
        let mut held = Vec::new();
        for view in self.views().into_values().filter(|view| view.removed.is_none()) {
            held.extend(view.quarantine.map(|reason| (view.id, None, reason)));
            for release in view.releases {
                let version = release.version.to_string();
                held.extend(release.quarantine.map(|reason| (view.id, Some(version), reason)));
            }
        }
        Ok(held)
    }

    async fn state(&self) -> Result<State, Error> {
        let log = self.recorded();
        let at = log.last().map_or(chrono::DateTime::UNIX_EPOCH, |recorded| recorded.recorded_at);
        Ok(State { tag: log.len().to_string(), at })
    }
}

fn fits(view: &PluginView, find: &Find) -> bool {
    let about = &view.description;
    let text = format!("{} {} {}", view.name, about.display_name, about.summary).to_lowercase();
    let mut words = find.text.iter().flat_map(|text| text.split_whitespace()).map(str::to_lowercase);
    let any = |wanted: &[String], has: &dyn Fn(&String) -> bool| wanted.is_empty() || wanted.iter().any(has);
    view.is_visible(find.dialect)
        && (find.upstream || view.origin == Origin::Own)
        && words.all(|word| text.contains(&word))
        && find.publisher.as_ref().is_none_or(|name| view.publisher.eq_ignore_ascii_case(name))
        && any(&find.categories, &|category| about.category.as_ref() == Some(category))
        && any(&find.tags, &|tag| about.tags.contains(tag))
        && any(&find.components, &|component| about.components.contains(component))
        && (!find.themes_only || view.kind == domain::plugin::PluginKind::Theme)
        && find.verified.is_none_or(|verified| view.verified.is_some() == verified)
        && find.featured.is_none_or(|featured| view.featured == featured)
        && find.min_rating.is_none_or(|least| view.counted.rating.average.unwrap_or(0.0) >= least)
        && find.max_price.is_none_or(|most| {
            about.pricing.as_ref().and_then(|pricing| pricing.price).unwrap_or(0.0) <= most
        })
}

fn facets(views: &[PluginView], names: fn(&PluginView) -> Vec<String>) -> Vec<Facet> {
    let mut counts = std::collections::BTreeMap::<String, u64>::new();
    for name in views.iter().flat_map(names) {
        *counts.entry(name).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| Facet { name, count }).collect()
}

/// None: nothing of it is offered.
fn card(view: &PluginView) -> Option<Card> {
    let (latest, about) = (view.latest()?.clone(), view.description.clone());
    Some(Card {
        id: view.id,
        number: view.number,
        publisher: view.publisher.clone(),
        name: view.name.clone(),
        kind: view.kind,
        origin: view.origin.clone(),
        display_name: about.display_name,
        summary: about.summary,
        author: about.author,
        category: about.category,
        tags: about.tags,
        icon: about.icon,
        screenshots: about.screenshots,
        homepage: about.homepage,
        repository: about.repository,
        documentation: about.documentation,
        license: about.license,
        pricing: about.pricing,
        platforms: about.platforms,
        labels: about.labels,
        briefs: about.briefs,
        latest_version: latest.version.to_string(),
        artifact: Some(latest.artifact),
        engines: latest.engines,
        dependencies: latest.dependencies,
        verified: view.verified.is_some(),
        featured: view.featured,
        deprecated: view.deprecated.clone(),
        created_at: view.created_at,
        updated_at: view.updated_at,
        downloads: view.counted.downloads,
        rating: view.counted.rating.clone(),
    })
}
