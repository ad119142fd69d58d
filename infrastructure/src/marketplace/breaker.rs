//! Leaves a marketplace alone that does not answer: open after five failures in a row, for half a minute; then one
//! question is let through to see.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use application::ports::marketplace::{Circuit, Status};

const MOST_FAILURES: u32 = 5;

#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
    open_for: Duration,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    last_error: Option<String>,
    opened: Option<Instant>,
    probing: bool,
}

/// Leave to ask. Dropped without a verdict, it changes nothing.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
}

impl Breaker {
    pub(super) fn new(open_for: Duration) -> Self {
        Self { state: Mutex::default(), open_for }
    }

    /// `None`: nobody is to ask now.
    pub(super) fn enter(&self) -> Option<Pass<'_>> {
        let mut state = self.lock();
        let is_probe = match self.circuit(&state) {
            Circuit::Closed => false,
            Circuit::HalfOpen if !state.probing => true,
            Circuit::HalfOpen | Circuit::Open => return None,
        };
        state.probing |= is_probe;
        Some(Pass { breaker: self, is_probe })
    }

    pub(super) fn status(&self) -> Status {
        let state = self.lock();
        Status {
            circuit: self.circuit(&state),
            failures: state.failures,
            last_error: state.last_error.clone(),
        }
    }

    fn circuit(&self, state: &State) -> Circuit {
        match state.opened {
            None => Circuit::Closed,
            Some(opened) if opened.elapsed() < self.open_for => Circuit::Open,
            Some(_) => Circuit::HalfOpen,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass<'_> {
    pub(super) fn answered(self) {
        let mut state = self.breaker.lock();
        let probing = state.probing;
        *state = State { probing, ..State::default() };
    }

    pub(super) fn failed(self, why: String) {
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        state.last_error = Some(why);
        if self.is_probe || (state.failures >= MOST_FAILURES && state.opened.is_none()) {
            state.opened = Some(Instant::now());
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.breaker.lock().probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.enter().unwrap().failed("refused".to_owned());
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_an_answer_between_starts_anew() {
        let breaker = Breaker::new(Duration::from_hours(1));
        fail(&breaker, 4);
        breaker.enter().unwrap().answered();
        assert_eq!(breaker.status(), Status { circuit: Circuit::Closed, failures: 0, last_error: None });
        fail(&breaker, 5);
        assert!(breaker.enter().is_none());
        let status = breaker.status();
        assert_eq!((status.circuit, status.failures), (Circuit::Open, 5));
        assert_eq!(status.last_error.as_deref(), Some("refused"));
    }

    #[test]
    fn half_open_lets_one_through_whose_answer_decides() {
        let breaker = Breaker::new(Duration::ZERO);
        fail(&breaker, 5);
        assert_eq!(breaker.status().circuit, Circuit::HalfOpen);
        let probe = breaker.enter().unwrap();
        assert!(breaker.enter().is_none(), "one at a time");
        drop(probe);
        let again = breaker.enter().expect("a probe without a verdict leaves its place");
        again.failed("still".to_owned());
        assert_eq!(breaker.status().failures, 6);
        breaker.enter().unwrap().answered();
        assert_eq!(breaker.status().circuit, Circuit::Closed);
        assert!(breaker.enter().is_some() && breaker.enter().is_some());
    }
}
