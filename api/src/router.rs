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
    backstage, crossroads, dify, difymarket, health, identity_api, inkdrop, langbot,
    mount::Mount,
    nexus,
    operations::{Operation, nowhere, open, router as speaking},
    services::Services,
    settings::Role,
    space, telemetry,
    voice::Voice,
    yard,
};

/// Whose an unknown path of the root is: the longest prefix decides. Everything else is Dify's.
static OWNERS: [(&str, &Voice); 20] = [
    // What stands below a mount has been asked already, but for the bare slash.
    ("/inkdrop", &inkdrop::VOICE),
    ("/backstage", &backstage::VOICE),
    ("/langbot", &langbot::VOICE),
    ("/nexus", &nexus::VOICE),
    ("/space", &space::VOICE),
    ("/api/marketplace/v1", &backstage::VOICE),
    ("/v1/packages", &inkdrop::VOICE),
    ("/v2/packages", &inkdrop::VOICE),
    ("/api/v1/system", &langbot::VOICE),
    ("/api/v1/user", &langbot::VOICE),
    ("/api/v1/auth", &nexus::VOICE),
    ("/v1/plugins", &nexus::VOICE),
    ("/difymarket", &difymarket::VOICE),
    ("/api/v1/stats", &difymarket::VOICE),
    ("/api/v1/dist", &difymarket::VOICE),
    ("/admin", &yard::VOICE),
    ("/identity", &yard::VOICE),
    ("/blobs", &yard::VOICE),
    ("/packages", &yard::VOICE),
    ("/repositories", &yard::VOICE),
];

pub(crate) fn router(services: Services, role: Role) -> Router {
    let dialects = match role {
        Role::Api | Role::All => Router::new()
            .nest("/dify", dify_and_its_market(&services))
            .nest(
                "/difymarket",
                alone(&services, &difymarket::VOICE, "/difymarket", difymarket::operations()),
            )
            .nest("/inkdrop", mounted(&services, &inkdrop::VOICE, "/inkdrop", inkdrop::operations()))
            .nest("/backstage", mounted(&services, &backstage::VOICE, "/backstage", backstage::operations()))
            .nest("/langbot", langbot_and_space(&services))
            .nest("/nexus", mounted(&services, &nexus::VOICE, "/nexus", nexus::operations()))
            .nest("/space", mounted(&services, &space::VOICE, "/space", space::operations()))
            .merge(root(&services)),
        Role::Worker => alone(&services, &yard::VOICE, "", yard::operations()),
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
        .merge(of(&difymarket::VOICE, difymarket::free()))
        .merge(of(&inkdrop::VOICE, inkdrop::operations()))
        .merge(of(&backstage::VOICE, backstage::operations()))
        .merge(of(&langbot::VOICE, crossroads::beside(langbot::operations())))
        .merge(of(&nexus::VOICE, crossroads::beside(nexus::operations())))
        .merge(of(&yard::VOICE, yard::operations()))
        .merge(crossroads::router(services, services.plugins_dialect))
        .fallback_service(Router::new().fallback(unowned).with_state(Owners::new(services)))
}

/// One dialect and nothing else.
fn alone(
    services: &Services,
    voice: &'static Voice,
    path: &'static str,
    operations: Vec<Operation>,
) -> Router<Services> {
    let mount = Mount(path);
    speaking(services, voice, mount, operations)
        .fallback_service(nowhere(services, voice, mount).with_state(services.clone()))
}

/// One that takes credentials, and tells whose they are.
fn mounted(
    services: &Services,
    voice: &'static Voice,
    path: &'static str,
    mut operations: Vec<Operation>,
) -> Router<Services> {
    operations.extend(identity_api::operations());
    alone(services, voice, path, operations)
}

/// One address for both.
fn dify_and_its_market(services: &Services) -> Router<Services> {
    let mount = Mount("/dify");
    let market = speaking(services, &difymarket::VOICE, mount, difymarket::operations());
    alone(services, &dify::VOICE, mount.prefix(), dify::operations()).merge(market)
}

/// The front end takes both from one address.
fn langbot_and_space(services: &Services) -> Router<Services> {
    mounted(services, &langbot::VOICE, Mount::LANGBOT.0, langbot::operations()).merge(speaking(
        services,
        &space::VOICE,
        Mount::LANGBOT,
        space::operations(),
    ))
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

#[cfg(test)]
mod tests;
