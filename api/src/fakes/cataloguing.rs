//! The services of the catalogue over ports that are not there.

use std::sync::Arc;

use application::{
    counting::Counting, known_state::KnownState, ports::vault::Secret, publishing::Publishing,
    reviewing::Reviewing,
};

use super::Fakes;
use crate::{conditional::Validators, services::Cataloguing, wiring::Unset};

impl Fakes {
    pub(super) fn cataloguing(self: &Arc<Self>) -> Cataloguing {
        let identity = self.registry.identity();
        // Nobody runs the recording: nothing is counted here.
        let (counting, _) =
            Counting::new(Arc::new(Unset), self.clone(), self.clone(), self.clone(), Secret::from([0; 32]));
        Cataloguing {
            catalogue: Arc::new(Unset),
            reviews: Arc::new(Unset),
            downloads: Arc::new(Unset),
            activity: Arc::new(Unset),
            repositories: Arc::new(Unset),
            publishing: Publishing {
                plugins: Arc::new(Unset),
                publishers: Arc::new(Unset),
                claims: Arc::new(Unset),
                catalogue: Arc::new(Unset),
                reader: Arc::new(Unset),
                scanner: Arc::new(Unset),
                numbers: Arc::new(Unset),
                blobs: self.clone(),
                freshness: self.clone(),
                clock: self.clone(),
                ids: self.clone(),
            },
            reviewing: Reviewing {
                reviews: Arc::new(Unset),
                queries: Arc::new(Unset),
                catalogue: Arc::new(Unset),
                numbers: Arc::new(Unset),
                vault: identity.vault.clone(),
                freshness: self.clone(),
                clock: self.clone(),
            },
            counting,
            validators: Arc::new(Validators::new(KnownState::new(Arc::new(Unset), &[]), self.clone())),
        }
    }
}
