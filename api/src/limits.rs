//! Requests per client and window: one count for all spellings and mounts of an operation, in bounded memory.

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use axum::http::{HeaderMap, HeaderValue};
use lru::LruCache;

use crate::{address::Client, settings::Rate};

/// Clients remembered at the same time; the one not seen for longest is forgotten first.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// A limit of one dialect.
pub(crate) struct Limit {
    rate: Rate,
    windows: Mutex<LruCache<IpAddr, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    used: u32,
}

/// Where a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) rate: Rate,
    pub(crate) remaining: u32,
    /// Until the window ends.
    pub(crate) resets_in: Duration,
}

impl Limit {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, windows: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// Counts one request; `Err` when none was left.
    pub(crate) fn take(&self, client: Client, now: Instant) -> Result<Standing, Standing> {
        let fresh = Window { began: now, used: 0 };
        let mut windows = self.lock();
        let window = windows.get_or_insert_mut(client.household(), || fresh);
        if now.duration_since(window.began) >= self.rate.within {
            *window = fresh;
        }
        let left = window.used < self.rate.most;
        window.used += u32::from(left);
        let standing = self.standing(*window, now);
        if left { Ok(standing) } else { Err(standing) }
    }

    /// Counts nothing.
    pub(crate) fn look(&self, client: Client, now: Instant) -> Standing {
        let window = self.lock().peek(&client.household()).copied();
        let open = window.filter(|window| now.duration_since(window.began) < self.rate.within);
        self.standing(open.unwrap_or(Window { began: now, used: 0 }), now)
    }

    fn standing(&self, window: Window, now: Instant) -> Standing {
        Standing {
            rate: self.rate,
            remaining: self.rate.most - window.used,
            resets_in: self.rate.within.saturating_sub(now.duration_since(window.began)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<IpAddr, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// Whole seconds, rounded up: waiting so long is enough.
    pub(crate) fn retry_after(&self) -> u64 {
        self.resets_in.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
    }

    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (unix seconds).
    pub(crate) fn announce(&self, headers: &mut HeaderMap, now: SystemTime) {
        let reset = now + self.resets_in;
        let reset = reset.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let reset = reset.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX);
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.rate.most));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(reset));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(last: u8) -> Client {
        Client(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn a_client_has_its_number_and_gets_it_back_when_the_window_ends() {
        let (limit, now) = (Limit::new(Rate { most: 2, within: Duration::from_mins(1) }), Instant::now());
        assert_eq!(limit.take(client(1), now).unwrap().remaining, 1);
        assert_eq!(limit.take(client(1), now + Duration::from_millis(1)).unwrap().remaining, 0);
        let refused = limit.take(client(1), now + Duration::from_millis(30_001)).unwrap_err();
        assert_eq!((refused.remaining, refused.retry_after()), (0, 30));
        assert!(limit.take(client(2), now).is_ok(), "another client has its own number");
        assert!(limit.take(client(1), now + Duration::from_mins(1)).is_ok());
    }

    #[test]
    fn looking_counts_nothing() {
        let (limit, now) = (Limit::new(Rate { most: 1, within: Duration::from_mins(1) }), Instant::now());
        assert_eq!(limit.look(client(1), now).remaining, 1);
        limit.take(client(1), now).unwrap();
        assert_eq!(limit.look(client(1), now).remaining, 0);
        assert_eq!(limit.look(client(1), now + Duration::from_secs(61)).remaining, 1);
    }

    #[test]
    fn many_clients_take_bounded_memory() {
        let (limit, now) = (Limit::new(Rate { most: 1, within: Duration::from_mins(1) }), Instant::now());
        for n in 0..100_000_u32 {
            let _ = limit.take(Client(IpAddr::from(n.to_be_bytes())), now);
        }
        assert_eq!(limit.lock().len(), REMEMBERED.get());
    }
}
