//! How many requests somebody has left: one bucket per principal or address and limit, for all spellings and mounts of
//! an operation, in bounded memory. A bucket refills evenly; what it holds is kept as the moment when it is full again.

mod bucket;
mod headers;
mod rates;
mod sharing;

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use application::principal::Principal;
use domain::values::Dialect;
use lru::LruCache;

use crate::address::Client;

pub(crate) use bucket::Standing;
pub(crate) use headers::{ResetForm, announce};
#[cfg(test)]
pub(crate) use rates::LimitName;
pub(crate) use rates::{Charge, RateLimits};
pub(crate) use sharing::share;

use bucket::Bucket;
use rates::{Key, resolve};

/// Buckets remembered at the same time; the one not used for longest is forgotten first.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// The limits of all dialects.
pub(crate) struct Limits {
    rates: RateLimits,
    buckets: Mutex<LruCache<Key, Bucket>>,
}

impl Limits {
    pub(crate) fn new(rates: RateLimits) -> Self {
        Self { rates, buckets: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// Counts one request; `Err` when none was left, `None` where there is no limit.
    pub(crate) fn take(
        &self,
        dialect: Dialect,
        charge: Charge,
        principal: &Principal,
        client: Client,
        now: Instant,
    ) -> Option<Result<Standing, Standing>> {
        let (key, rate) = resolve(&self.rates, dialect, charge, principal, client)?;
        let mut buckets = self.lock();
        Some(buckets.get_or_insert_mut(key, || Bucket::full(now)).take(rate, now))
    }

    /// Where somebody stands; counts nothing.
    pub(crate) fn look(
        &self,
        dialect: Dialect,
        charge: Charge,
        principal: &Principal,
        client: Client,
        now: Instant,
    ) -> Option<Standing> {
        let (key, rate) = resolve(&self.rates, dialect, charge, principal, client)?;
        let bucket = self.lock().peek(&key).copied();
        Some(bucket.unwrap_or_else(|| Bucket::full(now)).standing(rate, now))
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<Key, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shared by all handlers of a node.
pub(crate) type SharedLimits = Arc<Limits>;

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

#[cfg(test)]
mod tests;
