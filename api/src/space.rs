//! `LangBot`'s marketplace, as its core, its web page and `lbp` ask for it: at its own mount and inside `LangBot`'s, never
//! at the root. Reading is open; publishing needs an `lbpat_` token.

mod asked;
mod assets;
mod body;
mod device_page;
mod devices;
mod error;
mod likes;
mod plugins;
mod publishing;

pub(crate) use assets::{given, tag_of};

use application::{
    identity::{ACCOUNTS, KEYS},
    policy::Action::{IssueKey, LogIn, PublishPackage, ReadCatalogue, Review},
    queries::{catalogue, reviews},
};
use axum::extract::DefaultBodyLimit;
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    conditional::Cache,
    credential::Accepts,
    limits::{Charge, ResetForm},
    operations::{Operation, get, post, put},
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
    read_models: &[KEYS, ACCOUNTS, catalogue::READ_MODEL, catalogue::PUBLISHERS, reviews::LIKES],
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
        get(format!("{plugin}/resources/assets/{{*path}}"), ReadCatalogue, assets::asset),
        post(format!("{extensions}/search"), ReadCatalogue, plugins::search_extensions),
        post(format!("{extensions}/likes/status"), ReadCatalogue, likes::status),
        put(format!("{extensions}/{{type}}/{{author}}/{{name}}/like"), Review, likes::set),
        get(format!("{market}/tags"), ReadCatalogue, plugins::tags).cached(Cache::Revalidated),
        get(format!("{market}/recommendation-lists"), ReadCatalogue, plugins::recommended)
            .cached(Cache::Revalidated),
        post(format!("{tokens}/generate"), LogIn, devices::begin).charged(Charge::Login),
        // Devices ask every few seconds.
        post(format!("{tokens}/get"), LogIn, devices::collect).charged(Charge::Identity),
        post(format!("{tokens}/refresh"), LogIn, devices::renew).charged(Charge::Login),
        post(format!("{tokens}/approve"), IssueKey, devices::approve).charged_too(Charge::Identity),
        get(devices::PAGE, LogIn, device_page::show),
        post(devices::PAGE, LogIn, device_page::approve).charged(Charge::Login).patient(),
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
