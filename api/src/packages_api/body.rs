//! A plugin as those see it to whom it belongs.

use application::{
    publishing::Published,
    queries::catalogue::{Origin, PluginView, PublisherView, ReleaseView, Verification},
};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

pub(crate) fn package(view: &PluginView) -> Value {
    json!({
        "id": view.id,
        "number": view.number,
        "owner": view.owner,
        "publisher": view.publisher,
        "name": view.name,
        "kind": view.kind,
        "repository": match &view.origin {
            Origin::Own => None,
            Origin::Upstream(repository) => Some(repository),
        },
        "display_name": view.description.display_name,
        "summary": view.description.summary,
        "listed": view.listed,
        "latest": view.latest().map(|release| release.version.to_string()),
        "releases": view.releases.iter().map(release).collect::<Vec<_>>(),
        "verified": view.verified.as_ref().map(verification),
        "featured": view.featured,
        "deprecated": view.deprecated,
        "quarantine": view.quarantine,
        "removed": view.removed,
        "downloads": view.counted.downloads,
        "created_at": moment(view.created_at),
        "updated_at": moment(view.updated_at),
    })
}

fn release(release: &ReleaseView) -> Value {
    json!({
        "version": release.version,
        "published_at": moment(release.published_at),
        "sha256": release.artifact.sha256,
        "size": release.artifact.size,
        "format": release.artifact.format,
        "prerelease": release.prerelease,
        "yanked": release.yanked.as_ref().map(|yank| &yank.reason),
        "quarantine": release.quarantine,
    })
}

pub(crate) fn publisher(view: &PublisherView) -> Value {
    json!({
        "name": view.name,
        "number": view.number,
        "owner": view.owner,
        "display_name": view.display_name,
        "email": view.email,
        "url": view.url,
        "verified": view.verified.as_ref().map(verification),
        "created_at": moment(view.created_at),
    })
}

fn verification(verified: &Verification) -> Value {
    json!({"method": verified.method, "evidence": verified.evidence, "at": moment(verified.at)})
}

/// What became of an order.
pub(crate) fn published(published: &Published) -> Value {
    json!({
        "id": published.plugin,
        "publisher": published.publisher,
        "name": published.name,
        "version": published.version,
        "outcome": published.outcome,
        "quarantine": published.quarantine,
    })
}

fn moment(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
