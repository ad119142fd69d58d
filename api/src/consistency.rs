//! Reading one's own writes across nodes: a write hands out where it stands in the log, and a read that brings
//! this back waits until the read model has got there.

use std::{convert::Infallible, sync::Arc};

use application::ports::freshness::Freshness;
use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponseParts, Response, ResponseParts},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::recorded::Cursor;

use crate::{refusal::Refusal, voice::Voice};

const POSITION: HeaderName = HeaderName::from_static("x-log-position");
const AFTER: HeaderName = HeaderName::from_static("x-read-after");
const LAG: HeaderName = HeaderName::from_static("x-log-lag");

/// `X-Log-Position` of an answer to a write; nothing if nothing was written.
pub(crate) struct LogPosition(pub(crate) Option<Cursor>);

impl IntoResponseParts for LogPosition {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        if let Some(value) = self.0.and_then(|cursor| HeaderValue::from_str(&token(cursor)).ok()) {
            parts.headers_mut().insert(POSITION, value);
        }
        Ok(parts)
    }
}

/// `X-Read-After`: waits for the read models of the dialect, and says in `X-Log-Lag` by how many events one of them
/// still lags if the wait was in vain.
pub(crate) async fn read_after(
    State(freshness): State<Arc<dyn Freshness>>,
    Extension(voice): Extension<&'static Voice>,
    request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let Some(given) = request.headers().get(AFTER) else { return Ok(next.run(request).await) };
    let cursor = given.to_str().ok().and_then(cursor).ok_or_else(|| {
        Refusal::meaningless("X-Read-After is not an X-Log-Position that this service has given out")
    })?;
    let mut lag = None;
    for model in voice.read_models {
        if !freshness.reached(model, cursor).await {
            lag = lag.max(Some(freshness.lag(model).await));
        }
    }
    let mut response = next.run(request).await;
    if let Some(lag) = lag {
        response.headers_mut().insert(LAG, HeaderValue::from(lag));
    }
    Ok(response)
}

fn token(cursor: Cursor) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(cursor.to_string())
}

fn cursor(token: &str) -> Option<Cursor> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
    String::from_utf8(bytes).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_comes_back_as_it_went_and_nothing_else_does() {
        let here = Cursor { epoch: 2, transaction: 7_000_000_000, position: 41 };
        assert_eq!(cursor(&token(here)), Some(here));
        for text in ["", "2-7-41", "////", &BASE64_URL_SAFE_NO_PAD.encode("2-7-"), "Mi03LTQx="] {
            assert_eq!(cursor(text), None, "{text}");
        }
    }
}
