//! The one shape of a refusal in this dialect: `{"detail": ..}`.

use application::Error;
use axum::{
    Json,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    package_url,
    refusal::{Fault, Issue, Refusal},
    voice::Heard,
};

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
    headers: HeaderMap,
}

impl DifyError {
    pub(crate) fn text(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, body: json!({"detail": detail.into()}), headers: HeaderMap::new() }
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
        Refusal::new(Fault::Gone, "The file has expired and is no longer available").into()
    }

    pub(crate) fn unknown_path() -> Self {
        Self::text(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::text(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(RETRY_AFTER, PAUSE)
    }

    pub(super) fn malformed(issues: Vec<Issue>) -> Self {
        let list: Vec<Value> = issues
            .into_iter()
            .map(|Issue { kind, loc, msg, input }| json!({"type": kind, "loc": loc, "msg": msg, "input": input}))
            .collect();
        Self {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            body: json!({"detail": list}),
            headers: HeaderMap::new(),
        }
    }

    fn limited(refusal: &Refusal, detail: String) -> Self {
        let Some(standing) = refusal.standing else {
            return Self::text(StatusCode::TOO_MANY_REQUESTS, detail);
        };
        let (most, seconds) = (standing.rate.most(), standing.rate.seconds());
        let window = if seconds == 60 { "1 minute".to_owned() } else { format!("{seconds} seconds") };
        let body = json!({"detail": detail, "error": format!("Rate limit exceeded: {most} per {window}")});
        Self { status: StatusCode::TOO_MANY_REQUESTS, body, headers: HeaderMap::new() }
    }

    /// The client was too slow.
    pub(super) fn is_late(&self) -> bool {
        self.status == StatusCode::REQUEST_TIMEOUT
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.insert(name, HeaderValue::from_static(value));
        self
    }
}

/// In the words of this dialect.
pub(super) fn refuse(refusal: &Refusal, _: &Heard) -> (StatusCode, Value) {
    let DifyError { status, body, .. } = DifyError::from(refusal.clone());
    (status, body)
}

impl From<Refusal> for DifyError {
    fn from(refusal: Refusal) -> Self {
        let detail = worded(&refusal);
        let fault = refusal.fault;
        let mut error = if fault == Fault::Malformed && !refusal.issues.is_empty() {
            Self::malformed(refusal.issues)
        } else if fault == Fault::Malformed {
            Self::text(StatusCode::UNPROCESSABLE_ENTITY, detail)
        } else if fault == Fault::TooLarge {
            Self::bad(detail)
        } else if fault == Fault::Limited {
            Self::limited(&refusal, detail)
        } else {
            Self::text(fault.status(), detail)
        };
        error.headers.extend(refusal.headers);
        error
    }
}

/// The reason stands behind the sentence, but not behind one of the document.
fn worded(refusal: &Refusal) -> String {
    match refusal.reason {
        Some(_) if EXACT.contains(&refusal.message.as_str()) => refusal.message.clone(),
        _ => refusal.told(),
    }
}

impl From<Error> for DifyError {
    fn from(error: Error) -> Self {
        Refusal::from(error).into()
    }
}

impl IntoResponse for DifyError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        response.headers_mut().extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use application::{Kind, failure::Reason};

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
}
