//! The read model `activity`: a row for everything worth telling of a plugin. Rows are only ever added; what is shown of
//! them is what the catalogue shows now.

use application::{
    error::Error,
    queries::activity::{ActivityKind, ActivityQueries, ActivityView, READ_MODEL},
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::{
    plugin::PluginEvent,
    recorded::{Event, Recorded},
    values::{Dialect, PluginId},
};
use infrastructure::subscription::{ApplyError, Projection};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};

use crate::{generation::Generation, reading::unavailable};

const COMMENT: &str =
    "Written by the projection activity, read by the feeds of what happened in the catalogue";

pub(crate) struct Activity;

fn of(number: i32) -> Generation {
    Generation { model: READ_MODEL, number }
}

#[async_trait]
impl Projection for Activity {
    fn name(&self) -> &'static str {
        READ_MODEL
    }

    fn takes(&self) -> &'static [&'static str] {
        &[
            "PluginRegistered",
            "ReleasePublished",
            "ReleaseYanked",
            "ReleaseUnyanked",
            "PluginDeprecated",
            "PluginVerified",
            "PluginRemoved",
            "MilestoneReached",
        ]
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        let table = of(number).table();
        let statements = vec![
            format!(
                "create table if not exists {table} (
                   event_id uuid primary key,
                   plugin_id uuid not null,
                   kind text not null,
                   version text,
                   body text,
                   at timestamptz not null,
                   -- Of a removal: where it was shown until then.
                   dialects text[],
                   -- What happened at one time is told in the order of the log.
                   position bigint not null
                 )"
            ),
            format!("create index on {table} (at desc, position desc)"),
            format!("create index on {table} (plugin_id, at desc, position desc)"),
        ];
        of(number).create(owner, statements, COMMENT).await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        of(number)
            .fingerprint(
                connection,
                "event_id",
                "event_id, plugin_id, kind, version, body, at, dialects, position",
            )
            .await
    }

    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let (mut ids, mut plugins, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
        let (mut versions, mut bodies, mut times) = (Vec::new(), Vec::new(), Vec::new());
        let (mut dialects, mut positions) = (Vec::new(), Vec::new());
        for recorded in events {
            let Event::Plugin(plugin, event) = &recorded.event else { continue };
            let Some(entry) = entry(event, recorded.recorded_at) else { continue };
            ids.push(recorded.event_id);
            plugins.push(plugin.0);
            kinds.push(name_of(entry.kind));
            versions.push(entry.version);
            bodies.push(entry.text);
            times.push(entry.at);
            dialects.push(shown_in(event));
            positions.push(recorded.cursor.position);
        }
        let query = format!(
            "insert into {} (event_id, plugin_id, kind, version, body, at, dialects, position)
             select event_id, plugin_id, kind, version, body, at, string_to_array(dialects, ' '), position
               from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::timestamptz[],
                           $7::text[], $8::bigint[])
                 as u (event_id, plugin_id, kind, version, body, at, dialects, position)",
            of(number).table()
        );
        sqlx::query(&query)
            .bind(ids)
            .bind(plugins)
            .bind(kinds)
            .bind(versions)
            .bind(bodies)
            .bind(times)
            .bind(dialects)
            .bind(positions)
            .execute(transaction)
            .await?;
        Ok(())
    }
}

/// None for whatever is shown wherever its plugin is.
fn shown_in(event: &PluginEvent) -> Option<String> {
    let PluginEvent::PluginRemoved { shown_in, .. } = event else { return None };
    Some(shown_in.iter().copied().map(Dialect::as_str).collect::<Vec<_>>().join(" "))
}

struct Entry {
    kind: ActivityKind,
    version: Option<String>,
    text: Option<String>,
    at: DateTime<Utc>,
}

/// Nothing for what need not be told.
fn entry(event: &PluginEvent, recorded_at: DateTime<Utc>) -> Option<Entry> {
    use PluginEvent as E;
    let now = |kind, version: Option<String>, text: Option<String>| {
        Some(Entry { kind, version, text, at: recorded_at })
    };
    match event {
        E::PluginRegistered(registered) => {
            Some(Entry { kind: ActivityKind::Registered, version: None, text: None, at: registered.at })
        }
        E::ReleasePublished(release) => Some(Entry {
            kind: ActivityKind::Released,
            version: Some(release.version.to_string()),
            text: release.changelog.clone(),
            at: release.at,
        }),
        E::ReleaseYanked { version, reason, .. } => {
            now(ActivityKind::Yanked, Some(version.to_string()), Some(reason.clone()))
        }
        E::ReleaseUnyanked { version, .. } => now(ActivityKind::Unyanked, Some(version.to_string()), None),
        E::PluginDeprecated { reason, .. } => now(ActivityKind::Deprecated, None, Some(reason.clone())),
        E::PluginVerified { method, .. } => now(ActivityKind::Verified, None, Some(method.clone())),
        E::PluginRemoved { reason, .. } => now(ActivityKind::Removed, None, Some(reason.clone())),
        E::MilestoneReached { threshold, .. } => {
            now(ActivityKind::Milestone, None, Some(threshold.to_string()))
        }
        E::PluginDescribed(_)
        | E::PluginListed { .. }
        | E::PluginUnlisted { .. }
        | E::PluginUnverified { .. }
        | E::PluginFeatured { .. }
        | E::PluginUnfeatured { .. }
        | E::PluginTransferred { .. }
        | E::PluginUndeprecated { .. }
        | E::PluginQuarantined { .. }
        | E::PluginCleared { .. }
        | E::ReleaseRemoved { .. }
        | E::ReleaseQuarantined { .. }
        | E::ReleaseCleared { .. }
        | E::StatisticsImported { .. } => None,
    }
}

const KINDS: [ActivityKind; 8] = [
    ActivityKind::Registered,
    ActivityKind::Released,
    ActivityKind::Yanked,
    ActivityKind::Unyanked,
    ActivityKind::Deprecated,
    ActivityKind::Verified,
    ActivityKind::Removed,
    ActivityKind::Milestone,
];

fn name_of(kind: ActivityKind) -> &'static str {
    match kind {
        ActivityKind::Registered => "registered",
        ActivityKind::Released => "released",
        ActivityKind::Yanked => "yanked",
        ActivityKind::Unyanked => "unyanked",
        ActivityKind::Deprecated => "deprecated",
        ActivityKind::Verified => "verified",
        ActivityKind::Removed => "removed",
        ActivityKind::Milestone => "milestone",
    }
}

#[derive(Debug, Clone)]
pub struct PgActivity {
    pool: PgPool,
}

impl PgActivity {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl ActivityQueries for PgActivity {
    async fn recent(
        &self,
        plugin: Option<PluginId>,
        dialect: Option<Dialect>,
        limit: u32,
    ) -> Result<Vec<ActivityView>, Error> {
        let which = if plugin.is_some() { "a.plugin_id = $1" } else { "$1::uuid is null" };
        // A version that can be had by nobody is not told of, and a removal to those who could see what was removed.
        let query = format!(
            "select a.event_id, a.plugin_id, c.publisher, c.name, d.card ->> 'display_name' as display_name,
                    a.kind, a.version, a.body, a.at
               from read.activity a
               join read.catalogue c on c.plugin_id = a.plugin_id
               join read.catalogue_documents d on d.plugin_id = a.plugin_id
              where {which}
                and case when a.kind = 'removed'
                         then (c.shown or c.removed) and cardinality(a.dialects) > 0
                              and ($2::text is null or a.dialects @> array[$2])
                         else c.shown and ($2::text is null or c.dialects @> array[$2])
                              and (a.version is null or a.version = any(d.versions)) end
              order by a.at desc, a.position desc limit $3"
        );
        let rows = sqlx::query(&query)
            .bind(plugin.map(|plugin| plugin.0))
            .bind(dialect.map(Dialect::as_str))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await;
        rows.and_then(|rows| rows.iter().map(view).collect()).map_err(unavailable)
    }
}

fn view(row: &PgRow) -> Result<ActivityView, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    let known = KINDS.into_iter().find(|one| name_of(*one) == kind);
    Ok(ActivityView {
        id: row.try_get("event_id")?,
        plugin: PluginId(row.try_get("plugin_id")?),
        publisher: row.try_get("publisher")?,
        name: row.try_get("name")?,
        display_name: row.try_get("display_name")?,
        kind: known.ok_or_else(|| sqlx::Error::Decode(format!("{kind} is no kind of activity").into()))?,
        version: row.try_get("version")?,
        text: row.try_get("body")?,
        at: row.try_get("at")?,
    })
}
