//! Work that a request has begun and that must end although the client went away.

use application::Error;
use tokio_util::task::TaskTracker;

#[derive(Debug, Clone, Default)]
pub(crate) struct Work(TaskTracker);

impl Work {
    /// Runs to its end whether or not anybody still awaits the answer; shutdown waits for it. A panic in there is
    /// one of the caller.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        match self.0.spawn(work).await {
            Ok(answer) => answer,
            Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
            Err(_aborted) => Err(Error::unavailable()),
        }
    }

    /// Returns when nothing is left to finish.
    pub(crate) async fn drained(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;

    #[tokio::test]
    async fn what_was_begun_ends_although_nobody_waits() {
        let (work, done) = (Work::default(), Arc::new(AtomicBool::new(false)));
        let mark = done.clone();
        let mut waiting = Box::pin(work.finish(async move {
            tokio::task::yield_now().await;
            mark.store(true, Ordering::SeqCst);
            Ok(())
        }));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        drop(waiting);
        work.drained().await;
        assert!(done.load(Ordering::SeqCst));
    }
}
