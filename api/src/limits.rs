//! How many requests somebody has left: one bucket per principal or address and limit, for all spellings and mounts of
//! an operation, in bounded memory. A bucket refills evenly; what it holds is kept as the moment when it is full again.

mod bucket;
mod rates;
mod sharing;

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use application::principal::Principal;
use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::values::Dialect;
use lru::LruCache;

use crate::{
    address::Client, credential::Asking, guard, refusal::Refusal, services::Services, settings::RateLimits,
    voice::Voice,
};

pub(crate) use bucket::Standing;
pub(crate) use rates::{Charge, LimitName};
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

/// How a dialect writes `X-RateLimit-Reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetForm {
    UnixSeconds,
    /// And `X-RateLimit-Window`, in seconds.
    UnixSecondsAndWindow,
    Iso8601,
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

/// What the layer around one operation needs.
#[derive(Clone)]
pub(crate) struct Charging {
    pub(crate) services: Services,
    pub(crate) charge: Charge,
}

/// Around one operation: counts one request, or refuses.
pub(crate) async fn charge(
    State(Charging { services, charge }): State<Charging>,
    Extension(client): Extension<Client>,
    Extension(Asking(principal)): Extension<Asking>,
    Extension(voice): Extension<&'static Voice>,
    request: Request,
    next: Next,
) -> Response {
    match services.limits.take(voice.dialect, charge, &principal, client, Instant::now()) {
        None => next.run(request).await,
        Some(Ok(standing)) => {
            let mut response = next.run(request).await;
            response.extensions_mut().insert(standing);
            response
        }
        Some(Err(standing)) => {
            guard::read_on(request.into_body()).await;
            Refusal::limited(standing).into_response()
        }
    }
}

/// `X-RateLimit-Limit`, `-Remaining`, `-Reset`, in the form of the dialect.
pub(crate) fn announce(standing: &Standing, form: ResetForm, headers: &mut HeaderMap, now: DateTime<Utc>) {
    let reset = now + standing.resets_in;
    // Rounded up: whoever waits until then finds it so.
    let seconds = reset.timestamp() + i64::from(reset.timestamp_subsec_nanos() > 0);
    let value = match form {
        ResetForm::UnixSeconds | ResetForm::UnixSecondsAndWindow => Some(HeaderValue::from(seconds)),
        ResetForm::Iso8601 => DateTime::from_timestamp(seconds, 0)
            .and_then(|reset| HeaderValue::from_str(&reset.to_rfc3339_opts(SecondsFormat::Secs, true)).ok()),
    };
    headers.insert("x-ratelimit-limit", HeaderValue::from(standing.rate.most()));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(standing.remaining));
    if let Some(value) = value {
        headers.insert("x-ratelimit-reset", value);
    }
    if form == ResetForm::UnixSecondsAndWindow {
        headers.insert("x-ratelimit-window", HeaderValue::from(standing.rate.seconds()));
    }
}

/// Shared by all handlers of a node.
pub(crate) type SharedLimits = Arc<Limits>;

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

#[cfg(test)]
mod tests;
