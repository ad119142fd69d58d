//! Whoever lost a race for a stream waits for its turn there: of many who change one stream at once, each is decided
//! once more instead of losing again and again. Streams that nobody fights for cost nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Entries whose turn nobody holds any more are dropped when there are so many.
const MOST_IDLE: usize = 1_024;

#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, Weak<Turn<()>>>>);

impl Turns {
    /// Held until the guard is dropped.
    pub(super) async fn take(&self, stream: &str) -> OwnedMutexGuard<()> {
        self.of(stream).lock_owned().await
    }

    /// Whoever comes while others wait goes behind them: nobody overtakes a turn again and again.
    pub(super) async fn behind_others(&self, stream: &str) -> Option<OwnedMutexGuard<()>> {
        let fought_for = {
            let turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.get(stream).and_then(Weak::upgrade)
        };
        match fought_for {
            Some(turn) => Some(turn.lock_owned().await),
            None => None,
        }
    }

    fn of(&self, stream: &str) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(stream).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= MOST_IDLE {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Turn::default());
        turns.insert(stream.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_has_one_turn_and_another_stream_its_own() {
        let turns = Turns::default();
        assert!(turns.behind_others("a").await.is_none(), "nobody waits there");
        let held = turns.take("a").await;
        assert!(turns.behind_others("b").await.is_none());
        let other = turns.take("b").await;
        assert!(turns.of("a").try_lock().is_err());
        drop(held);
        assert!(turns.of("a").try_lock().is_ok());
        drop(other);
    }

    #[tokio::test]
    async fn turns_that_nobody_holds_do_not_pile_up() {
        let turns = Turns::default();
        for stream in 0..=MOST_IDLE {
            drop(turns.take(&stream.to_string()).await);
        }
        assert!(turns.0.lock().unwrap().len() < MOST_IDLE);
    }
}
