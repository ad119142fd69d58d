//! The Inkdrop package registry, as `ipm` and the app speak it, at its own mount and at the documented paths. Reading
//! is open; writing needs a key of a publisher. `X-API-KEY` is a constant of `ipm`, and no credential.

mod error;

use application::{
    identity::{ACCOUNTS, KEYS},
    policy::Action::{PublishPackage, ReadCatalogue, RemovePackage},
};
use axum::http::Method;
use domain::values::Dialect;
use serde_json::Value;

use crate::{
    credential::Accepts,
    limits::ResetForm,
    operations::{Operation, later},
    voice::{Heard, JSON, Voice, no_stamp},
};

pub(crate) static VOICE: Voice = Voice {
    dialect: Dialect::Inkdrop,
    accepts: Accepts { bearer: true, api_key: false, basic: true },
    refuse: error::refuse,
    refusal_type: JSON,
    accept: plain,
    stamp: no_stamp,
    reset: ResetForm::UnixSeconds,
    read_models: &[KEYS, ACCOUNTS],
};

pub(crate) fn operations() -> Vec<Operation> {
    let version = "packages/{package_name}/versions/{version_name}";
    vec![
        later(Method::GET, "/v1/packages", ReadCatalogue),
        // As ipm writes it.
        later(Method::GET, "/v1/packages/", ReadCatalogue),
        later(Method::GET, "/v1/packages/search", ReadCatalogue),
        later(Method::GET, "/v1/packages/{package_name}", ReadCatalogue),
        later(Method::GET, format!("/v1/{version}"), ReadCatalogue),
        later(Method::GET, format!("/v1/{version}/tarball"), ReadCatalogue),
        later(Method::GET, format!("/v2/{version}/tarball"), ReadCatalogue),
        later(Method::POST, "/v2/packages", PublishPackage),
        later(Method::POST, "/v2/packages/{package_name}/versions", PublishPackage),
        later(Method::DELETE, "/v2/packages/{package_name}", RemovePackage),
        later(Method::DELETE, format!("/v2/{version}"), RemovePackage),
    ]
}

/// No envelope.
fn plain(value: Value, _: &Heard) -> Value {
    value
}

#[cfg(test)]
mod tests;
