//! What a dialect serves, as a list: every operation names the action it is in the policy, so that none can be reached
//! without one. The router is made of this list, and so is the description.

use std::time::Duration;

use application::policy::{Action, Owner, Verdict};
use axum::{
    Extension, Router,
    extract::{Request, State},
    handler::Handler,
    http::{HeaderMap, Method, header::CONTENT_TYPE},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};

use crate::{
    charging::{Charging, charge as charge_for},
    conditional::{self, Cache, Conditional},
    consistency::read_after,
    credential::Asking,
    guard,
    limits::Charge,
    mount::Mount,
    proving,
    refusal::{Fault, Refusal},
    security,
    services::Services,
    validated,
    voice::{Speaking, Voice, speak},
};

pub(crate) const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// What an operation may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// JSON, and half a minute.
    Usual,
    /// JSON, and longer; it ends by itself.
    Slow,
    /// Bytes in either direction, or a socket, for as long as that takes.
    Patient,
}

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// As the document writes it, without the mount.
    pub(crate) path: String,
    pub(crate) action: Action,
    /// The first one is told of in the headers.
    pub(crate) charges: Vec<Charge>,
    /// Served by this version; the others answer 501, and the description leaves them out.
    pub(crate) built: bool,
    pace: Pace,
    pub(crate) cache: Option<Cache>,
    validated: bool,
    route: MethodRouter<Services>,
}

/// A GET answers HEAD too.
pub(crate) fn get<T: 'static>(
    path: impl Into<String>,
    action: Action,
    handler: impl Handler<T, Services>,
) -> Operation {
    Operation::new(Method::GET, path, action, on(MethodFilter::GET, handler))
}

pub(crate) fn post<T: 'static>(
    path: impl Into<String>,
    action: Action,
    handler: impl Handler<T, Services>,
) -> Operation {
    Operation::new(Method::POST, path, action, on(MethodFilter::POST, handler))
}

pub(crate) fn put<T: 'static>(
    path: impl Into<String>,
    action: Action,
    handler: impl Handler<T, Services>,
) -> Operation {
    Operation::new(Method::PUT, path, action, on(MethodFilter::PUT, handler))
}

pub(crate) fn delete<T: 'static>(
    path: impl Into<String>,
    action: Action,
    handler: impl Handler<T, Services>,
) -> Operation {
    Operation::new(Method::DELETE, path, action, on(MethodFilter::DELETE, handler))
}

/// One that is documented and not built yet: credentials, rights and limits are answered as they will be, and then 501.
pub(crate) fn later(method: Method, path: impl Into<String>, action: Action) -> Operation {
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    Operation { built: false, ..Operation::new(method, path, action, on(filter, not_built)) }
}

impl Operation {
    fn new(method: Method, path: impl Into<String>, action: Action, route: MethodRouter<Services>) -> Self {
        Self {
            method,
            path: path.into(),
            action,
            charges: vec![Charge::Usual],
            built: true,
            pace: Pace::Usual,
            cache: None,
            validated: false,
            route,
        }
    }

    /// As the description writes it, which knows no parameter of several segments.
    pub(crate) fn template(&self) -> String {
        self.path.replace("{*", "{")
    }

    /// Answers the truth of today, which is not yet what it is for: the description leaves it out.
    pub(crate) fn for_later(self) -> Self {
        Self { built: false, ..self }
    }

    /// Counts against another limit than the dialect's usual one.
    pub(crate) fn charged(self, charge: Charge) -> Self {
        Self { charges: vec![charge], ..self }
    }

    /// Counts against this limit too.
    pub(crate) fn charged_too(mut self, charge: Charge) -> Self {
        self.charges.push(charge);
        self
    }

    pub(crate) fn patient(self) -> Self {
        Self { pace: Pace::Patient, ..self }
    }

    pub(crate) fn slow(self) -> Self {
        Self { pace: Pace::Slow, ..self }
    }

    /// Its 200 is made of read models alone and the same for everybody: it gets validators, and a client that has it
    /// already 304.
    pub(crate) fn cached(self, cache: Cache) -> Self {
        Self { cache: Some(cache), ..self }
    }

    /// Its 200 is the same for everybody, and made of more than read models: a client that has it already gets 304, after
    /// everything was looked up.
    pub(crate) fn validated(self) -> Self {
        Self { validated: true, ..self }
    }

    /// Around the handler, inside everything else.
    pub(crate) fn layered(
        self,
        layer: impl FnOnce(MethodRouter<Services>) -> MethodRouter<Services>,
    ) -> Self {
        Self { route: layer(self.route), ..self }
    }

    fn guarded(self, services: &Services) -> (String, MethodRouter<Services>) {
        let mut route = self.route;
        if self.validated {
            route = route.layer(middleware::from_fn(validated::answer));
        }
        if let Some(cache) = self.cache {
            let conditional = Conditional { validators: services.validators.clone(), cache };
            route = route.layer(middleware::from_fn_with_state(conditional, conditional::answer));
        }
        if self.pace != Pace::Patient {
            route = route.layer(middleware::from_fn(json_body));
        }
        if self.pace == Pace::Usual {
            route = route.layer(middleware::from_fn(in_time));
        }
        route = route
            .layer(middleware::from_fn_with_state(self.action, security::keep))
            .layer(middleware::from_fn_with_state(services.clone(), read_after))
            .layer(middleware::from_fn_with_state(self.action, may));
        for charge in self.charges.into_iter().rev() {
            let charged = Charging { limits: services.limits.clone(), charge };
            route = route.layer(middleware::from_fn_with_state(charged, charge_for));
        }
        (self.path, route)
    }
}

/// The operations of one dialect behind its limits, its policy and its voice. Without a fallback, so that dialects can
/// be merged at the root.
pub(crate) fn router(
    services: &Services,
    voice: &'static Voice,
    mount: Mount,
    operations: Vec<Operation>,
) -> Router<Services> {
    let (logins, others): (Vec<_>, Vec<_>) =
        operations.into_iter().partition(|operation| operation.action == Action::LogIn);
    let logins = routes(services, logins).layer(middleware::from_fn(proving::without));
    let others = authenticated(routes(services, others), services);
    spoken(logins.merge(others), services, voice, mount)
}

fn routes(services: &Services, operations: Vec<Operation>) -> Router<Services> {
    let guarded = operations.into_iter().map(|operation| operation.guarded(services));
    let router = guarded.fold(Router::new(), |all, (path, route)| all.route(&path, route));
    let charged = Charging { limits: services.limits.clone(), charge: Charge::Usual };
    let charged = middleware::from_fn_with_state(charged, charge_for);
    router.method_not_allowed_fallback(wrong_method.layer(charged))
}

/// What a dialect says of paths that it does not know.
pub(crate) fn nowhere(services: &Services, voice: &'static Voice, mount: Mount) -> Router<Services> {
    let charged = Charging { limits: services.limits.clone(), charge: Charge::Usual };
    let router =
        Router::new().fallback(unknown_path).layer(middleware::from_fn_with_state(charged, charge_for));
    spoken(authenticated(router, services), services, voice, mount)
}

fn authenticated(router: Router<Services>, services: &Services) -> Router<Services> {
    router.layer(middleware::from_fn_with_state(services.clone(), proving::authenticate))
}

fn spoken(
    router: Router<Services>,
    services: &Services,
    voice: &'static Voice,
    mount: Mount,
) -> Router<Services> {
    let speaking = speaking(services, voice, mount);
    let router = router
        .layer(middleware::from_fn(guard::measure))
        .layer(middleware::from_fn_with_state(speaking, speak));
    match services.cross_origin.layer(voice.dialect) {
        Some(layer) => router.layer(layer),
        None => router,
    }
}

/// For routes without credentials and limits: a refusal is worded all the same.
pub(crate) fn open(router: Router<Services>, services: &Services, voice: &'static Voice) -> Router<Services> {
    let speaking = speaking(services, voice, Mount::ROOT);
    router.method_not_allowed_fallback(wrong_method).layer(middleware::from_fn_with_state(speaking, speak))
}

fn speaking(services: &Services, voice: &'static Voice, mount: Mount) -> Speaking {
    Speaking {
        clock: services.clock.clone(),
        limits: services.limits.clone(),
        cross_origin: services.cross_origin.clone(),
        voice,
        mount,
    }
}

async fn unknown_path() -> Refusal {
    Refusal::unknown_path()
}

async fn wrong_method() -> Refusal {
    Refusal::wrong_method()
}

async fn not_built(request: Request) -> Refusal {
    guard::read_on(request.into_body()).await;
    Refusal::not_built()
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(LONGEST_ANSWER, next.run(request)).await {
        Ok(response) => response,
        Err(_elapsed) => Refusal::from(application::Error::unavailable()).into_response(),
    }
}

/// JSON, or what says nothing of its kind: a client that sends none, and curl, which calls everything a form.
async fn json_body(request: Request, next: Next) -> Response {
    match content_type(request.headers()) {
        None => next.run(request).await,
        Some(kind) if is_json(kind) || kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") => {
            next.run(request).await
        }
        Some(_) => {
            guard::read_on(request.into_body()).await;
            let told = "Content-Type is not supported: send application/json";
            Refusal::new(Fault::MediaType, told).into_response()
        }
    }
}

/// Without parameters; what is no text is no JSON either.
fn content_type(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(CONTENT_TYPE)?.to_str().unwrap_or("?");
    Some(text.split(';').next().unwrap_or(text).trim()).filter(|kind| !kind.is_empty())
}

fn is_json(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// Whether whoever asks may do this at all; whose thing it is, is judged where the thing is known.
async fn may(
    State(action): State<Action>,
    Extension(Asking(principal)): Extension<Asking>,
    Extension(voice): Extension<&'static Voice>,
    request: Request,
    next: Next,
) -> Response {
    let refusal = match principal.verdict(action, Owner::Own) {
        Verdict::Allowed => return next.run(request).await,
        Verdict::Unauthenticated => voice
            .accepts
            .challenged(Refusal::new(Fault::NoCredential, "Authentication required: send a credential")),
        Verdict::Refused | Verdict::Hidden => {
            Refusal::new(Fault::Forbidden, "This credential does not have the permission for this")
        }
    };
    guard::read_on(request.into_body()).await;
    refusal.into_response()
}

#[cfg(test)]
mod tests;
