//! An image of strangers: nothing in it runs, whatever opens it.

use axum::{
    body::Bytes,
    http::header::{
        CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
    },
    response::{IntoResponse as _, Response},
};

pub(crate) fn given(media_type: &str, bytes: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
        (CONTENT_DISPOSITION, "attachment; filename=\"icon\""),
        (CACHE_CONTROL, "public, max-age=600"),
    ];
    (headers, bytes).into_response()
}
