//! How long a transfer may take: the same bounds for a server that sends slowly, that stops, and that cuts every
//! connection after a byte.

use std::time::Duration;

use tokio::time::Instant;

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a server that never answered; the same whether its port is closed, filtered or silent.
    pub unreachable: Duration,
    /// Without a byte.
    pub idle: Duration,
    /// At least [`Self::slow_bytes`] must come in this time.
    pub slow: Duration,
    pub slow_bytes: u64,
    /// For the whole body: this, and a second for every [`Self::rate`] bytes of it.
    pub whole: Duration,
    pub rate: u64,
    pub tries: u32,
    /// How much must have come for one more resume than [`Self::tries`].
    pub per_resume: u64,
    /// Before the second try; doubled each time, with jitter.
    pub backoff: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            unreachable: Duration::from_secs(15),
            idle: Duration::from_mins(1),
            slow: Duration::from_secs(30),
            slow_bytes: 30 * 1024,
            whole: Duration::from_mins(1),
            rate: 64 * 1024,
            tries: 5,
            per_resume: 10 * 1024 * 1024,
            backoff: Duration::from_millis(500),
        }
    }
}

/// Counts over all attempts of one transfer. Our own pauses are not held against the server.
#[derive(Debug)]
pub(super) struct Pace {
    patience: Patience,
    start: Instant,
    window: (Instant, u64),
    resumes: u64,
}

impl Pace {
    /// From the first answer of the server.
    pub(super) fn new(patience: Patience) -> Self {
        let now = Instant::now();
        Self { patience, start: now, window: (now, 0), resumes: 0 }
    }

    /// Whether the bytes came fast enough.
    pub(super) fn heard(&mut self, bytes: u64) -> bool {
        self.window.1 = self.window.1.saturating_add(bytes);
        if self.window.0.elapsed() < self.patience.slow {
            return true;
        }
        let enough = self.window.1 >= self.patience.slow_bytes;
        self.window = (Instant::now(), 0);
        enough
    }

    /// How long to wait for the next byte of a body of at most `size` bytes.
    pub(super) fn left(&self, size: u64) -> Duration {
        let whole = self.patience.whole + Duration::from_secs(size / self.patience.rate.max(1));
        whole.saturating_sub(self.start.elapsed()).min(self.patience.idle)
    }

    /// Whether to ask once more after `done` bytes.
    pub(super) fn resumes(&mut self, done: u64) -> bool {
        self.resumes += 1;
        self.resumes <= u64::from(self.patience.tries) + done / self.patience.per_resume.max(1)
    }

    pub(super) fn paused(&mut self, pause: Duration) {
        self.start += pause;
        self.window.0 += pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slow_window_counts_time_but_not_our_pauses() {
        let patience = Patience { slow: Duration::from_millis(20), slow_bytes: 10, ..Patience::default() };
        let mut pace = Pace::new(patience);
        assert!(pace.heard(1));
        std::thread::sleep(Duration::from_millis(25));
        assert!(!pace.heard(1), "two bytes are too few");
        std::thread::sleep(Duration::from_millis(25));
        pace.paused(Duration::from_secs(5));
        assert!(pace.heard(1));
    }

    #[test]
    fn the_time_for_a_body_depends_on_its_size() {
        let mut pace = Pace::new(Patience { idle: Duration::MAX, ..Patience::default() });
        let seconds = |pace: &Pace, size| pace.left(size).as_secs_f64().round();
        assert!((seconds(&pace, 0) - 60.0).abs() < 0.1);
        assert!((seconds(&pace, 64 * 1024 * 100) - 160.0).abs() < 0.1);
        assert!((1..=5).all(|_| pace.resumes(1)) && !pace.resumes(1));
        assert!(pace.resumes(20 * 1024 * 1024));
    }
}
