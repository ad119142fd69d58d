//! The one shape of a refusal in this dialect: `{"detail": ..}`.

use std::any::Any;

use application::{Error, Kind, failure::Reason};
use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{limits::Standing, package_url};

/// Sentences of the document and its sister pages; they stay exactly as they are written there.
const EXACT: [&str; 6] = [
    "Either url or marketplace_plugin must be provided",
    package_url::REFUSED,
    "marketplace_plugin must contain author, name, and version",
    "Only .difypkg files are allowed",
    "File size must be less than 100MB",
    "Task not found",
];
/// How long a fault of the moment is worth waiting for, in seconds.
const PAUSE: &str = "2";

#[derive(Debug)]
pub(crate) struct DifyError {
    status: StatusCode,
    body: Value,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One thing that is wrong with a malformed request, as `FastAPI` lists it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Issue {
    pub(super) kind: &'static str,
    pub(super) loc: Vec<Value>,
    pub(super) msg: String,
    pub(super) input: Value,
}

impl Issue {
    pub(super) fn new(kind: &'static str, loc: &[&str], msg: impl Into<String>, input: Value) -> Self {
        let loc = loc.iter().map(|&part| part.into()).collect();
        Self { kind, loc, msg: msg.into(), input: shortened(input) }
    }

    /// Of the member with this number in a list.
    pub(super) fn at(mut self, number: usize) -> Self {
        self.loc.push(number.into());
        self
    }

    pub(super) fn missing(loc: &[&str]) -> Self {
        Self::new("missing", loc, "Field required", Value::Null)
    }
}

/// Nobody needs a megabyte read back to him.
fn shortened(input: Value) -> Value {
    const LONGEST: usize = 200;
    match input {
        Value::String(text) if text.chars().count() > LONGEST => {
            Value::String(text.chars().take(LONGEST).collect())
        }
        Value::Array(_) | Value::Object(_) if input.to_string().len() > LONGEST => Value::Null,
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => input,
    }
}

impl DifyError {
    pub(crate) fn text(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, body: json!({"detail": detail.into()}), headers: Vec::new() }
    }

    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::text(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn no_task() -> Self {
        Self::text(StatusCode::NOT_FOUND, "Task not found")
    }

    pub(super) fn no_file() -> Self {
        Self::text(StatusCode::NOT_FOUND, "File not found")
    }

    pub(super) fn gone() -> Self {
        Self::text(StatusCode::GONE, "The file has expired and is no longer available")
    }

    pub(crate) fn unknown_path() -> Self {
        Self::text(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn internal() -> Self {
        Self::text(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::text(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(RETRY_AFTER, PAUSE)
    }

    pub(super) fn malformed(issues: Vec<Issue>) -> Self {
        let list: Vec<Value> = issues
            .into_iter()
            .map(|Issue { kind, loc, msg, input }| json!({"type": kind, "loc": loc, "msg": msg, "input": input}))
            .collect();
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, body: json!({"detail": list}), headers: Vec::new() }
    }

    pub(super) fn limited(standing: &Standing) -> Self {
        let (most, seconds) = (standing.rate.most, standing.rate.within.as_secs());
        let window = if seconds == 60 { "1 minute".to_owned() } else { format!("{seconds} seconds") };
        let body = json!({
            "detail": "Rate limit exceeded. Please try again later.",
            "error": format!("Rate limit exceeded: {most} per {window}"),
        });
        let retry = HeaderValue::from(standing.retry_after());
        Self { status: StatusCode::TOO_MANY_REQUESTS, body, headers: vec![(RETRY_AFTER, retry)] }
    }

    /// The client was too slow.
    pub(super) fn is_late(&self) -> bool {
        self.status == StatusCode::REQUEST_TIMEOUT
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }
}

impl From<Error> for DifyError {
    fn from(error: Error) -> Self {
        let reused = error.reason == Some(Reason::IdempotencyKeyReused);
        let detail = match error.reason {
            None | Some(Reason::Internal) => error.message,
            Some(_) if EXACT.contains(&error.message.as_str()) => error.message,
            Some(reason) => format!("{} ({reason})", error.message),
        };
        let status = match error.kind {
            Kind::Invalid if reused => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Limited => {
                return Self::text(StatusCode::TOO_MANY_REQUESTS, detail).with_header(RETRY_AFTER, PAUSE);
            }
            Kind::Unavailable => return Self::unavailable(detail),
        };
        Self::text(status, detail)
    }
}

impl IntoResponse for DifyError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

/// The answer to a request whose handler panicked; the panic itself is in the log.
pub(crate) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    DifyError::internal().into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(error: Error) -> (u16, Value) {
        let error = DifyError::from(error);
        (error.status.as_u16(), error.body["detail"].clone())
    }

    fn with_reason(kind: Kind, message: &str, reason: Reason) -> Error {
        Error { kind, message: message.to_owned(), reason: Some(reason) }
    }

    #[test]
    fn the_reason_stands_behind_the_sentence() {
        let error = with_reason(Kind::Invalid, "URL host not allowed: 10.0.0.1", Reason::UrlForbidden);
        assert_eq!(told(error), (400, json!("URL host not allowed: 10.0.0.1 (URL_FORBIDDEN)")));
    }

    #[test]
    fn sentences_of_the_document_and_internal_faults_stay_plain() {
        for (message, reason) in [
            ("URL must point to a .difypkg file", Reason::UrlForbidden),
            ("Internal error; try again later", Reason::Internal),
        ] {
            assert_eq!(told(with_reason(Kind::Invalid, message, reason)).1, message);
        }
    }

    #[test]
    fn every_kind_has_its_status() {
        use application::commands::CommandError;
        use domain::task::TaskError;

        for (kind, status) in [
            (Kind::NotFound, 404),
            (Kind::Invalid, 400),
            (Kind::Conflict, 409),
            (Kind::Forbidden, 403),
            (Kind::Unauthenticated, 401),
            (Kind::Limited, 429),
            (Kind::Unavailable, 503),
        ] {
            assert_eq!(told(Error::new(kind, "x")).0, status, "{kind:?}");
        }
        assert_eq!(told(CommandError::<TaskError>::KeyReused.into()).0, 422);
    }

    #[test]
    fn what_can_be_tried_again_says_when() {
        let response = DifyError::from(Error::unavailable()).into_response();
        assert_eq!(response.headers()[RETRY_AFTER], PAUSE);
    }

    #[test]
    fn a_huge_input_is_not_read_back() {
        assert_eq!(shortened(json!("x".repeat(1 << 20))).as_str().unwrap().len(), 200);
        assert_eq!(shortened(json!(["x".repeat(1 << 20)])), Value::Null);
        assert_eq!(shortened(json!({"a": 1})), json!({"a": 1}));
    }
}
