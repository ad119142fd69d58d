//! Data keys that were just read; bounded, and not believed for long: a key that another node has destroyed must not be
//! used here for more than two seconds.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use tokio::time::Instant;
use uuid::Uuid;

use super::sealing::DataKey;

const KEYS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();
const TRUSTED: Duration = Duration::from_millis(1_500);

pub(super) struct Memory(Mutex<State>);

struct State {
    keys: LruCache<Uuid, (DataKey, Instant)>,
    /// How many keys were destroyed here: an answer read before the last one is not kept.
    destroyed: u64,
}

/// When a question was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    at: Instant,
    destroyed: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Mutex::new(State { keys: LruCache::new(KEYS), destroyed: 0 }))
    }
}

impl Memory {
    pub(super) fn ask(&self) -> Asked {
        Asked { at: Instant::now(), destroyed: self.lock().destroyed }
    }

    pub(super) fn get(&self, id: Uuid) -> Option<DataKey> {
        let mut state = self.lock();
        let (key, read) = state.keys.get(&id)?;
        if read.elapsed() < TRUSTED {
            return Some(key.clone());
        }
        state.keys.pop(&id);
        None
    }

    pub(super) fn put(&self, id: Uuid, key: DataKey, asked: Asked) {
        let mut state = self.lock();
        if state.destroyed == asked.destroyed {
            state.keys.put(id, (key, asked.at));
        }
    }

    pub(super) fn destroy(&self, id: Uuid) {
        let mut state = self.lock();
        state.keys.pop(&id);
        state.destroyed += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_believed_for_less_than_two_seconds_after_it_was_asked_for() {
        let (memory, id, key) = (Memory::default(), Uuid::new_v4(), DataKey::generate().unwrap());
        let asked = memory.ask();
        tokio::time::advance(Duration::from_secs(1)).await;
        memory.put(id, key.clone(), asked);
        assert!(memory.get(id) == Some(key));
        tokio::time::advance(Duration::from_millis(999)).await;
        assert!(memory.get(id).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_destroyed_key_does_not_come_back_with_an_answer_that_was_on_its_way() {
        let (memory, id, key) = (Memory::default(), Uuid::new_v4(), DataKey::generate().unwrap());
        memory.put(id, key.clone(), memory.ask());
        let asked = memory.ask();
        memory.destroy(id);
        memory.put(id, key.clone(), asked);
        assert!(memory.get(id).is_none());
        memory.put(id, key, memory.ask());
        assert!(memory.get(id).is_some());
    }
}
