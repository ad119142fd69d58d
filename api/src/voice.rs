//! How a dialect speaks: the one outermost layer that puts refusals and shared answers into its words, whatever made
//! them: a handler, a layer, an extractor, a path that is not there, a panic.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use application::{ports::system::Clock, principal::Principal};
use axum::{
    Json,
    body::{Body, HttpBody as _},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::values::Dialect;
use futures::FutureExt as _;
use serde::Serialize;
use serde_json::Value;

use crate::{
    address::Client,
    cors::CrossOrigin,
    credential::Accepts,
    limits::{self, Charge, ResetForm, SharedLimits, Standing},
    mount::Mount,
    refusal::Refusal,
    security,
    telemetry::RequestId,
};

/// One dialect.
pub(crate) struct Voice {
    pub(crate) dialect: Dialect,
    /// The forms of credentials that its clients send.
    pub(crate) accepts: Accepts,
    pub(crate) refuse: fn(&Refusal, &Heard) -> (StatusCode, Value),
    /// The media type of its refusals.
    pub(crate) refusal_type: HeaderValue,
    /// The envelope of an answer that shared handlers give.
    pub(crate) accept: fn(Value, &Heard) -> Value,
    /// What all its answers carry beside the common headers.
    pub(crate) stamp: fn(&mut HeaderMap),
    pub(crate) reset: ResetForm,
    /// What `X-Read-After` waits for.
    pub(crate) read_models: &'static [&'static str],
}

/// What a rendering may say of the request.
pub(crate) struct Heard {
    pub(crate) request_id: Arc<str>,
    pub(crate) at: DateTime<Utc>,
    pub(crate) took: Duration,
}

impl Heard {
    /// A request that says nothing.
    pub(crate) fn of_nobody() -> Self {
        Self { request_id: "".into(), at: DateTime::UNIX_EPOCH, took: Duration::ZERO }
    }
}

/// An answer of a shared handler, before a dialect has put it into its envelope.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) status: StatusCode,
    pub(crate) value: Value,
}

impl Said {
    pub(crate) fn ok(value: Value) -> Self {
        Self { status: StatusCode::OK, value }
    }

    pub(crate) fn created(value: Value) -> Self {
        Self { status: StatusCode::CREATED, value }
    }

    /// No body where the dialect has no envelope, else an empty one.
    pub(crate) fn nothing() -> Self {
        Self { status: StatusCode::NO_CONTENT, value: Value::Null }
    }
}

/// A JSON object whose last member speaks of the request: written up to there, so that the rest serves every request.
#[derive(Debug, Clone)]
pub(crate) struct Unclosed {
    pub(crate) body: Bytes,
    pub(crate) close: Close,
}

/// Writes the last member and the end of the object.
pub(crate) type Close = fn(&Heard) -> String;

impl Unclosed {
    /// The value is written as an object with at least one member.
    pub(crate) fn of(value: &impl Serialize, close: Close) -> Result<Self, Refusal> {
        let mut body = serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "an answer could not be written");
            Refusal::internal()
        })?;
        body.pop();
        Ok(Self { body: body.into(), close })
    }

    fn closed(self, heard: &Heard) -> Body {
        let end = (self.close)(heard);
        let mut body = Vec::with_capacity(self.body.len() + end.len());
        body.extend_from_slice(&self.body);
        body.extend_from_slice(end.as_bytes());
        body.into()
    }
}

impl IntoResponse for Unclosed {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Said {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// What the layer needs.
#[derive(Clone)]
pub(crate) struct Speaking {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: SharedLimits,
    pub(crate) cross_origin: CrossOrigin,
    pub(crate) voice: &'static Voice,
    pub(crate) mount: Mount,
}

/// Around everything of one dialect.
pub(crate) async fn speak(State(speaking): State<Speaking>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let Speaking { clock, limits, cross_origin, voice, mount } = speaking;
    let request_id = request.extensions().get::<RequestId>().map_or_else(|| "".into(), |id| id.0.clone());
    let client = request.extensions().get::<Client>().copied();
    request.extensions_mut().insert(voice);
    request.extensions_mut().insert(mount);
    let response = caught(next.run(request)).await;
    let heard = Heard { request_id, at: clock.now(), took: began.elapsed() };
    let mut response = put_into_words(voice, response, &heard);
    let standing = response.extensions().get::<Standing>().copied();
    let looked = || {
        let anonymous = Principal::anonymous();
        limits.look(voice.dialect, Charge::Shown, &anonymous, client?, Instant::now())
    };
    if let Some(standing) = standing.or_else(looked) {
        limits::announce(&standing, voice.reset, response.headers_mut(), heard.at);
    }
    (voice.stamp)(response.headers_mut());
    security::protect(response.headers_mut(), cross_origin.is_open(voice.dialect));
    response.extensions_mut().insert(voice.dialect);
    response
}

/// A panic is a refusal; the panic itself is in the log.
pub(crate) async fn caught(answer: impl Future<Output = Response>) -> Response {
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    answer.unwrap_or_else(|_panic| Refusal::internal().into_response())
}

fn put_into_words(voice: &Voice, mut response: Response, heard: &Heard) -> Response {
    if let Some(unclosed) = response.extensions_mut().remove::<Unclosed>() {
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        *response.body_mut() = unclosed.closed(heard);
        return response;
    }
    if let Some(Said { status, value }) = response.extensions_mut().remove::<Said>() {
        let body = (voice.accept)(value, heard);
        return match (status, &body) {
            (StatusCode::NO_CONTENT, Value::Null) => response,
            // An envelope is content.
            (StatusCode::NO_CONTENT, _) => replace_body(response, StatusCode::OK, &body, None),
            _ => replace_body(response, status, &body, None),
        };
    }
    let refusal = response.extensions_mut().remove::<Refusal>().or_else(|| plain(&response));
    let Some(refusal) = refusal else { return response };
    let (status, body) = (voice.refuse)(&refusal, heard);
    let mut worded = replace_body(response, status, &body, Some(voice.refusal_type.clone()));
    worded.headers_mut().extend(refusal.headers.clone());
    if let Some(standing) = refusal.standing {
        worded.extensions_mut().insert(standing);
    }
    worded
}

/// The framework's own refusal, without words or in plain ones.
fn plain(response: &Response) -> Option<Refusal> {
    let status = response.status();
    let partial = response.headers().contains_key(CONTENT_RANGE);
    if partial || !(status.is_client_error() || status.is_server_error()) {
        return None;
    }
    let kind = response.headers().get(CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    let wordless = kind.is_empty() && response.body().size_hint().exact() == Some(0);
    (wordless || kind.starts_with(b"text/plain")).then(|| Refusal::of_framework(status))
}

/// Keeps the headers that something inside has set, but for those of the old body.
fn replace_body(response: Response, status: StatusCode, body: &Value, kind: Option<HeaderValue>) -> Response {
    let (mut old, _) = response.into_parts();
    let (new, body) = (status, Json(body)).into_response().into_parts();
    for name in [CONTENT_TYPE, CONTENT_LENGTH] {
        old.headers.remove(name);
    }
    old.headers.extend(new.headers);
    if let Some(kind) = kind {
        old.headers.insert(CONTENT_TYPE, kind);
    }
    old.status = status;
    Response::from_parts(old, body)
}

/// For [`Voice::stamp`] of a dialect without headers of its own.
pub(crate) fn no_stamp(_: &mut HeaderMap) {}

pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
