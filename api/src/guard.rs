//! What no handler needs to see: requests too large in any direction, and packed bodies.

use std::time::Duration;

use axum::{
    extract::Request,
    http::{HeaderMap, Uri, header::CONTENT_ENCODING},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::StreamExt as _;

use crate::refusal::{Fault, Refusal};

const LONGEST_URL: usize = 8 * 1024;
const MOST_PAIRS: usize = 200;
const LARGEST_HEADERS: usize = 16 * 1024;
const MOST_READ_ON: usize = 4 * 1024 * 1024;
const LONGEST_READ_ON: Duration = Duration::from_secs(2);

pub(crate) async fn measure(request: Request, next: Next) -> Response {
    match judge(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            read_on(request).await;
            refusal.into_response()
        }
    }
}

/// Takes in a little of a body that nobody wants, so that its sender sees the refusal instead of a reset.
pub(crate) async fn read_on(request: Request) {
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

fn judge(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let query = uri.query().unwrap_or_default();
    if uri.path().len() + query.len() > LONGEST_URL {
        return Err(Refusal::new(Fault::UrlTooLong, "URI Too Long"));
    }
    if query.split('&').filter(|pair| !pair.is_empty()).count() > MOST_PAIRS {
        return Err(Refusal::meaningless("Too many query parameters"));
    }
    let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > LARGEST_HEADERS {
        return Err(Refusal::new(Fault::HeadersTooLarge, "Request Header Fields Too Large"));
    }
    let plain = |encoding: &[u8]| encoding.trim_ascii().eq_ignore_ascii_case(b"identity");
    if headers.get_all(CONTENT_ENCODING).iter().any(|encoding| !plain(encoding.as_bytes())) {
        return Err(Refusal::new(
            Fault::MediaType,
            "Content-Encoding is not supported: send the body as it is",
        ));
    }
    Ok(())
}
