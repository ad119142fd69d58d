//! The Inkdrop package registry, as `ipm` and the app speak it, at its own mount and at the documented paths. Reading
//! is open; writing needs a key of a publisher. `X-API-KEY` is a constant of `ipm`, and no credential.

mod asked;
mod body;
mod error;
mod packages;
mod publishing;
mod wish;

use application::{
    identity::{ACCOUNTS, KEYS},
    policy::Action::{PublishPackage, ReadCatalogue, RemovePackage},
    queries::catalogue,
};
use axum::extract::DefaultBodyLimit;
use domain::values::Dialect;
use serde_json::Value;

use crate::{
    conditional::Cache,
    credential::Accepts,
    limits::ResetForm,
    operations::{Operation, delete, get, post},
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
    read_models: &[KEYS, ACCOUNTS, catalogue::READ_MODEL],
};

pub(crate) fn operations() -> Vec<Operation> {
    let version = "packages/{package_name}/versions/{version_name}";
    vec![
        get("/v1/packages", ReadCatalogue, packages::list).cached(Cache::Revalidated),
        // As ipm writes it.
        get("/v1/packages/", ReadCatalogue, packages::list).cached(Cache::Revalidated),
        get("/v1/packages/search", ReadCatalogue, packages::search).cached(Cache::Revalidated),
        get("/v1/packages/{package_name}", ReadCatalogue, packages::show).cached(Cache::Revalidated),
        get(format!("/v1/{version}"), ReadCatalogue, packages::version).cached(Cache::Revalidated),
        get(format!("/v1/{version}/tarball"), ReadCatalogue, packages::tarball),
        get(format!("/v2/{version}/tarball"), ReadCatalogue, packages::tarball),
        taking_packages(post("/v2/packages", PublishPackage, publishing::create)),
        taking_packages(post(
            "/v2/packages/{package_name}/versions",
            PublishPackage,
            publishing::create_version,
        )),
        delete("/v2/packages/{package_name}", RemovePackage, publishing::remove),
        delete(format!("/v2/{version}"), RemovePackage, publishing::remove_version),
    ]
}

/// The cap of a package is its own.
fn taking_packages(operation: Operation) -> Operation {
    operation.layered(|route| route.layer(DefaultBodyLimit::disable())).patient()
}

/// No envelope.
fn plain(value: Value, _: &Heard) -> Value {
    value
}

#[cfg(test)]
mod tests;
