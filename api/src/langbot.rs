//! `LangBot`'s plugin API, at its own mount and at the documented paths. This version runs no plugins: what it says of
//! them is that none is there, and what it cannot do it refuses as not built, to whom it would be allowed.

mod error;
mod plugins;
mod session;
mod system;

use application::{identity, policy::Action};
use axum::http::Method;
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    credential::Accepts,
    limits::{Charge, ResetForm},
    operations::{Operation, get, later, post, put},
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
    read_models: &[identity::KEYS, identity::ACCOUNTS],
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
        get("/api/v1/system/tasks", read, system::tasks),
        get("/api/v1/system/tasks/{id}", read, system::no_task),
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
        get(plugin(""), read, plugins::none_there).for_later(),
        // A task that fails is what clients expect of a plugin that is not there.
        later(Method::DELETE, plugin(""), change),
        post(plugin("/upgrade"), change, plugins::none_there).for_later(),
        get(plugin("/config"), read, plugins::none_there).for_later(),
        put(plugin("/config"), change, plugins::none_there).for_later(),
        get(plugin("/logs"), Action::ReadHostLogs, plugins::none_there).for_later(),
        get(plugin("/readme"), read, plugins::none_there).for_later(),
        get(plugin("/icon"), open, plugins::none_there).for_later(),
        get(plugin("/assets/{*path}"), open, plugins::none_there).for_later(),
        get(plugin("/authenticated-icon"), read, plugins::none_there).for_later(),
        get(plugin("/authenticated-assets/{*path}"), read, plugins::none_there).for_later(),
        post(plugin("/page-api"), Action::MessagePlugin, plugins::none_there).for_later(),
        later(Method::POST, at("install/local"), change).patient(),
        later(Method::POST, at("install/local/preview"), change).patient(),
        later(Method::POST, at("install/github"), change),
        later(Method::POST, at("install/marketplace"), change),
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
