//! What answers where: a table of contents.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware,
    response::Response,
    routing::get,
};
use tower::ServiceExt as _;

use crate::{
    crossroads, dify, health, identity_api, langbot,
    mount::Mount,
    nexus,
    operations::{Operation, nowhere, open, router as speaking},
    services::Services,
    settings::Role,
    telemetry,
    voice::Voice,
    yard,
};

/// Whose an unknown path of the root is: the longest prefix decides. Everything else is Dify's.
static OWNERS: [(&str, &Voice); 6] = [
    ("/api/v1/system", &langbot::VOICE),
    ("/api/v1/user", &langbot::VOICE),
    ("/api/v1/auth", &nexus::VOICE),
    ("/v1/plugins", &nexus::VOICE),
    ("/admin", &yard::VOICE),
    ("/identity", &yard::VOICE),
];

pub(crate) fn router(services: Services, role: Role) -> Router {
    let dialects = match role {
        Role::Api | Role::All => Router::new()
            .nest("/dify", mounted(&services, &dify::VOICE, Mount("/dify"), dify::operations()))
            .nest(
                "/langbot",
                with_identity(&services, &langbot::VOICE, Mount("/langbot"), langbot::operations()),
            )
            .nest("/nexus", with_identity(&services, &nexus::VOICE, Mount("/nexus"), nexus::operations()))
            .merge(root(&services)),
        Role::Worker => mounted(&services, &yard::VOICE, Mount::ROOT, yard::operations()),
    };
    Router::new()
        .merge(open(probes(), &services, &yard::VOICE))
        .merge(dialects)
        .layer(middleware::from_fn_with_state(services.clone(), telemetry::observe))
        .with_state(services)
}

/// Every documented path of every dialect, and our own.
fn root(services: &Services) -> Router<Services> {
    let of = |voice, operations| speaking(services, voice, Mount::ROOT, operations);
    Router::new()
        .merge(of(&dify::VOICE, dify::operations()))
        .merge(of(&langbot::VOICE, crossroads::beside(langbot::operations())))
        .merge(of(&nexus::VOICE, crossroads::beside(nexus::operations())))
        .merge(of(&yard::VOICE, yard::operations()))
        .merge(crossroads::router(services, services.plugins_dialect))
        .fallback_service(Router::new().fallback(unowned).with_state(Owners::new(services)))
}

/// One dialect and nothing else.
fn mounted(
    services: &Services,
    voice: &'static Voice,
    mount: Mount,
    operations: Vec<Operation>,
) -> Router<Services> {
    speaking(services, voice, mount, operations)
        .fallback_service(nowhere(services, voice, mount).with_state(services.clone()))
}

/// The same for a dialect that takes credentials.
fn with_identity(
    services: &Services,
    voice: &'static Voice,
    mount: Mount,
    mut operations: Vec<Operation>,
) -> Router<Services> {
    operations.extend(identity_api::operations());
    mounted(services, voice, mount, operations)
}

/// What machines look at.
fn probes() -> Router<Services> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(telemetry::metrics))
}

#[derive(Clone)]
struct Owners {
    of_prefixes: Arc<[(&'static str, Router)]>,
    of_the_rest: Router,
}

impl Owners {
    fn new(services: &Services) -> Self {
        let of = |voice| nowhere(services, voice, Mount::ROOT).with_state(services.clone());
        Self {
            of_prefixes: OWNERS.iter().map(|(prefix, voice)| (*prefix, of(voice))).collect(),
            of_the_rest: of(&dify::VOICE),
        }
    }
}

async fn unowned(State(owners): State<Owners>, request: Request) -> Response {
    let path = request.uri().path();
    let is_below =
        |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let those = owners.of_prefixes.iter().filter(|(prefix, _)| is_below(prefix));
    let owner = those.max_by_key(|(prefix, _)| prefix.len()).map_or(&owners.of_the_rest, |(_, owner)| owner);
    match owner.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
