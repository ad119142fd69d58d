//! The outermost layer: names the request, finds its client, measures, and leaves one line in the log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    middleware::Next,
    response::Response,
};
use domain::values::Dialect;

use super::Telemetry;
use crate::{address::Addresses, services::Services};

const HEADER: &str = "x-request-id";
const LONGEST: usize = 128;

/// The client's own, or one made here; printable ASCII.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

impl RequestId {
    fn of_client(headers: &HeaderMap) -> Option<Self> {
        let given = headers.get(HEADER)?.to_str().ok()?;
        let fits =
            (1..=LONGEST).contains(&given.len()) && given.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        fits.then(|| Self(given.into()))
    }
}

/// Written when the answer's head is ready, or when the client went away before.
struct Line {
    telemetry: Arc<Telemetry>,
    id: RequestId,
    route: Option<MatchedPath>,
    began: Instant,
    answer: Option<(StatusCode, &'static str)>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let route = self.route.as_ref().map_or("other", MatchedPath::as_str);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let request_id = &*self.id.0;
        if let Some((status, dialect)) = self.answer {
            self.telemetry.count(route, status, dialect, took);
            tracing::info!(request_id, route, status = status.as_u16(), ms, "answered");
        } else {
            tracing::info!(request_id, route, ms, "the client went away");
        }
    }
}

pub(crate) async fn observe(State(services): State<Services>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = RequestId::of_client(request.headers())
        .unwrap_or_else(|| RequestId(services.ids.secret().to_string().into()));
    let client = Addresses::client(&services.addresses, request.headers(), request.extensions());
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(client);
    let telemetry = services.telemetry.clone();
    let mut line = Line { telemetry, id: id.clone(), route, began, answer: None };
    let mut response = next.run(request).await;
    let dialect = response.extensions().get::<Dialect>().map_or("none", |dialect| dialect.as_str());
    line.answer = Some((response.status(), dialect));
    name(response.headers_mut(), &id, began.elapsed());
    response
}

fn name(headers: &mut HeaderMap, id: &RequestId, took: Duration) {
    if let Ok(id) = HeaderValue::from_str(&id.0) {
        headers.insert(HEADER, id);
    }
    if let Ok(seconds) = HeaderValue::from_str(&format!("{:.6}", took.as_secs_f64())) {
        headers.insert("x-process-time", seconds);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(value: &[u8]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(value).unwrap());
        RequestId::of_client(&headers).is_some()
    }

    #[test]
    fn a_printable_request_id_of_the_client_is_kept() {
        assert!(kept(b"abc-123 x"));
        assert!(kept(&[b'a'; LONGEST]));
        for refused in [&b""[..], &[b'a'; LONGEST + 1], b"tab\there", "ü".as_bytes()] {
            assert!(!kept(refused), "{refused:?}");
        }
    }
}
