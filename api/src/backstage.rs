//! The Backstage plugin marketplace, at its own mount and at the documented paths. Reading is open; installing,
//! reviewing and webhooks need a key.

mod answer;
mod body;
mod browse;
mod error;
mod named;
mod page;
mod question;
mod reviews;

use application::{
    identity::{ACCOUNTS, KEYS},
    policy::Action::{
        EndInstallation, ManageWebhooks, ReadCatalogue, ReadInstallation, ReadInstallationLogs,
        RequestInstallation, Review,
    },
    queries::{catalogue, downloads, reviews as written},
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    conditional::Cache,
    credential::Accepts,
    limits::ResetForm,
    operations::{Operation, delete, get, later, post, put},
    voice::{Heard, JSON, Voice},
};

const BASE: &str = "/api/marketplace/v1";
const API_VERSION: HeaderName = HeaderName::from_static("x-api-version");

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Backstage,
    accepts: Accepts { bearer: true, api_key: true, basic: false },
    refuse: error::refuse,
    refusal_type: JSON,
    accept: data,
    stamp,
    reset: ResetForm::Iso8601,
    read_models: &[
        KEYS,
        ACCOUNTS,
        catalogue::READ_MODEL,
        catalogue::PUBLISHERS,
        written::READ_MODEL,
        downloads::READ_MODEL,
    ],
};

pub(crate) fn operations() -> Vec<Operation> {
    let plugins = format!("{BASE}/plugins");
    let plugin = format!("{plugins}/{{pluginId}}");
    let review = format!("{plugin}/reviews/{{reviewId}}");
    let installation = format!("{BASE}/installations/{{installationId}}");
    let webhooks = format!("{BASE}/webhooks");
    let webhook = format!("{webhooks}/{{webhookId}}");
    vec![
        get(&plugins, ReadCatalogue, browse::list).cached(Cache::List),
        post(format!("{plugins}/search"), ReadCatalogue, browse::search),
        get(&plugin, ReadCatalogue, browse::details).cached(Cache::Details),
        get(format!("{plugin}/versions"), ReadCatalogue, browse::versions).cached(Cache::Details),
        get(format!("{plugin}/related"), ReadCatalogue, browse::related).cached(Cache::Details),
        get(format!("{plugin}/stats"), ReadCatalogue, browse::figures),
        get(format!("{plugin}/reviews"), ReadCatalogue, reviews::list),
        post(format!("{plugin}/reviews"), Review, reviews::submit),
        get(&review, ReadCatalogue, reviews::show),
        put(&review, Review, reviews::edit),
        delete(&review, Review, reviews::withdraw),
        post(format!("{review}/helpful"), Review, reviews::vote),
        later(Method::POST, format!("{plugin}/install"), RequestInstallation),
        later(Method::GET, &installation, ReadInstallation),
        later(Method::GET, format!("{installation}/logs"), ReadInstallationLogs),
        later(Method::POST, format!("{installation}/cancel"), EndInstallation),
        later(Method::DELETE, &installation, EndInstallation),
        later(Method::GET, &webhooks, ManageWebhooks),
        later(Method::POST, &webhooks, ManageWebhooks),
        later(Method::GET, &webhook, ManageWebhooks),
        later(Method::DELETE, &webhook, ManageWebhooks),
        // Nobody can do these, so nobody needs a right to hear so.
        later(Method::POST, &plugins, ReadCatalogue),
        later(Method::PUT, &plugin, ReadCatalogue),
        later(Method::DELETE, &plugin, ReadCatalogue),
    ]
}

/// Nothing stays nothing.
fn data(value: Value, _: &Heard) -> Value {
    if value.is_null() { value } else { json!({"data": value}) }
}

fn stamp(headers: &mut HeaderMap) {
    headers.insert(API_VERSION, HeaderValue::from_static("v1"));
}

#[cfg(test)]
mod tests;
