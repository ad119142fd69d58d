//! Which process answers for which installation.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use domain::values::InstallationId;

use crate::ports::hosting::InstanceId;

/// The process that is talked to, and those beside it: one that is not ready yet, or one that finishes its work.
#[derive(Debug, Default)]
pub struct Router(Mutex<Routes>);

#[derive(Debug, Default)]
struct Routes {
    /// This node hosts plugins.
    is_open: bool,
    current: HashMap<InstallationId, InstanceId>,
    owners: HashMap<InstanceId, InstallationId>,
}

impl Router {
    /// Of a node that hosts plugins.
    pub fn opened() -> Self {
        let router = Self::default();
        router.open();
        router
    }

    /// From now on processes may be started here.
    pub(crate) fn open(&self) {
        self.routes().is_open = true;
    }

    pub fn is_open(&self) -> bool {
        self.routes().is_open
    }

    pub fn current(&self, installation: InstallationId) -> Option<InstanceId> {
        self.routes().current.get(&installation).copied()
    }

    /// Whose process it is.
    pub fn owner(&self, instance: InstanceId) -> Option<InstallationId> {
        self.routes().owners.get(&instance).copied()
    }

    pub fn is_current(&self, instance: InstanceId) -> bool {
        let routes = self.routes();
        routes.owners.get(&instance).is_some_and(|owner| routes.current.get(owner) == Some(&instance))
    }

    /// Known, and not talked to yet.
    pub(crate) fn announce(&self, installation: InstallationId, instance: InstanceId) {
        self.routes().owners.insert(instance, installation);
    }

    /// From now on this one is talked to.
    pub(crate) fn switch(&self, installation: InstallationId, instance: InstanceId) {
        let mut routes = self.routes();
        routes.owners.insert(instance, installation);
        routes.current.insert(installation, instance);
    }

    /// Nothing more is sent to it.
    pub(crate) fn close(&self, installation: InstallationId) -> Option<InstanceId> {
        self.routes().current.remove(&installation)
    }

    pub(crate) fn forget(&self, instance: InstanceId) {
        let mut routes = self.routes();
        if let Some(owner) = routes.owners.remove(&instance)
            && routes.current.get(&owner) == Some(&instance)
        {
            routes.current.remove(&owner);
        }
    }

    /// All processes of an installation but this one.
    pub(crate) fn others(&self, installation: InstallationId, but: InstanceId) -> Vec<InstanceId> {
        let routes = self.routes();
        let others =
            routes.owners.iter().filter(|(instance, owner)| **owner == installation && **instance != but);
        others.map(|(instance, _)| *instance).collect()
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn messages_go_to_the_current_process_alone() {
        let router = Router::default();
        let installation = InstallationId(Uuid::from_u128(1));
        let (old, new) = (InstanceId(Uuid::from_u128(2)), InstanceId(Uuid::from_u128(3)));
        router.switch(installation, old);
        router.announce(installation, new);
        assert_eq!(router.current(installation), Some(old));
        router.switch(installation, new);
        assert_eq!((router.current(installation), router.others(installation, new)), (Some(new), vec![old]));
        router.forget(old);
        assert_eq!((router.owner(old), router.is_current(new)), (None, true));
        router.forget(new);
        assert_eq!(router.current(installation), None);
    }
}
