//! `LangBot`'s marketplace, as its core, its web page and `lbp` ask for it: at its own mount and inside `LangBot`'s, never
//! at the root. Reading is open; publishing needs an `lbpat_` token.

mod asked;
mod body;
mod error;
mod plugins;
mod publishing;

use application::{
    identity::{ACCOUNTS, KEYS},
    policy::Action::{LogIn, PublishPackage, ReadCatalogue, Review},
    queries::catalogue,
};
use axum::{extract::DefaultBodyLimit, http::Method};
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    conditional::Cache,
    credential::Accepts,
    limits::{Charge, ResetForm},
    operations::{Operation, get, later, post},
    refusal::Refusal,
    voice::{Heard, JSON, Voice, no_stamp},
};

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Space,
    accepts: Accepts { bearer: true, api_key: false, basic: false },
    refuse: error::refuse,
    refusal_type: JSON,
    accept: data,
    stamp: no_stamp,
    reset: ResetForm::UnixSeconds,
    read_models: &[KEYS, ACCOUNTS, catalogue::READ_MODEL, catalogue::PUBLISHERS],
};

pub(crate) fn operations() -> Vec<Operation> {
    let market = "/api/v1/marketplace";
    let plugins = format!("{market}/plugins");
    let plugin = format!("{plugins}/{{author}}/{{name}}");
    let extensions = format!("{market}/extensions");
    let tokens = "/api/v1/accounts/token";
    vec![
        // The core asks for these first, and takes another way when one is there.
        get(format!("{market}/mcps/{{author}}/{{name}}"), ReadCatalogue, no_mcp),
        get(format!("{market}/skills/{{author}}/{{name}}"), ReadCatalogue, no_skill),
        get(&plugins, ReadCatalogue, plugins::list).cached(Cache::Revalidated),
        post(format!("{plugins}/search"), ReadCatalogue, plugins::search),
        // The cap of a package is its own.
        post(format!("{plugins}/publish"), PublishPackage, publishing::publish)
            .layered(|route| route.layer(DefaultBodyLimit::disable()))
            .patient(),
        get(format!("{plugins}/download/{{author}}/{{name}}/{{version}}"), ReadCatalogue, plugins::download)
            .patient(),
        get(&plugin, ReadCatalogue, plugins::show).cached(Cache::Revalidated),
        get(format!("{plugin}/versions"), ReadCatalogue, plugins::versions).cached(Cache::Revalidated),
        get(format!("{plugin}/resources/README"), ReadCatalogue, plugins::readme).cached(Cache::Revalidated),
        get(format!("{plugin}/resources/icon"), ReadCatalogue, plugins::icon),
        later(Method::GET, format!("{plugin}/resources/assets/{{*path}}"), ReadCatalogue),
        post(format!("{extensions}/search"), ReadCatalogue, plugins::search_extensions),
        post(format!("{extensions}/likes/status"), ReadCatalogue, plugins::liked),
        later(Method::PUT, format!("{extensions}/{{type}}/{{author}}/{{name}}/like"), Review),
        get(format!("{market}/tags"), ReadCatalogue, plugins::tags).cached(Cache::Revalidated),
        get(format!("{market}/recommendation-lists"), ReadCatalogue, plugins::recommended)
            .cached(Cache::Revalidated),
        later(Method::POST, format!("{tokens}/generate"), LogIn).charged(Charge::Login),
        later(Method::POST, format!("{tokens}/get"), LogIn),
        later(Method::POST, format!("{tokens}/refresh"), LogIn).charged(Charge::Login),
    ]
}

async fn no_mcp() -> Refusal {
    Refusal::not_found("mcp not found")
}

async fn no_skill() -> Refusal {
    Refusal::not_found("skill not found")
}

/// Clients take `data` apart without asking what it is.
fn data(value: Value, _: &Heard) -> Value {
    let data = if value.is_null() { json!({}) } else { value };
    json!({"code": 0, "msg": "ok", "data": data})
}

#[cfg(test)]
mod tests;
