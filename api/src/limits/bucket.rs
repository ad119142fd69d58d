//! One bucket: so many requests at once, refilled evenly over its window.

use std::time::{Duration, Instant};

use domain::values::Allowance;

use super::seconds;

#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    full_at: Instant,
    /// What was taken here and the other nodes have not been told yet, as refill time.
    pub(super) unshared: Duration,
    /// When the first of that was taken.
    pub(super) since: Instant,
}

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) rate: Allowance,
    pub(crate) remaining: u32,
    /// Until the bucket is full again.
    pub(crate) resets_in: Duration,
    /// Until the next request is taken; nothing if one is now.
    next_in: Duration,
}

impl Bucket {
    pub(super) fn full(now: Instant) -> Self {
        Self { full_at: now, unshared: Duration::ZERO, since: now }
    }

    /// `Err`: nothing was left, and nothing was taken.
    pub(super) fn take(&mut self, rate: Allowance, now: Instant) -> Result<Standing, Standing> {
        let one = seconds(rate.seconds()) / rate.most();
        let missing = self.missing(now) + one;
        if missing > seconds(rate.seconds()) {
            return Err(self.standing(rate, now));
        }
        self.full_at = now + missing;
        if self.unshared.is_zero() {
            self.since = now;
        }
        self.unshared += one;
        Ok(self.standing(rate, now))
    }

    pub(super) fn standing(&self, rate: Allowance, now: Instant) -> Standing {
        let window = seconds(rate.seconds());
        let (one, missing) = (window / rate.most(), self.missing(now));
        let left = window.saturating_sub(missing).as_nanos() / one.as_nanos().max(1);
        Standing {
            rate,
            remaining: u32::try_from(left).unwrap_or(u32::MAX).min(rate.most()),
            resets_in: missing,
            next_in: (missing + one).saturating_sub(window),
        }
    }

    /// What all nodes together had taken when they were asked at `began`, as the time until it is full; what was taken
    /// here since is added. Never less than what was taken here.
    pub(super) fn learn(&mut self, missing: Duration, began: Instant) {
        self.full_at = self.full_at.max(began + missing + self.unshared);
    }

    pub(super) fn missing(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now)
    }
}

impl Standing {
    /// Whole seconds, rounded up and never zero: waiting so long is enough.
    pub(crate) fn retry_after(&self) -> u64 {
        self.next_in.as_millis().div_ceil(1000).max(1).try_into().unwrap_or(u64::MAX)
    }
}
