//! Validators of answers that are not made of read models alone, such as what another marketplace says: made of the
//! answer itself. Everything is looked up, and a client that has the answer already is sent nothing.

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG},
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use sha2::{Digest as _, Sha256};

use crate::{file_response::matches_any, refusal::Refusal};

const ASKED_AGAIN: HeaderValue = HeaderValue::from_static("public, max-age=0, must-revalidate");
/// A page of a hundred plugins is far smaller.
const LARGEST: usize = 64 * 1024 * 1024;

/// Around the handler of one operation.
pub(crate) async fn answer(request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, LARGEST).await else { return Refusal::internal().into_response() };
    let number =
        Sha256::digest(&bytes).iter().take(16).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    let etag = format!("\"{number:032x}\"");
    let held = matches_any(&asked, &etag);
    if let Ok(etag) = HeaderValue::from_str(&format!("W/{etag}")) {
        parts.headers.insert(ETAG, etag);
    }
    parts.headers.insert(CACHE_CONTROL, ASKED_AGAIN);
    if !held {
        return Response::from_parts(parts, Body::from(bytes));
    }
    for header in [CONTENT_TYPE, CONTENT_LENGTH] {
        parts.headers.remove(header);
    }
    parts.status = StatusCode::NOT_MODIFIED;
    Response::from_parts(parts, Body::empty())
}
