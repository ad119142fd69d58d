mod changes;
mod devices;
mod keys;
mod locked;
mod people;

use std::sync::Arc;

use domain::values::{Dialect, Role};

use super::*;
use crate::fakes::{Registry, caller, wish};

/// The service over ports in memory, and what it was made of.
struct Ground {
    registry: Arc<Registry>,
    identity: Identity,
}

impl Ground {
    fn new() -> Self {
        let registry = Registry::at(chrono::DateTime::UNIX_EPOCH);
        Self { identity: registry.identity(), registry }
    }

    async fn issued(&self, owner: &str, dialect: Dialect, role: Role) -> IssuedKey {
        let wish = wish(owner, dialect, role);
        self.identity.issue(&Principal::bootstrap(), wish, caller()).await.unwrap()
    }

    /// Whoever holds such a key.
    async fn holder(&self, owner: &str, role: Role) -> Principal {
        let key = self.issued(owner, Dialect::Nexus, role).await;
        Principal::of(&self.identity.keys.by_id(key.id).await.unwrap().unwrap())
    }

    async fn with_password(&self, name: &str, password: &str) -> AccountId {
        let (name, password) = (name.parse().unwrap(), Some(password.to_owned().into()));
        self.identity.set_account(&Principal::bootstrap(), &name, None, password, &caller()).await.unwrap()
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<OpenedSession, Error> {
        self.identity.log_in(name, password.to_owned().into(), Dialect::Nexus, caller()).await
    }

    async fn live_keys(&self) -> usize {
        let page = self.identity.keys(&Principal::bootstrap(), 100, 0).await.unwrap();
        page.keys.iter().filter(|key| key.view.revoked_at.is_none()).count()
    }
}

/// Under an idempotency key, for a request with this hash.
fn repeated(hash: u8) -> Caller {
    Caller { once: Some(("the-same".to_owned(), [hash; 32])), ..caller() }
}
