//! Reading the registry.

use std::sync::Arc;

use application::queries::catalogue::{CatalogueQueries, PluginView, Which};
use axum::{
    RequestPartsExt as _,
    extract::{FromRequestParts, RawPathParams, State},
    http::{Uri, request::Parts},
    response::Response,
};
use domain::{
    download_log::Channel,
    values::{Dialect, PluginName, ReleaseVersion},
};
use serde_json::Value;

use super::{asked, body};
use crate::{links::Links, package_bytes::Delivery, refusal::Refusal, voice::Said};

const NO_PACKAGE: &str = "Package not found";
const NO_VERSION: &str = "Version not found";

/// The package in the path; what cannot be its name is the name of none.
pub(super) struct Package(pub(super) PluginName);

/// One of its versions.
pub(super) struct Release(pub(super) PluginName, pub(super) ReleaseVersion);

pub(super) async fn list(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    uri: Uri,
) -> Result<Said, Refusal> {
    let found = catalogue.find(&asked::list(&uri)?).await?;
    Ok(Said::ok(found.plugins.iter().map(body::listed).collect()))
}

pub(super) async fn search(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    links: Links,
    uri: Uri,
) -> Result<Said, Refusal> {
    let found = catalogue.find(&asked::search(&uri)?).await?;
    let packages: Vec<Value> = found.plugins.iter().map(|view| body::whole(view, &links)).collect();
    Ok(Said::ok(packages.into()))
}

pub(super) async fn show(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    links: Links,
    Package(name): Package,
) -> Result<Said, Refusal> {
    let view = shown(&*catalogue, &name).await?;
    Ok(Said::ok(body::whole(&view, &links)))
}

pub(super) async fn version(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    links: Links,
    Release(name, version): Release,
) -> Result<Said, Refusal> {
    let view = shown(&*catalogue, &name).await?;
    let release = view.release(&version.to_string()).ok_or_else(no_version)?;
    Ok(Said::ok(body::version(&view.name, release, &links)))
}

/// Leads to the bytes, which never move, and counts.
pub(super) async fn tarball(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    links: Links,
    Release(name, version): Release,
    delivery: Delivery,
) -> Result<Response, Refusal> {
    let view = shown(&*catalogue, &name).await?;
    let release = view.release(&version.to_string()).ok_or_else(no_version)?;
    delivery.redirect(&view, release, Channel::Tarball, &links).await
}

pub(super) async fn shown(
    catalogue: &dyn CatalogueQueries,
    name: &PluginName,
) -> Result<PluginView, Refusal> {
    let view = there(catalogue, name).await?;
    if view.is_visible(Dialect::Inkdrop) { Ok(view) } else { Err(no_package()) }
}

/// Shown or not.
pub(super) async fn there(
    catalogue: &dyn CatalogueQueries,
    name: &PluginName,
) -> Result<PluginView, Refusal> {
    let which = Which::Word { dialect: Dialect::Inkdrop, name: name.to_string() };
    catalogue.plugin(&which).await?.ok_or_else(no_package)
}

pub(super) fn no_package() -> Refusal {
    Refusal::not_found(NO_PACKAGE)
}

pub(super) fn no_version() -> Refusal {
    Refusal::not_found(NO_VERSION)
}

impl<S: Sync> FromRequestParts<S> for Package {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let path = parts.extract::<RawPathParams>().await.ok();
        let name = path.as_ref().and_then(|path| path.iter().next()?.1.parse().ok());
        name.map(Self).ok_or_else(no_package)
    }
}

impl<S: Sync> FromRequestParts<S> for Release {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let Package(name) = Package::from_request_parts(parts, state).await?;
        let path = parts.extract::<RawPathParams>().await.ok();
        let version = path.as_ref().and_then(|path| path.iter().nth(1)?.1.parse().ok());
        version.map(|version| Self(name, version)).ok_or_else(no_version)
    }
}
