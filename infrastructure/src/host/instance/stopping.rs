//! The way out of a life: calls under way end, the plugin is told, then asked by a signal, then killed.

use std::time::Duration;

use application::ports::hosting::Stop;
use tokio::{sync::oneshot, time::Instant};

use super::actor::Waiter;

/// A plugin that heeds the host's last words has at least so long.
const WORDS: Duration = Duration::from_millis(300);
const SIGNAL: Duration = Duration::from_secs(2);
/// From a kill to the end; the kernel needs no more.
pub(super) const KILL: Duration = Duration::from_secs(5);

/// What comes after.
pub(super) enum After {
    Stopped(oneshot::Sender<()>),
    Restart(Waiter),
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Draining,
    Told,
    Signalled,
    Killed,
}

pub(super) struct Leaving {
    pub(super) step: Step,
    /// When the next step follows.
    pub(super) until: Instant,
    /// When nothing is waited for any more but the end.
    drained: Instant,
    pub(super) after: Vec<After>,
}

impl Leaving {
    pub(super) fn begin(now: Instant, how: Stop, after: After) -> Self {
        let drained = now + how.drain;
        if how.graceful {
            Self { step: Step::Draining, until: drained, drained, after: vec![after] }
        } else {
            Self { step: Step::Killed, until: now + KILL, drained, after: vec![after] }
        }
    }

    /// The calls under way have ended, or had their time.
    pub(super) fn told(&mut self, now: Instant, heeded: bool) {
        self.step = Step::Told;
        self.until = if heeded { self.drained.max(now + WORDS) } else { now };
    }

    pub(super) fn signalled(&mut self, now: Instant) {
        self.step = Step::Signalled;
        self.until = now + SIGNAL;
    }

    pub(super) fn killed(&mut self, now: Instant) {
        self.step = Step::Killed;
        self.until = now + KILL;
    }
}
