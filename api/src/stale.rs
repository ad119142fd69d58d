//! Answers that were given earlier by somebody who does not answer now.

use axum::{
    http::HeaderName,
    response::{IntoResponse, Response},
};

const STALE: HeaderName = HeaderName::from_static("x-marketplace-stale");

pub(crate) fn marked(stale: bool, body: impl IntoResponse) -> Response {
    if stale { ([(STALE, "true")], body).into_response() } else { body.into_response() }
}
