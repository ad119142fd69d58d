//! When a plugin that ended by itself is started again: after 1, 2, 4 .. 60 seconds, a little more or less so that
//! many do not come at once; from the beginning after a stable minute; not any more after 5 crashes in 10 minutes.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);
pub(super) const STABLE: Duration = Duration::from_mins(1);
const WINDOW: Duration = Duration::from_mins(10);
const MOST: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Backoff {
    crashes: VecDeque<Instant>,
    /// In a row, without a stable time between them.
    row: u32,
}

impl Backoff {
    /// How long to wait, or `None`: it has failed. `ran`: how long it was ready; `chance`: between 0 and 1.
    pub(super) fn crashed(&mut self, now: Instant, ran: Duration, chance: f64) -> Option<Duration> {
        self.crashes.push_back(now);
        self.crashes.retain(|crash| now.duration_since(*crash) < WINDOW);
        if self.crashes.len() >= MOST {
            return None;
        }
        self.row = if ran >= STABLE { 0 } else { self.row + 1 };
        let wait = FIRST.saturating_mul(1 << self.row.saturating_sub(1).min(6)).min(LONGEST);
        Some(wait.mul_f64(0.8 + 0.4 * chance.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn the_waits_grow_until_it_has_failed() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let waits: Vec<_> = (0..5).map(|_| backoff.crashed(now, SHORT, 0.5)).collect();
        let seconds = |count| Some(Duration::from_secs(count));
        assert_eq!(waits, [seconds(1), seconds(2), seconds(4), seconds(8), None]);
    }

    #[tokio::test]
    async fn crashes_far_apart_never_add_up_and_a_stable_time_begins_anew() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            now += Duration::from_mins(3);
            last = backoff.crashed(now, SHORT, 0.5).unwrap();
        }
        assert_eq!(last, LONGEST);
        assert_eq!(backoff.crashed(now + Duration::from_mins(3), STABLE, 0.5), Some(FIRST));
    }

    #[tokio::test]
    async fn the_wait_is_a_fifth_more_or_less() {
        let now = Instant::now();
        for (chance, wait) in [(0.0, 800), (1.0, 1200)] {
            let wait = Some(Duration::from_millis(wait));
            assert_eq!(Backoff::default().crashed(now, SHORT, chance), wait);
        }
    }
}
