//! Folded aggregates in memory: bounded, least recently used out.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
};

use lru::LruCache;

const STREAMS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16_383);

/// A stream as it was after its event number `version`.
#[derive(Debug, Clone)]
pub(super) struct Folded<A> {
    pub(super) state: A,
    pub(super) version: i64,
    pub(super) chain: [u8; 32],
}

pub(super) struct FoldedCache<A>(Mutex<LruCache<String, Arc<Folded<A>>>>);

impl<A> Default for FoldedCache<A> {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(STREAMS)))
    }
}

impl<A> FoldedCache<A> {
    pub(super) fn get(&self, id: &str) -> Option<Arc<Folded<A>>> {
        self.lock().get(id).cloned()
    }

    /// An older version never replaces a newer one.
    pub(super) fn put(&self, id: &str, folded: Folded<A>) {
        let mut cache = self.lock();
        if cache.peek(id).is_none_or(|cached| cached.version < folded.version) {
            cache.put(id.to_owned(), Arc::new(folded));
        }
    }

    pub(super) fn forget(&self, id: &str) {
        self.lock().pop(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<String, Arc<Folded<A>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
