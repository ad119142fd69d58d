//! One dialect alone, with test routes beside its own: every fault can be provoked, and is read as a client reads it.
//! Or all of them, as the service has them.

use std::{sync::Arc, time::Duration};

use application::{identity::KeyWish, policy::Action, principal::Principal};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request},
    middleware,
};
use bytes::Bytes;
use domain::values::{Dialect, Role};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{Fakes, Shelf, caller, wish};
use crate::{
    fields::Fields,
    mount::Mount,
    operations::{Operation, get, nowhere, post, router},
    refusal::{Fault, Refusal},
    telemetry,
    voice::Voice,
};

/// Faults that no layer makes by itself; the test routes answer with them.
const SAID: [(&str, Fault); 6] = [
    ("/test/not-found", Fault::NotFound),
    ("/test/conflict", Fault::Conflict),
    ("/test/gone", Fault::Gone),
    ("/test/key-reused", Fault::KeyReused),
    ("/test/upgrade", Fault::UpgradeRequired),
    ("/test/not-built", Fault::NotBuilt),
];

pub(crate) struct Door {
    pub(crate) dialect: Dialect,
    fakes: Arc<Fakes>,
    router: Router,
    _dir: TempDir,
}

#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Door {
    pub(crate) fn new(voice: &'static Voice, operations: Vec<Operation>, flags: &[&str]) -> Self {
        let fakes = Fakes::new();
        let (services, dir) = fakes.services(flags);
        let operations = operations.into_iter().chain(test_operations()).collect();
        let router = router(&services, voice, Mount::ROOT, operations)
            .fallback_service(nowhere(&services, voice, Mount::ROOT).with_state(services.clone()))
            .layer(middleware::from_fn_with_state(services.clone(), telemetry::observe))
            .with_state(services);
        Self { dialect: voice.dialect, fakes, router, _dir: dir }
    }

    /// Everything, with the paths as they are.
    pub(crate) fn of_everything(flags: &[&str]) -> Self {
        let fakes = Fakes::new();
        let (services, dir) = fakes.services(flags);
        let router = crate::router::router(services, crate::settings::Role::All);
        Self { dialect: Dialect::Yard, fakes, router, _dir: dir }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Heard {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let page =
            parts.headers.get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let body = match &body[..] {
            [] => Value::Null,
            page_text if page => String::from_utf8(page_text.to_vec()).unwrap().into(),
            json => serde_json::from_slice(json).unwrap(),
        };
        Heard { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Heard {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Heard {
        self.ask(Method::GET, path, headers, Body::empty()).await
    }

    /// With this credential, and a body where there is one.
    pub(crate) async fn say(&self, method: Method, path: &str, token: &str, body: &Value) -> Heard {
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers[..] };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(method, path, headers, body).await
    }

    /// What the catalogue behind it shows.
    pub(crate) fn shelf(&self) -> &Shelf {
        &self.fakes.shelf
    }

    /// For the clock that keys end by.
    pub(crate) fn passes(&self, time: Duration) {
        self.fakes.registry.passes(time);
    }

    /// The id and the secret of a new key of this dialect.
    pub(crate) async fn key(&self, role: Role) -> (String, String) {
        self.key_of("somebody", &[self.dialect], role).await
    }

    pub(crate) async fn key_of(&self, owner: &str, dialects: &[Dialect], role: Role) -> (String, String) {
        let dialects = dialects.iter().copied().collect();
        let wish = KeyWish { dialects, ..wish(owner, self.dialect, role) };
        let key =
            self.fakes.registry.identity().issue(&Principal::bootstrap(), wish, caller()).await.unwrap();
        (key.id.to_string(), key.secret.reveal().clone())
    }

    /// Somebody who can log in.
    pub(crate) async fn person(&self, name: &str, role: Role, password: &str) {
        let (name, password) = (name.parse().unwrap(), Some(password.to_owned().into()));
        let (identity, by) = (self.fakes.registry.identity(), Principal::bootstrap());
        identity.set_account(&by, &name, Some(role), password, &caller()).await.unwrap();
    }

    /// The answer to a request that has this fault.
    pub(crate) async fn provoke(&self, fault: Fault) -> Heard {
        match fault {
            Fault::Malformed => self.ask(Method::POST, "/test/read", &[], "{").await,
            Fault::Meaningless => self.get(&format!("/test/panic?{}", "a&".repeat(201)), &[]).await,
            Fault::NoCredential => self.get("/test/operate", &[]).await,
            Fault::BadCredential => self.get("/test/operate", &[("authorization", "Bearer wrong")]).await,
            Fault::Forbidden => {
                let (_, secret) = self.key(Role::User).await;
                self.get("/test/operate", &[("authorization", &format!("Bearer {secret}"))]).await
            }
            Fault::UnknownPath => self.get("/nothing/here", &[]).await,
            Fault::WrongMethod => self.ask(Method::PATCH, "/test/read", &[], Body::empty()).await,
            Fault::Late => {
                let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
                self.ask(Method::POST, "/test/read", &[], Body::from_stream(never)).await
            }
            Fault::TooLarge => {
                let large = format!(r#"{{"a":"{}"}}"#, "a".repeat(1024 * 1024));
                self.ask(Method::POST, "/test/read", &[], large).await
            }
            Fault::UrlTooLong => self.get(&format!("/test/panic?{}", "a".repeat(8200)), &[]).await,
            Fault::MediaType => self.get("/test/panic", &[("content-encoding", "gzip")]).await,
            Fault::HeadersTooLarge => self.get("/test/panic", &[("x-large", &"a".repeat(17 * 1024))]).await,
            Fault::Limited => {
                for _ in 0..1_000 {
                    let answer = self.get("/test/login", &[]).await;
                    if answer.status == 429 {
                        return answer;
                    }
                }
                panic!("nothing limits the requests");
            }
            Fault::Unavailable => self.get("/test/slow", &[]).await,
            Fault::Internal => self.get("/test/panic", &[]).await,
            Fault::NotFound
            | Fault::Conflict
            | Fault::Gone
            | Fault::KeyReused
            | Fault::UpgradeRequired
            | Fault::NotBuilt => {
                let (path, _) = SAID.iter().find(|(_, said)| *said == fault).unwrap();
                self.get(path, &[]).await
            }
        }
    }
}

fn test_operations() -> Vec<Operation> {
    let open = Action::ReadCatalogue;
    let said = SAID.map(|(path, fault)| get(path, open, async move || Refusal::new(fault, "said")));
    let others = [
        post("/test/read", open, read),
        get("/test/panic", open, panics),
        get("/test/slow", open, slow),
        get("/test/operate", Action::Operate, async || "operated"),
        get("/test/login", open, async || "1").charged(crate::limits::Charge::Login),
    ];
    said.into_iter().chain(others).collect()
}

async fn read(body: Body) -> Result<&'static str, Refusal> {
    Fields::of_json(body).await?.well_formed()?;
    Ok("{}")
}

async fn panics() -> Refusal {
    panic!("a panic of the test")
}

/// Longer than anybody is let wait.
async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_hours(1)).await;
    "{}"
}
