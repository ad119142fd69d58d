//! What no handler needs to see: requests too large in any direction, packed bodies, and answers that never come.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, Uri, header::CONTENT_ENCODING},
    middleware::Next,
    response::{IntoResponse, Response},
};

use futures::StreamExt as _;

use super::DifyError;

const LONGEST_URL: usize = 8 * 1024;
const MOST_PAIRS: usize = 200;
const LARGEST_HEADERS: usize = 16 * 1024;
const MOST_READ_ON: usize = 4 * 1024 * 1024;
const LONGEST_READ_ON: Duration = Duration::from_secs(2);
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

pub(super) async fn measure(request: Request, next: Next) -> Response {
    match judge(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            read_on(request).await;
            refusal.into_response()
        }
    }
}

/// Takes in a little of a body that nobody wants, so that its sender sees the refusal instead of a reset.
pub(super) async fn read_on(request: Request) {
    let mut rest = request.into_body().into_data_stream();
    let reading = async {
        let mut read = 0;
        while let Some(Ok(bytes)) = rest.next().await {
            read += bytes.len();
            if read > MOST_READ_ON {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(LONGEST_READ_ON, reading).await;
}

fn judge(uri: &Uri, headers: &HeaderMap) -> Result<(), DifyError> {
    let query = uri.query().unwrap_or_default();
    if uri.path().len() + query.len() > LONGEST_URL {
        return Err(DifyError::text(StatusCode::URI_TOO_LONG, "URI Too Long"));
    }
    if query.split('&').filter(|pair| !pair.is_empty()).count() > MOST_PAIRS {
        return Err(DifyError::bad("Too many query parameters"));
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > LARGEST_HEADERS {
        return Err(DifyError::text(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Request Header Fields Too Large",
        ));
    }
    let plain = |encoding: &[u8]| encoding.trim_ascii().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().any(|encoding| !plain(encoding.as_bytes())) {
        return Err(DifyError::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Content-Encoding is not supported: send the body as it is",
        ));
    }
    Ok(())
}

pub(super) async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(LONGEST_ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => DifyError::from(application::Error::unavailable()).into_response(),
    }
}
