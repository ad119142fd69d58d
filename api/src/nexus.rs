//! The Nexus plugin API, at its own mount and at the documented paths: what could be installed, what is, and everything
//! that can be done with it. Whatever was installed through another dialect is shown and changed here as well.

mod auth;
mod changing;
mod configuration;
mod discovery;
mod error;
mod installing;
mod manifest;
mod messages;
mod named;
mod orders;
mod permissions;
mod plugins;
mod running;
mod shown;
mod telemetry;

use application::{
    identity,
    policy::Action,
    queries::{catalogue, installations, operations as work, repositories},
};
use chrono::{DateTime, SecondsFormat, Utc};
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    credential::Accepts,
    limits::{Charge, ResetForm},
    operations::{Operation, delete, get, post, put},
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
        installations::READ_MODEL,
        work::READ_MODEL,
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
        get(plugin(""), read, plugins::details),
        put(plugin(""), change, changing::update).slow(),
        delete(plugin(""), change, changing::uninstall).slow(),
        post(format!("{base}/install"), change, installing::install).patient(),
        post(format!("{base}/broadcast"), Action::MessagePlugin, messages::broadcast).slow(),
        get(format!("{base}/search"), read, discovery::search),
        get(format!("{base}/repositories"), read, discovery::repositories),
        get(plugin("/config"), read, configuration::show),
        put(plugin("/config"), change, configuration::change).slow(),
        post(plugin("/enable"), change, running::enable).slow(),
        post(plugin("/disable"), change, running::disable).slow(),
        post(plugin("/restart"), change, running::restart).slow(),
        get(plugin("/backups"), read, changing::backups),
        post(plugin("/rollback"), change, changing::roll_back).slow(),
        get(plugin("/health"), read, running::health),
        get(plugin("/metrics"), read, telemetry::metrics),
        get(plugin("/logs"), read, telemetry::logs),
        post(plugin("/message"), Action::MessagePlugin, messages::send).slow(),
        get(plugin("/permissions"), read, permissions::show),
        put(plugin("/permissions"), change, permissions::change).slow(),
    ]
}

#[cfg(test)]
mod tests;
