//! What is installed: all of it, or one in full.

use std::sync::Arc;

use application::{
    Error,
    hosting::{Hosting, Shown, Status},
    ports::system::Clock,
    queries::telemetry::{Bucket, LogQueries, LogsWanted, MetricQueries, Resolution},
};
use axum::{extract::State, http::Uri};
use chrono::{DateTime, TimeDelta, Utc};
use domain::values::InstallationId;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use super::{
    manifest::Manifest,
    named::Slug,
    shown::{Around, Figures, in_full, in_list},
};
use crate::{fields::Fields, refusal::Refusal, voice::Said};

const STATUSES: [&str; 4] = ["active", "inactive", "error", "loading"];
const LONGEST_SEARCH: usize = 256;
/// Lines in the details; the rest has a path of its own.
const LINES: u32 = 20;
/// Questions after figures at the same time.
const AT_ONCE: usize = 8;

struct Filter {
    status: Option<String>,
    category: Option<String>,
    search: Option<String>,
    with_disabled: bool,
}

impl Filter {
    fn read(uri: &Uri) -> Result<Self, Refusal> {
        let mut fields = Fields::of_query(uri);
        fields.one_of("status", &STATUSES);
        let mut word = |name| {
            let text = fields.short_text(name, LONGEST_SEARCH).map(|text| text.trim().to_lowercase());
            text.filter(|text| !text.is_empty())
        };
        let (category, search) = (word("category"), word("search"));
        let status = fields.text("status");
        let with_disabled = fields.flag("include_disabled").unwrap_or(true);
        fields.well_formed()?;
        Ok(Self { status, category, search, with_disabled })
    }

    fn fits(&self, shown: &Shown) -> bool {
        let manifest = Manifest::of(&shown.live.release);
        let holds = |text: &str| {
            let name = shown.view.name.to_string();
            [manifest.name(), &name, manifest.description()]
                .iter()
                .any(|place| place.to_lowercase().contains(text))
        };
        let category = || manifest.category().unwrap_or_default().to_lowercase();
        (self.with_disabled || shown.live.is_enabled)
            && self.status.as_deref().is_none_or(|status| super::shown::status(shown.status()) == status)
            && self.category.as_ref().is_none_or(|wanted| category() == *wanted)
            && self.search.as_deref().is_none_or(holds)
    }
}

pub(super) async fn list(
    State(hosting): State<Hosting>,
    State(metrics): State<Arc<dyn MetricQueries>>,
    State(clock): State<Arc<dyn Clock>>,
    uri: Uri,
) -> Result<Said, Refusal> {
    let filter = Filter::read(&uri)?;
    let all = hosting.all_shown().await?;
    let around = Around::of(&all);
    let found: Vec<Shown> = all.into_iter().filter(|shown| filter.fits(shown)).collect();
    let now = clock.now();
    let ids: Vec<InstallationId> = found.iter().map(|shown| shown.view.id).collect();
    let asked = stream::iter(ids).map(|id| {
        let metrics = metrics.clone();
        async move { figures(&*metrics, id, now).await }
    });
    let figures: Vec<Figures> = asked.buffered(AT_ONCE).try_collect().await?;
    let plugins = found.iter().zip(&figures).map(|(shown, figures)| in_list(shown, &around, figures));
    Ok(Said::ok(json!({"plugins": plugins.collect::<Vec<_>>(), "summary": summary(&found)})))
}

fn summary(found: &[Shown]) -> Value {
    let with = |status| found.iter().filter(|shown| shown.status() == status).count();
    json!({
        "total": found.len(),
        "active": with(Status::Active),
        "inactive": with(Status::Inactive),
        "error": with(Status::Error),
        "loading": with(Status::Loading),
        "disabled": found.iter().filter(|shown| !shown.live.is_enabled).count(),
    })
}

/// Of the five minutes before this one.
pub(super) async fn figures(
    metrics: &dyn MetricQueries,
    installation: InstallationId,
    now: DateTime<Utc>,
) -> Result<Figures, Error> {
    let span = TimeDelta::minutes(5);
    let until = Resolution::OneMinute.floor(now);
    let (totals, buckets) = futures::try_join!(
        metrics.totals(installation),
        metrics.buckets(installation, until - span, until, Resolution::OneMinute)
    )?;
    let mut lately = Bucket::default();
    for bucket in &buckets {
        lately.merge(bucket);
    }
    Ok(Figures { totals, lately, span })
}

pub(super) async fn details(
    State(hosting): State<Hosting>,
    State(metrics): State<Arc<dyn MetricQueries>>,
    State(logs): State<Arc<dyn LogQueries>>,
    State(clock): State<Arc<dyn Clock>>,
    slug: Slug,
) -> Result<Said, Refusal> {
    let shown = slug.find(&hosting).await?;
    let wanted = LogsWanted {
        installation: shown.view.id,
        level: None,
        from: None,
        until: None,
        search: None,
        offset: 0,
        limit: LINES,
    };
    let (all, figures, (lines, _)) = futures::try_join!(
        hosting.all_shown(),
        figures(&*metrics, shown.view.id, clock.now()),
        logs.logs(&wanted)
    )?;
    Ok(Said::ok(json!({"plugin": in_full(&shown, &Around::of(&all), &figures, &lines)})))
}
