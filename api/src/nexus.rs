//! The Nexus plugin API, at its own mount and at the documented paths. Plugins can be searched for; this version runs
//! none: what it says of them is that none is there, and what it cannot do it refuses as not built, to whom it would be
//! allowed.

mod auth;
mod discovery;
mod error;
mod plugins;

use application::{
    identity,
    policy::Action,
    queries::{catalogue, repositories},
};
use axum::http::Method;
use chrono::{DateTime, SecondsFormat, Utc};
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    credential::Accepts,
    limits::{Charge, ResetForm},
    operations::{Operation, delete, get, later, post, put},
    voice::{Heard, JSON, Voice, no_stamp},
};

pub(crate) use error::refuse;

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Nexus,
    accepts: Accepts { bearer: true, api_key: true, basic: false },
    refuse,
    refusal_type: JSON,
    accept: enveloped,
    stamp: no_stamp,
    reset: ResetForm::UnixSecondsAndWindow,
    read_models: &[
        identity::KEYS,
        identity::ACCOUNTS,
        catalogue::READ_MODEL,
        catalogue::PUBLISHERS,
        repositories::READ_MODEL,
    ],
};

/// The examples of the document use both.
const BASES: [&str; 2] = ["/api/v1/plugins", "/v1/plugins"];

fn enveloped(value: Value, heard: &Heard) -> Value {
    let data = if value.is_null() { json!({}) } else { value };
    json!({
        "success": true,
        "data": data,
        "timestamp": moment(heard.at),
        "request_id": &*heard.request_id,
    })
}

fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

pub(crate) fn operations() -> Vec<Operation> {
    let mut operations = vec![
        post("/api/v1/auth/login", Action::LogIn, auth::login).charged(Charge::Login),
        post("/api/v1/auth/refresh", Action::LogIn, auth::refresh),
        // Whoever may revoke a key may end a session.
        post("/api/v1/auth/logout", Action::RevokeKey, auth::log_out),
    ];
    operations.extend(BASES.into_iter().flat_map(of_plugins));
    operations
}

fn of_plugins(base: &str) -> Vec<Operation> {
    let plugin = |tail: &str| format!("{base}/{{plugin_id}}{tail}");
    let (read, change) = (Action::ReadHost, Action::ChangeHost);
    vec![
        get(base, read, plugins::list),
        get(plugin(""), read, plugins::none_there).for_later(),
        put(plugin(""), change, plugins::none_there).for_later(),
        delete(plugin(""), change, plugins::none_there).for_later(),
        later(Method::POST, format!("{base}/install"), change).patient(),
        later(Method::POST, format!("{base}/broadcast"), Action::MessagePlugin),
        get(format!("{base}/search"), read, discovery::search),
        get(format!("{base}/repositories"), read, discovery::repositories),
        get(plugin("/config"), read, plugins::configuration).for_later(),
        put(plugin("/config"), change, plugins::none_there).for_later(),
        post(plugin("/enable"), change, plugins::none_there).for_later(),
        post(plugin("/disable"), change, plugins::none_there).for_later(),
        post(plugin("/restart"), change, plugins::none_there).for_later(),
        get(plugin("/health"), read, plugins::none_there).for_later(),
        get(plugin("/metrics"), read, plugins::none_there).for_later(),
        get(plugin("/logs"), read, plugins::none_there).for_later(),
        post(plugin("/message"), Action::MessagePlugin, plugins::none_there).for_later(),
        get(plugin("/permissions"), read, plugins::none_there).for_later(),
        put(plugin("/permissions"), change, plugins::none_there).for_later(),
    ]
}

#[cfg(test)]
mod tests;
