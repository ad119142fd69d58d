//! Bringing an installed plugin to another version, and back, and taking it away.

use std::sync::Arc;

use application::{hosting::Shown, queries::catalogue::CatalogueQueries};
use axum::{body::Body, extract::State, http::Uri};
use domain::{
    installation::{Origin, Runtime},
    operation::{RollBack, Source, Uninstall, Upgrade, Work},
    values::{BackupId, Dialect},
};
use serde_json::{Value, json};

use super::{
    installing::{check_address, source, strategy},
    moment,
    named::{Slug, slug as slug_of},
    orders::{Desk, Order, Outcome},
};
use crate::{asker::Asker, consistency::LogPosition, fields::Fields, guard, refusal::Refusal, voice::Said};

type Answer = Result<(LogPosition, Said), Refusal>;

pub(super) async fn update(
    State(desk): State<Desk>,
    State(catalogue): State<Arc<dyn CatalogueQueries>>,
    asker: Asker,
    slug: Slug,
    body: Body,
) -> Answer {
    let (shown, body) = slug.find_before(&desk.operating.hosting, body).await?;
    let mut fields = Fields::of_json_or_nothing(body).await?;
    let name = shown.view.name.clone();
    let dialect = of_catalogue(&shown, &*catalogue).await?;
    let usual = |version| Source::Catalogue { name: name.clone(), dialect, version };
    let source = source(&mut fields, Some(&usual));
    let strategy = strategy(&mut fields);
    let backup_current = fields.exact_flag("backup_current").unwrap_or(true);
    let restart = fields.exact_flag("restart_plugin").unwrap_or(true);
    let update_config = fields.exact_flag("update_config").unwrap_or(false);
    let source = fields.checked(source)?;
    check_address(&desk, &source)?;
    let upgrade = Upgrade { name, source, strategy, backup_current, restart, update_config };
    let outcome = placed(&desk, asker, &shown, Work::Upgrade(upgrade), "/api/v1/plugins/{plugin_id}").await?;
    // The plugin is there; what is not is the version.
    let ended_at = outcome.ended_at().map_err(|refusal| match refusal.code {
        Some("PLUGIN_NOT_FOUND") => Refusal { code: None, ..refusal },
        Some(_) | None => refusal,
    })?;
    let update = match ended_at {
        None => outcome.so_far(),
        Some(at) => json!({
            "old_version": shown.live.release.version,
            "new_version": outcome.view.version,
            "status": "completed",
            "backup_id": outcome.view.found.backup,
            "updated_at": moment(at),
        }),
    };
    Ok(told("update", outcome.position, update, &shown))
}

/// By whose words the catalogue names it: those in which it can be found.
async fn of_catalogue(shown: &Shown, catalogue: &dyn CatalogueQueries) -> Result<Dialect, Refusal> {
    let usual = match shown.live.release.runtime {
        Runtime::Native => Dialect::Nexus,
        Runtime::Dify => Dialect::Dify,
        Runtime::Langbot => Dialect::Space,
    };
    let Origin::Catalogue { plugin_uid } = shown.live.release.origin else { return Ok(usual) };
    let Some(view) = catalogue.current(plugin_uid).await? else { return Ok(usual) };
    let all = [usual, Dialect::Nexus, Dialect::Backstage, Dialect::Dify, Dialect::Space];
    Ok(all.into_iter().find(|dialect| view.is_visible(*dialect)).unwrap_or(usual))
}

pub(super) async fn uninstall(
    State(desk): State<Desk>,
    asker: Asker,
    slug: Slug,
    uri: Uri,
    body: Body,
) -> Answer {
    let (shown, body) = slug.find_before(&desk.operating.hosting, body).await?;
    guard::read_on(body).await;
    let mut fields = Fields::of_query(&uri);
    let force = fields.flag("force").unwrap_or(false);
    let backup = fields.flag("backup").unwrap_or(false);
    let cleanup_data = fields.flag("cleanup_data").unwrap_or(false);
    fields.well_formed()?;
    let uninstall = Uninstall { name: shown.view.name.clone(), force, backup, cleanup_data };
    let work = Work::Uninstall(uninstall);
    let outcome = placed(&desk, asker, &shown, work, "/api/v1/plugins/{plugin_id}").await?;
    let uninstallation = match outcome.ended_at()? {
        None => outcome.so_far(),
        Some(at) => json!({
            "status": "completed",
            "backup_created": outcome.view.found.backup.is_some(),
            "backup_id": outcome.view.found.backup,
            "data_removed": cleanup_data,
            "uninstalled_at": moment(at),
        }),
    };
    Ok(told("uninstallation", outcome.position, uninstallation, &shown))
}

pub(super) async fn roll_back(State(desk): State<Desk>, asker: Asker, slug: Slug, body: Body) -> Answer {
    let (shown, body) = slug.find_before(&desk.operating.hosting, body).await?;
    let mut fields = Fields::of_json(body).await?;
    let backup = fields.needed("backup_id", Fields::parsed::<BackupId>);
    let with_data = fields.exact_flag("with_data").unwrap_or(false);
    let backup = fields.checked(backup)?;
    let kept = shown.view.backups.get(&backup).ok_or_else(|| Refusal::not_found("No such backup"))?;
    if with_data && !kept.holds_data {
        return Err(Refusal::meaningless("This backup holds no data; take it back without"));
    }
    let work = Work::RollBack(RollBack { name: shown.view.name.clone(), backup, with_data });
    let path = "/api/v1/plugins/{plugin_id}/rollback";
    let outcome = placed(&desk, asker, &shown, work, path).await?;
    let rollback = match outcome.ended_at()? {
        None => outcome.so_far(),
        Some(at) => json!({
            "old_version": shown.live.release.version,
            "new_version": outcome.view.version,
            "status": "completed",
            "backup_id": backup,
            "data_restored": with_data,
            "rolled_back_at": moment(at),
        }),
    };
    Ok(told("rollback", outcome.position, rollback, &shown))
}

pub(super) async fn backups(State(desk): State<Desk>, slug: Slug) -> Result<Said, Refusal> {
    let shown = slug.find(&desk.operating.hosting).await?;
    let mut all: Vec<_> = shown.view.backups.values().collect();
    all.sort_by_key(|backup| std::cmp::Reverse((backup.at, backup.backup_uid)));
    let backups = all.into_iter().map(|backup| {
        json!({
            "backup_id": backup.backup_uid,
            "version": backup.release.version,
            "holds_data": backup.holds_data,
            "created_at": moment(backup.at),
        })
    });
    Ok(Said::ok(json!({"backups": backups.collect::<Vec<_>>()})))
}

async fn placed(
    desk: &Desk,
    asker: Asker,
    shown: &Shown,
    work: Work,
    path: &'static str,
) -> Result<Outcome, Refusal> {
    let canonical = json!({"installation": shown.view.id, "work": work});
    let scope = shown.view.scope.clone();
    desk.place(Order { work, scope, configuration: None, path, canonical }, asker).await
}

fn told(what: &str, position: LogPosition, mut done: Value, shown: &Shown) -> (LogPosition, Said) {
    done["plugin_id"] = slug_of(&shown.view.name).into();
    (position, Said::ok(json!({ what: done })))
}
