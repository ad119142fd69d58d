//! The outermost layer: names the request, finds its client, measures, and leaves one line in the log.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use application::ports::system::Ids;
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    middleware::Next,
    response::Response,
};
use domain::values::Dialect;

use super::Telemetry;
use crate::{address::Addresses, credential::Asking};

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
    answer: Option<Answered>,
}

struct Answered {
    status: StatusCode,
    dialect: &'static str,
    /// Whom the request spoke for, where somebody got so far as to ask: an id, never a name or a credential.
    principal: Option<String>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let took = self.began.elapsed();
        let route = self.route.as_ref().map_or("other", MatchedPath::as_str);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let request_id = &*self.id.0;
        if let Some(Answered { status, dialect, principal }) = &self.answer {
            self.telemetry.count(route, *status, dialect, took);
            let (status, principal) = (status.as_u16(), principal.as_deref());
            tracing::info!(request_id, route, status, ms, dialect, principal, "answered");
        } else {
            tracing::info!(request_id, route, ms, "the client went away");
        }
    }
}

pub(crate) async fn observe(
    State(telemetry): State<Arc<Telemetry>>,
    State(addresses): State<Addresses>,
    State(ids): State<Arc<dyn Ids>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let id =
        RequestId::of_client(request.headers()).unwrap_or_else(|| RequestId(ids.secret().to_string().into()));
    let client = addresses.client(request.headers(), request.extensions());
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(client);
    let mut line = Line { telemetry, id: id.clone(), route, began, answer: None };
    let mut response = next.run(request).await;
    let extensions = response.extensions();
    line.answer = Some(Answered {
        status: response.status(),
        dialect: extensions.get::<Dialect>().map_or("none", |dialect| dialect.as_str()),
        principal: extensions.get::<Asking>().map(|Asking(principal)| principal.id()),
    });
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
    use application::policy::Action;
    use axum::http::Method;
    use serde_json::json;

    use super::*;
    use crate::{
        credential::Accepts,
        fakes::{ADMIN, Gate, voice},
        operations::get,
        telemetry::overheard,
    };

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

    #[tokio::test]
    async fn a_request_leaves_one_line_of_json_that_names_its_principal_and_none_of_its_text() {
        let accepts = Accepts { bearer: true, api_key: true, basic: false };
        let open = get("/open/{name}", Action::ReadCatalogue, async || "fine");
        let gate = Gate::new(voice(Dialect::Nexus, accepts), vec![open], &[]);
        overheard::taken();
        let admin = format!("Bearer {ADMIN}");
        let odd = "\t[31m\u{80}\u{9b}hush";
        for headers in [
            &[("authorization", admin.as_str())][..],
            &[("authorization", "Bearer hush")],
            &[("x-request-id", "a\tb"), ("user-agent", odd), ("x-api-key", odd)],
            &[("x-request-id", "\"}{\"hush\": 1")],
        ] {
            gate.ask(Method::GET, "/open/%1B%5B31mhush%0A%7B%7D?ticket=hush", headers).await;
        }
        let text = overheard::taken();
        let mut lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<_> = lines.iter().map(|line| (&line["status"], &line["principal"])).collect();
        assert_eq!(json!(told), json!([[200, "bootstrap"], [401, null], [401, null], [200, "anonymous"]]));
        assert!(
            lines.iter().all(|line| line["dialect"] == "nexus" && line["route"] == "/open/{name}"),
            "{text}"
        );
        let own_id = lines[3]["request_id"].take();
        assert_eq!(own_id, "\"}{\"hush\": 1", "what the client called its request is all that it can write");
        assert!(!json!(lines).to_string().contains("hush") && !text.contains('\u{1b}'), "{text}");
    }
}
