//! The paths that are our own: administration, and whatever belongs to no dialect. Refusals are problem details
//! (RFC 9457).

use application::policy::Action;
use axum::http::{HeaderValue, StatusCode};
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    admin,
    credential::Accepts,
    description, feeds, identity_api,
    limits::ResetForm,
    operations::{Operation, get, post},
    package_downloads, packages_api,
    refusal::{Fault, Refusal},
    repositories_api, served_blobs,
    voice::{Heard, Voice, no_stamp},
};

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Yard,
    accepts: Accepts { bearer: true, api_key: true, basic: false },
    refuse,
    refusal_type: HeaderValue::from_static("application/problem+json"),
    accept: plain,
    stamp: no_stamp,
    reset: ResetForm::UnixSeconds,
    read_models: &[
        application::identity::KEYS,
        application::identity::ACCOUNTS,
        application::queries::catalogue::READ_MODEL,
        application::queries::catalogue::PUBLISHERS,
        application::queries::reviews::READ_MODEL,
        application::queries::downloads::READ_MODEL,
        application::queries::activity::READ_MODEL,
        application::queries::repositories::READ_MODEL,
    ],
};

pub(crate) fn operations() -> Vec<Operation> {
    let mut operations = vec![
        get("/admin/policy", Action::ReadPolicy, identity_api::policy),
        get("/openapi.json", Action::ReadInstance, description::json),
        get("/docs", Action::ReadInstance, description::html),
        get("/blobs/{sha256}/{filename}", Action::ReadCatalogue, served_blobs::blob).patient(),
        get("/admin/projections", Action::Operate, admin::list),
        post("/admin/projections/{name}/rebuild", Action::Operate, admin::rebuild),
        post("/admin/projections/{name}/retry", Action::Operate, admin::retry),
    ];
    operations.extend(feeds::operations());
    operations.extend(package_downloads::operations());
    operations.extend(repositories_api::operations());
    operations.extend(identity_api::operations());
    operations.extend(packages_api::operations());
    operations
}

fn plain(value: Value, _: &Heard) -> Value {
    value
}

fn refuse(refusal: &Refusal, heard: &Heard) -> (StatusCode, Value) {
    let malformed = refusal.fault == Fault::Malformed;
    let status = if malformed { StatusCode::UNPROCESSABLE_ENTITY } else { refusal.fault.status() };
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": refusal.message,
        "request_id": &*heard.request_id,
    });
    if let Some(reason) = refusal.told_reason() {
        body["reason"] = reason.as_str().into();
    }
    (status, body)
}
