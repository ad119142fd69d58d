//! Publishing a package in any dialect.

use std::str::FromStr;

use application::{
    publishing::{Asker as By, Expects, Order, PublishOutcome, Publishing},
    repackaging::LARGEST_PACKAGE,
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
};
use domain::{plugin::PackageFormat, values::Dialect};
use serde_json::json;

use super::body;
use crate::{
    asker::Asker,
    consistency::LogPosition,
    fields::Fields,
    package_form::{PackageForm, Wanted},
    refusal::Refusal,
    services::Uploads,
    voice::Said,
    work::Work,
};

const WANTED: Wanted = Wanted { part: "file", largest: LARGEST_PACKAGE };

/// A dialect that shows plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(pub(crate) Dialect);

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = [Dialect::Dify, Dialect::Inkdrop, Dialect::Backstage, Dialect::Nexus, Dialect::Space];
        let found = shown.into_iter().find(|dialect| dialect.as_str() == text);
        found.map(Self).ok_or("a plugin is published in dify, inkdrop, backstage, nexus or space")
    }
}

/// What is published where this dialect names it.
pub(crate) fn formats(first: Dialect) -> Vec<PackageFormat> {
    match first {
        Dialect::Dify => vec![PackageFormat::Difypkg],
        Dialect::Space => vec![PackageFormat::Lbpkg],
        Dialect::Inkdrop => vec![PackageFormat::Tarball],
        Dialect::Backstage | Dialect::Nexus => vec![PackageFormat::Zip],
        Dialect::Langbot | Dialect::Yard | Dialect::Cli | Dialect::System => Vec::new(),
    }
}

pub(super) async fn publish(
    State(publishing): State<Publishing>,
    State(Uploads(uploads)): State<Uploads>,
    State(work): State<Work>,
    asker: Asker,
    request: Request,
) -> Result<(LogPosition, Said), Refusal> {
    let mut order = ordered(Fields::of_query(request.uri()))?;
    let PackageForm { file, texts } = PackageForm::read(request, &uploads, WANTED).await?;
    let mut fields = Fields::of_form(texts);
    order.changelog = fields.text("changelog");
    fields.nothing_else()?;
    let canonical = json!({
        "file": file.sha256,
        "dialects": order.dialects,
        "publisher": order.publisher,
        "changelog": order.changelog,
        "dry_run": order.dry_run,
    });
    let principal = asker.principal.clone();
    let caller = asker.caller("/packages", &canonical);
    // The file goes with the work, not with the request.
    let publish =
        async move { publishing.publish(&file.path, order, By { principal: &principal, caller }).await };
    let published = work.finish(publish).await?;
    let status = match published.outcome {
        PublishOutcome::NewPlugin | PublishOutcome::NewVersion => StatusCode::CREATED,
        PublishOutcome::Unchanged | PublishOutcome::WouldPublish => StatusCode::OK,
    };
    Ok((LogPosition(published.position), Said { status, value: body::published(&published) }))
}

fn ordered(mut fields: Fields) -> Result<Order, Refusal> {
    let dialects = fields.needed_text("dialect");
    let publisher = fields.text("publisher");
    let dry_run = fields.flag("dry_run").unwrap_or_default();
    fields.nothing_else()?;
    let places: Result<Vec<Place>, _> = dialects.split(',').map(str::trim).map(Place::from_str).collect();
    let dialects: Vec<Dialect> =
        places.map_err(Refusal::meaningless)?.into_iter().map(|Place(dialect)| dialect).collect();
    Ok(Order {
        formats: dialects.first().map(|first| formats(*first)).unwrap_or_default(),
        dialects,
        name: None,
        version: None,
        publisher,
        repository: None,
        changelog: None,
        expects: Expects::Any,
        dry_run,
    })
}
