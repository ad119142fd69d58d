//! "Something changed": wakes everybody who waits, loses nothing, counts nothing.

use std::sync::Arc;

use tokio::sync::watch;

/// Cheap to clone and to raise; raising it many times while nobody looks wakes a waiter once.
#[derive(Debug, Clone)]
pub struct Signal(Arc<watch::Sender<u64>>);

/// One waiter's place.
#[derive(Debug)]
pub struct Waiter(watch::Receiver<u64>);

impl Default for Signal {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Signal {
    pub fn raise(&self) {
        self.0.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// A waiter that sees every raise from now on.
    pub fn waiter(&self) -> Waiter {
        Waiter(self.0.subscribe())
    }
}

impl Waiter {
    /// Returns at once when the signal was raised since the last return.
    pub async fn raised(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody can raise it any more.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_raise_before_the_wait_is_not_lost() {
        let signal = Signal::default();
        let mut waiter = signal.waiter();
        signal.raise();
        signal.raise();
        waiter.raised().await;
        let again = tokio::time::timeout(std::time::Duration::from_millis(10), waiter.raised()).await;
        assert!(again.is_err(), "two raises wake once");
    }
}
