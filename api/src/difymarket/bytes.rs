//! Packages, and what is told of installations. Dify asks with HEAD for the length, and then for the bytes: they come
//! with 200, whoever publishes them.

use std::{sync::Arc, time::Instant};

use application::{
    counting::{Counting, Fetched},
    passing::Passing,
    ports::{
        blobs::Blobs,
        marketplace::{ListedVersion, Marketplace},
        packaging::Received,
    },
    principal::Principal,
    queries::catalogue::{CatalogueQueries, Origin, PluginView, Which},
};
use axum::{
    Extension,
    body::Body,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, Method, Uri, header::USER_AGENT},
    response::Response,
};
use domain::{
    download_log::Channel,
    values::{Dialect, PluginIdentity},
};
use serde_json::json;

use super::{
    asking::{Market, refused},
    not_found,
};
use crate::{
    address::Client,
    asker::{Asker, layered},
    credential::Asking,
    fields::Fields,
    file_response::File,
    limits::{Charge, SharedLimits},
    package_bytes::{self, Delivery},
    refusal::{Fault, Refusal},
    voice::Said,
};

type Catalogue = State<Arc<dyn CatalogueQueries>>;
/// Names that are no text are nobody's.
type Named = Result<Path<(String, String, String)>, PathRejection>;

/// `org/name:version@checksum`, or without the checksum.
pub(super) struct Identifier {
    pub(super) plugin: PluginIdentity,
    checksum: Option<String>,
}

impl Identifier {
    fn read(text: &str) -> Option<Self> {
        let (tuple, checksum) = text.split_once('@').map_or((text, None), |(tuple, sum)| (tuple, Some(sum)));
        let (id, version) = tuple.rsplit_once(':')?;
        let (org, name) = id.split_once('/')?;
        let plugin = PluginIdentity::new(org, name, version).ok()?;
        Some(Self { plugin, checksum: checksum.filter(|sum| !sum.is_empty()).map(str::to_owned) })
    }

    pub(super) fn of_query(uri: &Uri) -> Result<Self, Refusal> {
        let mut fields = Fields::of_query(uri);
        let text = fields.needed_text("unique_identifier");
        fields.well_formed()?;
        Self::read(&text).ok_or_else(not_found)
    }

    /// The same version, and the same content as far as both sides say one.
    pub(super) fn fits(&self, listed: &ListedVersion) -> bool {
        listed.version == self.plugin.version() && self.has(listed.checksum.as_deref())
    }

    fn has(&self, checksum: Option<&str>) -> bool {
        match (&self.checksum, checksum) {
            (Some(asked), Some(known)) => asked.eq_ignore_ascii_case(known),
            (Some(_) | None, _) => true,
        }
    }
}

/// What a package that is only elsewhere takes.
pub(super) struct Through {
    market: Arc<dyn Marketplace>,
    passing: Arc<Passing>,
    blobs: Arc<dyn Blobs>,
    limits: SharedLimits,
    client: Client,
    principal: Arc<Principal>,
}

impl axum::extract::FromRequestParts<crate::services::Services> for Through {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        services: &crate::services::Services,
    ) -> Result<Self, Refusal> {
        let Extension(client) = layered::<Client>(parts).await?;
        let Extension(Asking(principal)) = layered::<Asking>(parts).await?;
        Ok(Self {
            market: services.marketplace.clone(),
            passing: services.passing.clone(),
            blobs: services.blobs.clone(),
            limits: services.limits.clone(),
            client,
            principal,
        })
    }
}

impl Through {
    /// Brought here as a whole first: its length is told, and what comes broken is told of.
    async fn give(
        self,
        plugin: &PluginIdentity,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<Response, Refusal> {
        let received = self.brought(plugin).await?;
        let name = format!("{}-{}.difypkg", plugin.name(), plugin.version());
        let file = File {
            sha256: &received.sha256,
            size: received.size,
            name: &name,
            media_type: "application/octet-stream",
            shown: false,
        };
        let given = package_bytes::give(&file, &*self.blobs, method, headers).await?;
        given.ok_or_else(|| application::Error::unavailable().into())
    }

    /// Only what has to be fetched is charged.
    async fn brought(&self, plugin: &PluginIdentity) -> Result<Received, Refusal> {
        if let Some(received) = self.passing.here(plugin).await {
            return Ok(received);
        }
        let (charge, now) = (Charge::Passing, Instant::now());
        let charged = self.limits.take(Dialect::Dify, charge, &self.principal, self.client, now);
        if let Some(Err(standing)) = charged {
            return Err(Refusal::limited(standing));
        }
        let caller = self.client.household().to_string();
        self.passing.bring(&*self.market, plugin, &caller).await.map_err(refused)
    }
}

pub(super) async fn by_name(
    catalogue: Catalogue,
    through: Through,
    delivery: Delivery,
    method: Method,
    headers: HeaderMap,
    named: Named,
) -> Result<Response, Refusal> {
    let Path((org, name, version)) = named.map_err(|_not_utf8| not_found())?;
    let plugin = PluginIdentity::new(&org, &name, &version).map_err(|_unusable| not_found())?;
    let identifier = Identifier { plugin, checksum: None };
    give(&identifier, catalogue, through, delivery, &method, &headers).await
}

pub(super) async fn by_identifier(
    catalogue: Catalogue,
    through: Through,
    delivery: Delivery,
    method: Method,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    let identifier = Identifier::of_query(&uri)?;
    give(&identifier, catalogue, through, delivery, &method, &headers).await
}

async fn give(
    identifier: &Identifier,
    State(catalogue): Catalogue,
    through: Through,
    delivery: Delivery,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let Some(view) = own(&*catalogue, &identifier.plugin).await? else {
        return through.give(&identifier.plugin, method, headers).await;
    };
    let release = view.release(identifier.plugin.version()).ok_or_else(not_found)?;
    if !identifier.has(release.artifact.content_checksum.as_deref()) {
        return Err(not_found());
    }
    delivery.deliver(&view, release, Channel::Download).await
}

async fn own(
    catalogue: &dyn CatalogueQueries,
    plugin: &PluginIdentity,
) -> Result<Option<PluginView>, Refusal> {
    let which = Which::Pair { publisher: plugin.author().to_owned(), name: plugin.name().to_owned() };
    let view = catalogue.plugin(&which).await?;
    let is_shown = |view: &PluginView| view.origin == Origin::Own && view.is_visible(Dialect::Dify);
    Ok(view.filter(is_shown))
}

/// Told by a Dify that has installed a package: by the same one, once a day and plugin. What is published elsewhere is
/// counted there.
pub(super) async fn installed(
    State(catalogue): Catalogue,
    State(market): Market,
    State(counting): State<Counting>,
    headers: HeaderMap,
    asker: Asker,
    body: Body,
) -> Result<Said, Refusal> {
    let mut fields = Fields::of_json(body).await?;
    let text = fields.needed_text("unique_identifier");
    fields.well_formed()?;
    // As the documented marketplace answers.
    let unknown = || Refusal::new(Fault::Meaningless, "plugin not found");
    let identifier = Identifier::read(&text).ok_or_else(unknown)?;
    let (org, name) = (identifier.plugin.author(), identifier.plugin.name());
    let Some(view) = own(&*catalogue, &identifier.plugin).await? else {
        let known = market.plugin(org, name).await.map_err(refused)?.value;
        return known.map(|_| Said::ok(json!({}))).ok_or_else(unknown);
    };
    let release = view.release(identifier.plugin.version()).ok_or_else(unknown)?;
    if !identifier.has(release.artifact.content_checksum.as_deref()) {
        return Err(unknown());
    }
    let client = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    let fetched = Fetched {
        plugin: view.id,
        version: release.version.to_string(),
        dialect: Dialect::Dify,
        channel: Channel::Install,
        client: client.map(str::to_owned),
    };
    let caller = asker.caller("install_count", &json!({"unique_identifier": text}));
    counting.count_daily(fetched, &caller).await;
    Ok(Said::ok(json!({})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_read_with_and_without_its_checksum() {
        let read = |text: &str| {
            let Identifier { plugin, checksum } = Identifier::read(text)?;
            Some((plugin.to_string(), checksum))
        };
        let plain = Some(("a/b:1.0.0".to_owned(), None));
        assert_eq!(read("a/b:1.0.0"), plain);
        assert_eq!(read("a/b:1.0.0@"), plain);
        assert_eq!(read("a/b:1.0.0@cd"), Some(("a/b:1.0.0".to_owned(), Some("cd".to_owned()))));
        for text in ["", "a/b", "a:1.0.0", "a/b:x", "../b:1.0.0", "a/b/c:1.0.0", "a/b:1.0.0:2", "a/B:1.0.0"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
