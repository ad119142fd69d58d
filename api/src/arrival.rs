//! How slowly a body may come: neither silence nor a drip holds a place for ever.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The longest silence of a client that is sending; also what every body has in advance.
const PATIENCE: Duration = Duration::from_secs(30);
/// What has to come on average after that, per second.
const SLOWEST: u64 = 16 * 1024;

pub(crate) struct Arrival {
    began: Instant,
    arrived: u64,
}

/// The client took too long, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    Silent,
    Slow,
}

impl Arrival {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), arrived: 0 }
    }

    pub(crate) fn count(&mut self, bytes: usize) {
        self.arrived += bytes as u64;
    }

    pub(crate) async fn in_time<T>(&self, next: impl Future<Output = T>) -> Result<T, Late> {
        let silent = Instant::now() + PATIENCE;
        let slow = self.began + PATIENCE + Duration::from_millis(self.arrived * 1000 / SLOWEST);
        let late = if slow < silent { Late::Slow } else { Late::Silent };
        timeout_at(silent.min(slow), next).await.map_err(|_elapsed| late)
    }
}

impl Late {
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Silent => "The upload stood still for 30 seconds",
            Self::Slow => "The upload is slower than 16 KiB per second",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::time::sleep;

    use super::*;

    /// How many pieces of this size come in, one every so often, before it is too late.
    async fn pieces(size: usize, every: Duration) -> (u64, Late) {
        let (mut arrival, mut pieces) = (Arrival::begin(), 0);
        loop {
            match arrival.in_time(sleep(every)).await {
                Ok(()) if pieces == 10_000 => return (pieces, Late::Silent),
                Ok(()) => arrival.count(size),
                Err(late) => return (pieces, late),
            }
            pieces += 1;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_ends_and_a_slow_stream_does_not() {
        assert_eq!(pieces(1, Duration::from_secs(1)).await.1, Late::Slow);
        assert!(pieces(1, Duration::from_secs(1)).await.0 <= 30);
        assert_eq!(pieces(16 * 1024, Duration::from_secs(1)).await.0, 10_000, "the slowest that is admitted");
        assert_eq!(pieces(15 * 1024, Duration::from_secs(1)).await.1, Late::Slow);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_after_half_a_minute_whatever_came_before() {
        let mut arrival = Arrival::begin();
        arrival.count(100 << 20);
        assert_eq!(arrival.in_time(ready(7)).await, Ok(7));
        let began = Instant::now();
        assert_eq!(arrival.in_time(pending::<()>()).await, Err(Late::Silent));
        assert_eq!(began.elapsed().as_secs(), 30);
    }
}
