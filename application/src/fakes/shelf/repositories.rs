//! Repositories and what they list, folded from what was recorded.

use std::collections::{BTreeMap, BTreeSet};

use application::{
    Error,
    queries::{
        listings::{ListingQueries, Taken},
        repositories::{RepositoryQueries, RepositoryView},
    },
};
use async_trait::async_trait;
use domain::{
    recorded::{Event, Recorded},
    repository::RepositoryEvent,
};

use super::Shelf;

#[async_trait]
impl RepositoryQueries for Shelf {
    async fn all(&self) -> Result<Vec<RepositoryView>, Error> {
        let mut views = BTreeMap::new();
        for recorded in self.recorded() {
            fold(&mut views, &recorded);
        }
        let listed = taken(&self.recorded());
        let count = |name: &str| listed.keys().filter(|(repository, _)| repository == name).count() as u64;
        Ok(views.into_values().map(|view| RepositoryView { plugins: count(&view.name), ..view }).collect())
    }
}

#[async_trait]
impl ListingQueries for Shelf {
    async fn of(&self, repository: &str) -> Result<BTreeMap<String, Taken>, Error> {
        let all = taken(&self.recorded()).into_iter();
        Ok({ all }.filter(|((name, _), _)| name == repository).map(|((_, id), taken)| (id, taken)).collect())
    }

    async fn named(&self, plugins: &[(String, String)]) -> Result<Vec<Taken>, Error> {
        let is_named =
            |taken: &Taken| plugins.contains(&(taken.listing.author.clone(), taken.listing.name.clone()));
        Ok(taken(&self.recorded()).into_values().filter(is_named).collect())
    }

    async fn authors(&self, repositories: &[String]) -> Result<BTreeSet<String>, Error> {
        let those = taken(&self.recorded()).into_values();
        Ok({ those }
            .filter(|taken| repositories.contains(&taken.repository))
            .map(|taken| taken.listing.author)
            .collect())
    }
}

fn fold(views: &mut BTreeMap<String, RepositoryView>, recorded: &Recorded) {
    let Event::Repository(name, event) = &recorded.event else { return };
    if let RepositoryEvent::RepositoryAdded(added) = event {
        let view = RepositoryView {
            name: name.clone(),
            url: added.url.clone(),
            description: added.description.clone(),
            kind: added.kind.clone(),
            enabled: true,
            plugins: 0,
            cursor: None,
            synced_at: None,
            last_error: None,
            failed_at: None,
        };
        views.insert(name.clone(), view);
        return;
    }
    let Some(view) = views.get_mut(name) else { return };
    match event {
        RepositoryEvent::RepositoryAdded(_) | RepositoryEvent::ListingsObserved { .. } => {}
        RepositoryEvent::RepositoryEnabled {} => view.enabled = true,
        RepositoryEvent::RepositoryDisabled { .. } => view.enabled = false,
        RepositoryEvent::RepositorySynced { cursor, .. } => {
            (view.cursor, view.synced_at) = (Some(cursor.clone()), Some(recorded.recorded_at));
        }
        RepositoryEvent::RepositorySyncFailed { error } => {
            (view.last_error, view.failed_at) = (Some(error.clone()), Some(recorded.recorded_at));
        }
    }
}

/// By repository and `author/name`.
pub(super) fn taken(log: &[Recorded]) -> BTreeMap<(String, String), Taken> {
    let mut all = BTreeMap::new();
    for recorded in log {
        let Event::Repository(repository, RepositoryEvent::ListingsObserved { listings, gone }) =
            &recorded.event
        else {
            continue;
        };
        for listing in listings {
            let id = format!("{}/{}", listing.author, listing.name);
            let taken =
                Taken { repository: repository.clone(), listing: listing.clone(), at: recorded.recorded_at };
            all.insert((repository.clone(), id), taken);
        }
        for id in gone {
            all.remove(&(repository.clone(), id.clone()));
        }
    }
    all
}
