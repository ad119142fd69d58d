//! Answers by question: fresh for a while, kept beyond that for the time when nobody answers. Equal questions at the
//! same time are asked once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use application::{failure::Failure, ports::marketplace::Answer};
use futures::{
    FutureExt as _,
    future::{BoxFuture, WeakShared},
};
use lru::LruCache;

const MOST_ENTRIES: usize = 2_048;

/// An answer and how large it was on the wire.
pub(super) type Weighed<V> = (V, usize);

type Flight<V> = BoxFuture<'static, Result<Weighed<Arc<V>>, Failure>>;

pub(super) struct Memory<V> {
    fresh: Duration,
    /// Of all answers together, as they were on the wire.
    most: usize,
    state: Mutex<State<V>>,
}

struct State<V> {
    known: LruCache<String, Known<V>>,
    weight: usize,
    asked: HashMap<String, WeakShared<Flight<V>>>,
}

struct Known<V> {
    value: Arc<V>,
    weight: usize,
    /// None: it is in doubt.
    at: Option<Instant>,
}

impl<V: Send + Sync + 'static> Memory<V> {
    pub(super) fn new(fresh: Duration, most: usize) -> Self {
        let state = State { known: LruCache::unbounded(), weight: 0, asked: HashMap::new() };
        Self { fresh, most, state: Mutex::new(state) }
    }

    /// What is fresh; else what `question` answers; else what was once answered.
    pub(super) async fn ask<F>(
        &self,
        key: &str,
        question: impl FnOnce() -> F,
    ) -> Result<Answer<Arc<V>>, Failure>
    where
        F: Future<Output = Result<Weighed<V>, Failure>> + Send + 'static,
    {
        if let Some(value) = self.known(key, Some(self.fresh)) {
            return Ok(Answer { value, stale: false });
        }
        let flight = {
            let mut state = self.lock();
            if let Some(flight) = state.asked.get(key).and_then(WeakShared::upgrade) {
                flight
            } else {
                let question = question();
                let flight = async { question.await.map(|(value, weight)| (Arc::new(value), weight)) };
                let flight = flight.boxed().shared();
                state.asked.retain(|_, other| other.upgrade().is_some());
                state.asked.extend(flight.downgrade().map(|flight| (key.to_owned(), flight)));
                flight
            }
        };
        match flight.await {
            Ok((value, weight)) => {
                self.keep(key, Arc::clone(&value), weight);
                Ok(Answer { value, stale: false })
            }
            Err(failure) => self.known(key, None).map(|value| Answer { value, stale: true }).ok_or(failure),
        }
    }

    /// The next question is asked, whatever is known; should nobody answer, what is known still serves.
    pub(super) fn doubt(&self, key: &str) {
        if let Some(known) = self.lock().known.peek_mut(key) {
            known.at = None;
        }
    }

    fn known(&self, key: &str, not_older: Option<Duration>) -> Option<Arc<V>> {
        let mut state = self.lock();
        let known = state.known.get(key)?;
        let fits = |age| known.at.is_some_and(|at| at.elapsed() < age);
        not_older.is_none_or(fits).then(|| Arc::clone(&known.value))
    }

    fn keep(&self, key: &str, value: Arc<V>, weight: usize) {
        let mut state = self.lock();
        state.weight += weight;
        let known = Known { value, weight, at: Some(Instant::now()) };
        if let Some(old) = state.known.put(key.to_owned(), known) {
            state.weight -= old.weight;
        }
        while state.weight > self.most || state.known.len() > MOST_ENTRIES {
            let Some((_, oldest)) = state.known.pop_lru() else { break };
            state.weight -= oldest.weight;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use application::failure::Reason;
    use futures::future::{join_all, ready};

    use super::*;

    fn down() -> Failure {
        Failure::transient(Reason::MarketplaceUnavailable, "down")
    }

    #[tokio::test]
    async fn a_fresh_answer_is_not_asked_for_again_and_an_old_one_serves_when_nobody_answers() {
        let memory = Memory::new(Duration::from_hours(1), 100);
        let first = memory.ask("a", || ready(Ok((1, 1)))).await.unwrap();
        assert_eq!((*first.value, first.stale), (1, false));
        assert_eq!(*memory.ask("a", || ready(Ok((2, 1)))).await.unwrap().value, 1);
        memory.doubt("a");
        let kept = memory.ask("a", || ready(Err(down()))).await.unwrap();
        assert_eq!((*kept.value, kept.stale), (1, true));
        assert_eq!(*memory.ask("a", || ready(Ok((3, 1)))).await.unwrap().value, 3);

        let memory = Memory::new(Duration::ZERO, 100);
        assert_eq!(memory.ask("a", || ready(Err(down()))).await.map(|_: Answer<Arc<i32>>| ()), Err(down()));
        memory.ask("a", || ready(Ok((1, 1)))).await.unwrap();
        let old = memory.ask("a", || ready(Err(down()))).await.unwrap();
        assert_eq!((*old.value, old.stale), (1, true));
        assert_eq!(*memory.ask("a", || ready(Ok((2, 1)))).await.unwrap().value, 2);
    }

    #[tokio::test]
    async fn equal_questions_at_the_same_time_are_one() {
        let memory = Memory::new(Duration::ZERO, 100);
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let ask = || {
            memory.ask("a", || {
                asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                async {
                    tokio::task::yield_now().await;
                    Ok((7, 1))
                }
            })
        };
        let answers = join_all((0..10).map(|_| ask())).await;
        assert!(answers.into_iter().all(|answer| *answer.unwrap().value == 7));
        assert_eq!(asked.into_inner(), 1);
    }

    #[tokio::test]
    async fn the_answers_kept_have_a_bound() {
        let memory = Memory::new(Duration::from_hours(1), 100);
        for number in 0..10 {
            memory.ask(&number.to_string(), || ready(Ok((number, 30)))).await.unwrap();
        }
        let kept = || {
            let state = memory.lock();
            (state.known.len(), state.weight)
        };
        assert_eq!(kept(), (3, 90));
        memory.ask("huge", || ready(Ok((0, 101)))).await.unwrap();
        assert_eq!(kept(), (0, 0));
    }
}
