//! Equal jobs at the same time on one node: one works, the others wait for its result.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use domain::values::{Digest, GroupId};
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedMutexGuard;

use super::acquiring::Promise;

type Gate = tokio::sync::Mutex<()>;

/// Groups whose input is remembered; an older one is fetched again.
const MOST_INPUTS: usize = 1_024;

/// One gate per result key, for as long as somebody holds or awaits it.
#[derive(Debug, Default)]
pub struct Sharing {
    gates: Mutex<HashMap<Digest, Weak<Gate>>>,
    inputs: Mutex<HashMap<GroupId, (Digest, Option<Promise>)>>,
}

impl Sharing {
    /// Returns when nobody else works on this key; the next one goes on when the guard is dropped.
    pub async fn only(&self, key: &Digest) -> OwnedMutexGuard<()> {
        self.gate(key).lock_owned().await
    }

    /// Returns when nobody else fetches the input of this group.
    pub(super) async fn first_of(&self, group: GroupId) -> OwnedMutexGuard<()> {
        self.only(&Digest::of_bytes(Sha256::digest(group.0).into())).await
    }

    pub(super) fn input(&self, group: GroupId) -> Option<(Digest, Option<Promise>)> {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).get(&group).cloned()
    }

    pub(super) fn remember(&self, group: GroupId, input: Digest, promised: Option<Promise>) {
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        if inputs.len() >= MOST_INPUTS {
            inputs.clear();
        }
        inputs.insert(group, (input, promised));
    }

    fn gate(&self, key: &Digest) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(key).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::new(Gate::default());
        gates.insert(key.clone(), Arc::downgrade(&gate));
        gate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_waits_for_the_first_and_other_keys_do_not() {
        let (sharing, key) = (Sharing::default(), Digest::of_bytes([1; 32]));
        let first = sharing.only(&key).await;
        let other = sharing.only(&Digest::of_bytes([2; 32])).await;
        assert!(sharing.gate(&key).try_lock().is_err());
        drop((first, other));
        let _second = sharing.only(&key).await;
        assert_eq!(sharing.gates.lock().unwrap().len(), 1, "gates nobody holds are forgotten");
    }
}
