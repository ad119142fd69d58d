//! A few operations in a dialect of the test, over ports in memory.

use std::{net::SocketAddr, sync::Arc};

use application::{identity::KeyWish, principal::Principal};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode},
    middleware,
};
use domain::values::{Allowance, Dialect, Role};
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{Fakes, caller, wish};
use crate::{
    address::Peer,
    credential::Accepts,
    limits::ResetForm,
    mount::Mount,
    operations::{Operation, nowhere, router},
    refusal::Refusal,
    services::Services,
    telemetry,
    voice::{Heard, JSON, Voice, no_stamp},
};

pub(crate) struct Gate {
    pub(crate) fakes: Arc<Fakes>,
    pub(crate) services: Services,
    router: Router,
    _dir: TempDir,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// A dialect that says the fault, the sentence and the request.
pub(crate) fn voice(dialect: Dialect, accepts: Accepts) -> &'static Voice {
    let voice = Voice {
        dialect,
        accepts,
        refuse,
        refusal_type: JSON,
        accept: |value, _| value,
        stamp: no_stamp,
        reset: ResetForm::UnixSeconds,
        read_models: &[],
    };
    Box::leak(Box::new(voice))
}

fn refuse(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let said = json!({"said": refusal.message, "id": &*heard.request_id});
    (refusal.fault.status(), said)
}

impl Gate {
    pub(crate) fn new(voice: &'static Voice, operations: Vec<Operation>, flags: &[&str]) -> Self {
        let fakes = Fakes::new();
        let (services, dir) = fakes.services(flags);
        let router = router(&services, voice, Mount::ROOT, operations)
            .fallback_service(nowhere(&services, voice, Mount::ROOT).with_state(services.clone()))
            .layer(middleware::from_fn_with_state(services.clone(), telemetry::observe))
            .with_state(services.clone());
        Self { fakes, services, router, _dir: dir }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(method, path, headers, Body::empty(), "192.0.2.1").await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
        from: &str,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        request.extensions_mut().insert(Peer(SocketAddr::new(from.parse().unwrap(), 4711)));
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().into();
        Reply { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// The secret of a new key, whose owner has the name of its role.
    pub(crate) async fn key(&self, dialect: Dialect, role: Role, allowance: Option<Allowance>) -> String {
        let wish = KeyWish { allowance, ..wish(role.as_str(), dialect, role) };
        let issued = self.services.identity.issue(&Principal::bootstrap(), wish, caller()).await.unwrap();
        issued.secret.into_inner()
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}
