//! The services of the catalogue over a shelf in memory.

use std::sync::Arc;

use application::{
    counting::Counting, known_state::KnownState, ports::vault::Secret, publishing::Publishing,
    reviewing::Reviewing, syncing::Syncing,
};

use super::{Fakes, marketplace::Everywhere};
use crate::{conditional::Validators, services::Cataloguing, wiring::Unset};

impl Fakes {
    pub(super) fn cataloguing(self: &Arc<Self>) -> Cataloguing {
        let identity = self.registry.identity();
        // Nobody runs the recording: nothing is counted here.
        let (counting, _) =
            Counting::new(Arc::new(Unset), self.clone(), self.clone(), self.clone(), Secret::from([0; 32]));
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
                freshness: self.clone(),
                clock: self.clone(),
                ids: self.clone(),
            },
            reviewing: Reviewing {
                reviews: self.shelf.clone(),
                queries: self.shelf.clone(),
                catalogue: self.shelf.clone(),
                numbers: self.shelf.clone(),
                vault: identity.vault.clone(),
                freshness: self.clone(),
                clock: self.clone(),
            },
            counting,
            validators: Arc::new(Validators::new(KnownState::new(self.shelf.clone(), &[]), self.clone())),
        }
    }
}

mod tests {
    use application::{
        principal::Principal,
        publishing::{Asker, Expects, Order, PublishOutcome},
    };
    use domain::{plugin::PackageFormat, values::Dialect};

    use super::*;
    use crate::fakes::{
        caller,
        shelf::{packed, prepared},
    };

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
