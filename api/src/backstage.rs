//! The Backstage plugin marketplace, at its own mount and at the documented paths. Reading is open; installing,
//! reviewing and webhooks need a key.

mod error;

use application::{
    identity::{ACCOUNTS, KEYS},
    policy::Action::{
        EndInstallation, ManageWebhooks, ReadCatalogue, ReadInstallation, ReadInstallationLogs,
        RequestInstallation, Review,
    },
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use domain::values::Dialect;
use serde_json::{Value, json};

use crate::{
    credential::Accepts,
    limits::ResetForm,
    operations::{Operation, later},
    voice::{Heard, JSON, Voice},
};

const API_VERSION: HeaderName = HeaderName::from_static("x-api-version");

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Backstage,
    accepts: Accepts { bearer: true, api_key: true, basic: false },
    refuse: error::refuse,
    refusal_type: JSON,
    accept: data,
    stamp,
    reset: ResetForm::Iso8601,
    read_models: &[KEYS, ACCOUNTS],
};

pub(crate) fn operations() -> Vec<Operation> {
    let base = "/api/marketplace/v1";
    let plugins = format!("{base}/plugins");
    let plugin = format!("{plugins}/{{pluginId}}");
    let installation = format!("{base}/installations/{{installationId}}");
    let webhooks = format!("{base}/webhooks");
    let webhook = format!("{webhooks}/{{webhookId}}");
    vec![
        later(Method::GET, &plugins, ReadCatalogue),
        later(Method::POST, format!("{plugins}/search"), ReadCatalogue),
        later(Method::GET, &plugin, ReadCatalogue),
        later(Method::GET, format!("{plugin}/versions"), ReadCatalogue),
        later(Method::GET, format!("{plugin}/related"), ReadCatalogue),
        later(Method::GET, format!("{plugin}/reviews"), ReadCatalogue),
        later(Method::POST, format!("{plugin}/reviews"), Review),
        later(Method::GET, format!("{plugin}/stats"), ReadCatalogue),
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
