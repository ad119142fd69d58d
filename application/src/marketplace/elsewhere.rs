//! Who else lists a plugin, and what is known of it without asking him.

use std::{collections::HashMap, sync::Arc};

use super::{OneMarketplace, failed};
use crate::{
    failure::Failure,
    ports::marketplace::Marketplace,
    queries::{listings::Taken, repositories::RepositoryView},
    syncing::{CONFIGURED, MARKETPLACE},
};

/// The repositories as they are now.
pub(super) struct Repositories(Vec<RepositoryView>);

/// A plugin of elsewhere: whom to ask, and what is known anyway.
pub(super) struct Elsewhere {
    /// None: nobody is to be asked.
    pub(super) live: Option<Arc<dyn Marketplace>>,
    pub(super) taken: Option<Taken>,
}

impl Repositories {
    pub(super) fn shown(&self) -> impl Iterator<Item = &RepositoryView> {
        self.0.iter().filter(|view| view.kind == MARKETPLACE && view.is_shown())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.shown().map(|view| view.name.clone()).collect()
    }

    pub(super) fn is_any_read(&self) -> bool {
        self.shown().next().is_some()
    }

    pub(super) fn is_stale(&self) -> bool {
        self.shown().any(RepositoryView::is_failing)
    }

    /// The marketplace of the settings may be asked.
    pub(super) fn is_configured_enabled(&self) -> bool {
        self.0.iter().find(|view| view.name == CONFIGURED).is_none_or(|view| view.enabled)
    }
}

impl OneMarketplace {
    pub(super) async fn repositories(&self) -> Result<Repositories, Failure> {
        Ok(Repositories(self.repositories.all().await.map_err(failed)?))
    }

    pub(super) async fn elsewhere(&self, author: &str, name: &str) -> Result<Elsewhere, Failure> {
        let repositories = self.repositories().await?;
        let taken = if repositories.is_any_read() {
            self.taken(&repositories, &[(author.to_owned(), name.to_owned())]).await?.pop()
        } else {
            None
        };
        let of = |taken: &Taken| repositories.0.iter().find(|view| view.name == taken.repository);
        let live = match taken.as_ref().and_then(of) {
            Some(view) => Some(self.upstreams.of(view)? as Arc<dyn Marketplace>),
            None => repositories.is_configured_enabled().then(|| self.upstream.clone()),
        };
        Ok(Elsewhere { live, taken })
    }

    /// One for each name, of the first repository that lists it.
    pub(super) async fn taken(
        &self,
        repositories: &Repositories,
        names: &[(String, String)],
    ) -> Result<Vec<Taken>, Failure> {
        let shown = repositories.names();
        let mut first: HashMap<(String, String), Taken> = HashMap::new();
        for taken in self.listings.named(names).await.map_err(failed)? {
            let name = (taken.listing.author.clone(), taken.listing.name.clone());
            if shown.contains(&taken.repository) {
                first.entry(name).or_insert(taken);
            }
        }
        Ok(names.iter().filter_map(|name| first.remove(name)).collect())
    }
}
