//! Writing to the registry: a tarball that comes with the request, or one that is fetched from where it was released.

use std::sync::Arc;

use application::{
    caller::Caller,
    principal::Principal,
    publishing::{self, Change, Expects, Order, PublishOutcome, Published, Publishing},
    queries::catalogue::{CatalogueQueries, Which},
};
use axum::{
    extract::{FromRef, FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION, request::Parts},
};
use domain::{plugin::PackageFormat, values::Dialect};
use serde_json::{Value, json};

use super::{
    body,
    packages::{Package, Release, no_package, no_version, there},
    wish::Wish,
};
use crate::{
    asker::Asker,
    consistency::LogPosition,
    links::Links,
    package_form::PackageFile,
    refusal::Refusal,
    services::{Services, Uploads},
    voice::Said,
    work::Work,
};

const REMOVED: &str = "removed by its owner";

/// What both ways of publishing need.
pub(super) struct Desk {
    catalogue: Arc<dyn CatalogueQueries>,
    publishing: Publishing,
    work: Work,
    links: Links,
    asker: Asker,
}

type Answer = (HeaderMap, LogPosition, Said);

pub(super) async fn create(
    State(Uploads(dir)): State<Uploads>,
    State(fetching): State<super::wish::Fetching>,
    desk: Desk,
    request: Request,
) -> Result<Answer, Refusal> {
    let wish = Wish::read(request, &dir, &fetching).await?;
    desk.publish("/v2/packages", wish, None).await
}

pub(super) async fn create_version(
    State(Uploads(dir)): State<Uploads>,
    State(fetching): State<super::wish::Fetching>,
    Package(name): Package,
    desk: Desk,
    request: Request,
) -> Result<Answer, Refusal> {
    let wish = Wish::read(request, &dir, &fetching).await?;
    desk.publish("/v2/packages/versions", wish, Some(name.to_string())).await
}

pub(super) async fn remove(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(publishing): State<Publishing>,
    State(work): State<Work>,
    Package(name): Package,
    asker: Asker,
) -> Result<(LogPosition, Said), Refusal> {
    let view = there(&*catalogue, &name).await?;
    if view.removed.is_some() {
        return Err(no_package());
    }
    let principal = asker.principal.clone();
    let caller = asker.caller("/v2/packages/remove", &json!(name));
    let change = Change::Remove { reason: REMOVED.to_owned() };
    let position = work
        .finish(async move {
            publishing.change(view.id, change, publishing::Asker { principal: &principal, caller }).await
        })
        .await?;
    Ok((LogPosition(position), Said::nothing()))
}

pub(super) async fn remove_version(
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    State(publishing): State<Publishing>,
    State(work): State<Work>,
    Release(name, version): Release,
    asker: Asker,
) -> Result<(LogPosition, Said), Refusal> {
    let view = there(&*catalogue, &name).await?;
    if view.removed.is_some() {
        return Err(no_package());
    }
    if !view.releases.iter().any(|release| release.version == version) {
        return Err(no_version());
    }
    let principal = asker.principal.clone();
    let caller = asker.caller("/v2/packages/versions/remove", &json!([name, version]));
    let change = Change::RemoveRelease { version, reason: REMOVED.to_owned() };
    let position = work
        .finish(async move {
            publishing.change(view.id, change, publishing::Asker { principal: &principal, caller }).await
        })
        .await?;
    Ok((LogPosition(position), Said::nothing()))
}

impl Desk {
    /// A name in the path is that of a package which is there.
    async fn publish(self, operation: &str, wish: Wish, name: Option<String>) -> Result<Answer, Refusal> {
        let Wish { package, repository, dry_run } = wish;
        let canonical = json!({
            "package": package.sha256, "name": name, "repository": repository, "dry_run": dry_run
        });
        let order = Order {
            formats: vec![PackageFormat::Tarball],
            dialects: vec![Dialect::Inkdrop],
            expects: if name.is_some() { Expects::NewVersion } else { Expects::NewPlugin },
            name,
            version: None,
            publisher: None,
            repository,
            changelog: None,
            dry_run,
        };
        let principal = self.asker.principal.clone();
        let caller = self.asker.caller(operation, &canonical);
        let publishing = self.publishing;
        let published =
            self.work.finish(Box::pin(carried_out(publishing, package, order, principal, caller))).await?;
        answer(published, &*self.catalogue, &self.links).await
    }
}

/// The file goes with the work, not with the request.
async fn carried_out(
    publishing: Publishing,
    package: PackageFile,
    order: Order,
    principal: Arc<Principal>,
    caller: Caller,
) -> Result<Published, application::Error> {
    publishing.publish(&package.path, order, publishing::Asker { principal: &principal, caller }).await
}

/// The package as everybody sees it now; to its owner also why it is held back, if it is.
async fn answer(
    published: Published,
    catalogue: &dyn CatalogueQueries,
    links: &Links,
) -> Result<Answer, Refusal> {
    let Published { plugin, name, version, outcome, quarantine, position, .. } = published;
    let mut headers = HeaderMap::new();
    if outcome == PublishOutcome::WouldPublish {
        let told = json!({"name": name, "version": version, "dryrun": true, "quarantine": quarantine});
        return Ok((headers, LogPosition(None), Said::ok(told)));
    }
    let view = catalogue.plugin(&Which::Id(plugin)).await?;
    let mut told: Value = view.map_or_else(|| json!({"name": name}), |view| body::whole(&view, links));
    let status = match (outcome, quarantine) {
        (_, Some(reason)) => {
            told["quarantine"] = reason.into();
            StatusCode::ACCEPTED
        }
        (PublishOutcome::Unchanged, None) => StatusCode::OK,
        (PublishOutcome::NewPlugin | PublishOutcome::NewVersion | PublishOutcome::WouldPublish, None) => {
            let place = links.mounted(&format!("/v1/packages/{name}"));
            let place = HeaderValue::from_str(&place).map_err(|_never_with_a_name| Refusal::internal())?;
            headers.insert(LOCATION, place);
            StatusCode::CREATED
        }
    };
    Ok((headers, LogPosition(position), Said { status, value: told }))
}

impl FromRequestParts<Services> for Desk {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Self::Rejection> {
        Ok(Self {
            catalogue: FromRef::from_ref(services),
            publishing: FromRef::from_ref(services),
            work: FromRef::from_ref(services),
            links: Links::from_request_parts(parts, services).await?,
            asker: Asker::from_request_parts(parts, services).await?,
        })
    }
}
