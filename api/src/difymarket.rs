//! What Dify itself asks a marketplace: its core before and while it installs, its web page, and the scripts around it.
//! Open to everybody. Whatever goes wrong has one form: `{"code": -1, "msg", "data": null}`.

mod asking;
mod body;
mod bundles;
mod bytes;
mod snapshot;

use application::{
    policy::Action,
    queries::{catalogue, listings, repositories},
};
use axum::http::StatusCode;
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    credential::Accepts,
    limits::{Charge, ResetForm},
    operations::{Operation, get, post},
    refusal::{Fault, Refusal},
    voice::{Heard, JSON, Voice, no_stamp},
};

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Dify,
    accepts: Accepts::NOTHING,
    refuse,
    refusal_type: JSON,
    accept: enveloped,
    stamp: no_stamp,
    reset: ResetForm::UnixSeconds,
    read_models: &[catalogue::READ_MODEL, repositories::READ_MODEL, listings::READ_MODEL],
};

/// The documented paths that no other dialect has: these are at the root too.
pub(crate) fn free() -> Vec<Operation> {
    let plugins = "/api/v1/plugins";
    let read = Action::ReadCatalogue;
    vec![
        post(format!("{plugins}/batch"), read, asking::batch),
        post(format!("{plugins}/search/advanced"), read, asking::search),
        get(format!("{plugins}/download"), read, bytes::by_identifier).patient(),
        get(format!("{plugins}/{{org}}/{{name}}/{{version}}/download"), read, bytes::by_name).patient(),
        post("/api/v1/stats/plugins/install_count", read, bytes::installed).charged(Charge::Passing),
        get("/api/v1/dist/plugins/manifest.json", read, snapshot::manifest).patient(),
    ]
}

/// Everything, where nothing else is.
pub(crate) fn operations() -> Vec<Operation> {
    let plugins = "/api/v1/plugins";
    let plugin = format!("{plugins}/{{org}}/{{name}}");
    let read = Action::ReadCatalogue;
    let mut operations = free();
    operations.extend([
        post(format!("{plugins}/search/basic"), read, asking::search),
        get(format!("{plugins}/identifier"), read, asking::identified),
        get(format!("{plugins}/download-url"), read, bytes::by_identifier).patient(),
        get(&plugin, read, asking::details),
        get(format!("{plugin}/versions"), read, asking::versions),
        get(format!("{plugin}/icon"), read, asking::icon),
        get("/api/v1/collections", read, bundles::collections),
        post("/api/v1/collections/{collection}/plugins", read, bundles::of_collection),
        post("/api/v1/bundles/search/advanced", read, bundles::none),
    ]);
    operations
}

fn enveloped(data: Value, _: &Heard) -> Value {
    let mut envelope = json!({"code": 0, "msg": "ok"});
    envelope["data"] = data;
    envelope
}

fn refuse(refusal: &Refusal, _: &Heard) -> (StatusCode, Value) {
    let is_path = refusal.fault == Fault::UnknownPath;
    let msg = if is_path { "not found".to_owned() } else { refusal.told() };
    (refusal.fault.status(), json!({"code": -1, "msg": msg, "data": null}))
}

fn not_found() -> Refusal {
    Refusal::not_found("plugin not found")
}
