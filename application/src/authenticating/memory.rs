//! Keys found good, by secret and by id; bounded, least recently used out, and not trusted once nobody has looked for
//! revocations for a while.

use std::{
    collections::HashMap,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::values::{Digest, KeyId};
use lru::LruCache;
use tokio::time::Instant;

use crate::queries::keys::KeyView;

const KEYS: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Together with the time between two looks it stays below the two seconds in which a revocation must hold.
const TRUSTED: Duration = Duration::from_millis(1_500);
/// More changes than this at once, as after a rebuild, are not remembered one by one.
const FORGOTTEN: usize = 4_096;

pub(super) struct Memory(Mutex<State>);

struct State {
    by_id: LruCache<KeyId, Arc<KeyView>>,
    by_secret: LruCache<Digest, KeyId>,
    /// When the first look for revocations had ended: what was read before may have been revoked unseen.
    since: Option<Instant>,
    /// When the last successful look for revocations began.
    looked: Option<Instant>,
    /// What was just forgotten, so that an answer read before is not put back.
    forgotten: HashMap<KeyId, Instant>,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Mutex::new(State {
            by_id: LruCache::new(KEYS),
            by_secret: LruCache::new(KEYS),
            since: None,
            looked: None,
            forgotten: HashMap::new(),
        }))
    }
}

impl State {
    /// What was read before `now` does not come in any more.
    fn empty(&mut self, now: Instant) {
        self.by_id.clear();
        self.by_secret.clear();
        self.forgotten.clear();
        self.since = self.since.map(|_| now);
    }
}

impl Memory {
    pub(super) fn by_secret(&self, sha256: &Digest) -> Option<Arc<KeyView>> {
        let mut state = self.trusted()?;
        let id = *state.by_secret.get(sha256)?;
        // A refreshed session has another secret by now.
        state.by_id.get(&id).filter(|key| key.secret_sha256 == *sha256).cloned()
    }

    pub(super) fn by_id(&self, id: KeyId) -> Option<Arc<KeyView>> {
        self.trusted()?.by_id.get(&id).cloned()
    }

    /// `read` is when the question was asked. What took long to be answered is not kept, so that what was forgotten
    /// need not be remembered for long.
    pub(super) fn put(&self, key: KeyView, read: Instant) -> Arc<KeyView> {
        let key = Arc::new(key);
        let mut state = self.lock();
        let unseen = state.since.is_none_or(|since| read <= since) || read.elapsed() >= TRUSTED;
        if !unseen && state.forgotten.get(&key.id).is_none_or(|when| *when < read) {
            state.by_secret.put(key.secret_sha256.clone(), key.id);
            state.by_id.put(key.id, key.clone());
        }
        key
    }

    pub(super) fn forget(&self, changed: &[KeyId]) {
        let now = Instant::now();
        let mut state = self.lock();
        state.forgotten.retain(|_, when| now.duration_since(*when) < TRUSTED);
        if state.forgotten.len() + changed.len() > FORGOTTEN {
            state.empty(now);
            return;
        }
        for id in changed {
            state.by_id.pop(id);
            state.forgotten.insert(*id, now);
        }
    }

    pub(super) fn forget_all(&self) {
        self.lock().empty(Instant::now());
    }

    pub(super) fn looked(&self, began: Instant) {
        let mut state = self.lock();
        state.looked = Some(began);
        state.since.get_or_insert_with(Instant::now);
    }

    fn trusted(&self) -> Option<MutexGuard<'_, State>> {
        let state = self.lock();
        state.looked.is_some_and(|looked| looked.elapsed() < TRUSTED).then_some(state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
