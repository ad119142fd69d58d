//! What answers where: a table of contents.

use axum::{Router, middleware, routing::get};

use crate::{
    backstage, dify, health, inkdrop,
    mount::Mount,
    operations::{Operation, nowhere, open, router as speaking},
    services::Services,
    settings::Role,
    space, telemetry,
    voice::Voice,
    yard,
};

pub(crate) fn router(services: Services, role: Role) -> Router {
    let dialects = match role {
        Role::Api | Role::All => Router::new()
            .nest("/dify", mounted(&services, &dify::VOICE, "/dify", dify::operations()))
            .nest("/inkdrop", mounted(&services, &inkdrop::VOICE, "/inkdrop", inkdrop::operations()))
            .nest("/backstage", mounted(&services, &backstage::VOICE, "/backstage", backstage::operations()))
            .nest("/space", mounted(&services, &space::VOICE, "/space", space::operations()))
            .merge(speaking(&services, &dify::VOICE, Mount::ROOT, dify::operations()))
            .merge(speaking(&services, &inkdrop::VOICE, Mount::ROOT, inkdrop::operations()))
            .merge(speaking(&services, &backstage::VOICE, Mount::ROOT, backstage::operations()))
            .merge(speaking(&services, &yard::VOICE, Mount::ROOT, yard::operations()))
            .fallback_service(nowhere(&services, &dify::VOICE, Mount::ROOT).with_state(services.clone())),
        Role::Worker => speaking(&services, &yard::VOICE, Mount::ROOT, yard::operations())
            .fallback_service(nowhere(&services, &yard::VOICE, Mount::ROOT).with_state(services.clone())),
    };
    Router::new()
        .merge(open(probes(), &services, &yard::VOICE))
        .merge(dialects)
        .layer(middleware::from_fn_with_state(services.clone(), telemetry::observe))
        .with_state(services)
}

fn mounted(
    services: &Services,
    voice: &'static Voice,
    path: &'static str,
    operations: Vec<Operation>,
) -> Router<Services> {
    let mount = Mount(path);
    speaking(services, voice, mount, operations)
        .fallback_service(nowhere(services, voice, mount).with_state(services.clone()))
}

/// What machines look at.
fn probes() -> Router<Services> {
    Router::new()
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(telemetry::metrics))
}
