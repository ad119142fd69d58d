//! The headers that tell where somebody stands.

use axum::http::{HeaderMap, HeaderValue};
use chrono::{DateTime, SecondsFormat, Utc};

use super::Standing;

/// How a dialect writes `X-RateLimit-Reset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResetForm {
    UnixSeconds,
    /// And `X-RateLimit-Window`, in seconds.
    UnixSecondsAndWindow,
    Iso8601,
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
