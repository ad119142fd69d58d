//! `LangBot`'s plugin API, at its own mount and at the documented paths: the installed plugins of its format, whatever
//! dialect they came through, and the tasks that change them.

mod error;
mod files;
mod github;
mod installing;
mod named;
mod orders;
mod plugins;
mod session;
mod shown;
mod system;
mod tasks;

use application::{
    identity,
    policy::Action,
    queries::{installations, operations as work},
};
use axum::http::Method;
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    credential::Accepts,
    limits::{Charge, ResetForm},
    operations::{Operation, delete, get, later, post, put},
    voice::{Heard, JSON, Voice, no_stamp},
};

pub(crate) use error::written_code;

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Langbot,
    accepts: Accepts { bearer: true, api_key: true, basic: false },
    refuse: error::refuse,
    refusal_type: JSON,
    accept: enveloped,
    stamp: no_stamp,
    reset: ResetForm::UnixSeconds,
    read_models: &[identity::KEYS, identity::ACCOUNTS, installations::READ_MODEL, work::READ_MODEL],
};

/// Clients take `data` apart without asking what it is.
fn enveloped(value: Value, _: &Heard) -> Value {
    let data = if value.is_null() { json!({}) } else { value };
    json!({"code": 0, "msg": "ok", "data": data})
}

pub(crate) fn operations() -> Vec<Operation> {
    let (read, open) = (Action::ReadHost, Action::ReadInstance);
    let mut operations = vec![
        post("/api/v1/user/auth", Action::LogIn, session::begin).charged(Charge::Login),
        get("/api/v1/user/check-token", read, session::check),
        get("/api/v1/system/info", open, system::info),
        get("/api/v1/system/context", read, system::context),
        get("/api/v1/system/capabilities", read, system::capabilities),
        get("/api/v1/system/status/plugin-system", read, system::plugin_system),
        get("/api/v1/system/tasks", read, tasks::list),
        get("/api/v1/system/tasks/{id}", read, tasks::one),
    ];
    operations.extend(of_plugins("/api/v1/plugins"));
    operations
}

fn of_plugins(base: &str) -> Vec<Operation> {
    let plugin = |tail: &str| format!("{base}/{{author}}/{{plugin_name}}{tail}");
    let at = |tail: &str| format!("{base}/{tail}");
    let (read, change, open) = (Action::ReadHost, Action::ChangeHost, Action::ReadInstance);
    vec![
        get(base, read, plugins::list),
        get(plugin(""), read, plugins::one),
        delete(plugin(""), change, installing::remove),
        post(plugin("/upgrade"), change, installing::upgrade),
        get(plugin("/config"), read, plugins::config),
        put(plugin("/config"), change, plugins::configure).slow(),
        get(plugin("/logs"), Action::ReadHostLogs, plugins::logs),
        get(plugin("/readme"), read, files::readme),
        get(plugin("/icon"), open, files::icon),
        get(plugin("/assets/{*path}"), open, files::asset),
        get(plugin("/authenticated-icon"), read, files::icon),
        get(plugin("/authenticated-assets/{*path}"), read, files::asset),
        later(Method::POST, plugin("/page-api"), Action::MessagePlugin),
        post(at("install/local"), change, installing::local).patient(),
        post(at("install/local/preview"), change, installing::preview).patient(),
        post(at("install/github"), change, installing::from_github),
        post(at("install/marketplace"), change, installing::from_marketplace),
        later(Method::POST, at("github/releases"), change),
        later(Method::POST, at("github/release-assets"), change),
        later(Method::POST, at("config-files"), change),
        later(Method::DELETE, at("config-files/{key}"), change),
        // Hands out a key.
        later(Method::GET, at("debug-info"), Action::ReadSecrets),
        later(Method::GET, at("_sdk/page-sdk.js"), open),
    ]
}

#[cfg(test)]
mod tests;
