//! The services of the catalogue over a shelf in memory.

use std::sync::Arc;

use application::{
    counting::Counting,
    known_state::{KnownState, Noticing},
    ports::{freshness::Freshness, vault::Secret},
    principal::Principal,
    publishing::{Asker, Expects, Order, Publishing},
    queries::catalogue::CatalogueQueries as _,
    reviewing::Reviewing,
    signal::Signal,
    syncing::Syncing,
};
use domain::{
    plugin::PackageFormat,
    values::{Dialect, PluginId},
};
use tokio_util::task::TaskTracker;

use super::{
    Fakes, caller,
    marketplace::Everywhere,
    shelf::{packed, prepared},
    unset::Unset,
};
use crate::{
    conditional::Validators,
    services::{Cataloguing, Services},
};

impl Fakes {
    pub(super) fn cataloguing(self: &Arc<Self>) -> Cataloguing {
        let identity = self.registry.identity();
        let noticed = Signal::default();
        let state = KnownState::new(self.shelf.clone(), &[&noticed]);
        let freshness: Arc<dyn Freshness> = Arc::new(Noticing { freshness: self.clone(), noticed });
        let (counting, recording) = Counting::new(
            self.shelf.clone(),
            freshness.clone(),
            self.clone(),
            self.clone(),
            Secret::from([0; 32]),
        );
        TaskTracker::new().spawn(recording);
        Cataloguing {
            catalogue: self.shelf.clone(),
            reviews: self.shelf.clone(),
            downloads: self.shelf.clone(),
            activity: Arc::new(Unset),
            repositories: self.shelf.clone(),
            syncing: Syncing {
                commands: self.shelf.clone(),
                repositories: self.shelf.clone(),
                listings: self.shelf.clone(),
                upstreams: Arc::new(Everywhere(self.clone())),
                turns: self.clone(),
                freshness: self.clone(),
                clock: self.clone(),
            },
            publishing: Publishing {
                plugins: self.shelf.clone(),
                publishers: self.shelf.clone(),
                claims: self.shelf.clone(),
                catalogue: self.shelf.clone(),
                reader: self.shelf.clone(),
                scanner: self.shelf.clone(),
                numbers: self.shelf.clone(),
                blobs: self.clone(),
                freshness: freshness.clone(),
                clock: self.clone(),
                ids: self.clone(),
            },
            reviewing: Reviewing {
                reviews: self.shelf.clone(),
                queries: self.shelf.clone(),
                catalogue: self.shelf.clone(),
                numbers: self.shelf.clone(),
                vault: identity.vault.clone(),
                freshness: freshness.clone(),
                clock: self.clone(),
            },
            counting,
            validators: Arc::new(Validators::new(state, self.clone())),
        }
    }
}

/// Publishes a package without more than a name where Inkdrop lists it.
pub(crate) async fn published(
    fakes: &Fakes,
    services: &Services,
    format: PackageFormat,
    name: &str,
    version: &str,
) -> PluginId {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("package");
    std::fs::write(&file, packed(&prepared(format, None, name, version))).unwrap();
    let order = Order {
        formats: vec![format],
        dialects: vec![Dialect::Inkdrop],
        name: None,
        version: None,
        publisher: None,
        repository: None,
        changelog: None,
        expects: Expects::NewPlugin,
        dry_run: false,
    };
    let by = Asker { principal: &Principal::bootstrap(), caller: caller() };
    let published = services.publishing.publish(&file, order, by).await.unwrap();
    assert!(fakes.shelf.current(published.plugin).await.unwrap().is_some());
    published.plugin
}

mod tests {
    use application::publishing::PublishOutcome;

    use super::*;

    #[tokio::test]
    async fn what_is_published_in_memory_is_shown_at_once() {
        let fakes = Fakes::new();
        let Cataloguing { publishing, catalogue, .. } = fakes.cataloguing();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("notes.tar.gz");
        std::fs::write(&file, packed(&prepared(PackageFormat::Tarball, None, "notes", "1.0.0"))).unwrap();
        let order = Order {
            formats: vec![PackageFormat::Tarball],
            dialects: vec![Dialect::Inkdrop],
            name: None,
            version: None,
            publisher: None,
            repository: None,
            changelog: None,
            expects: Expects::NewPlugin,
            dry_run: false,
        };
        let by = Asker { principal: &Principal::bootstrap(), caller: caller() };
        let published = publishing.publish(&file, order, by).await.unwrap();
        assert_eq!(published.outcome, PublishOutcome::NewPlugin);
        let view = catalogue.current(published.plugin).await.unwrap().unwrap();
        assert!(view.is_visible(Dialect::Inkdrop));
    }
}
