//! What milestones go by: how often a plugin was downloaded in all, and which milestone nobody has announced yet. Those
//! that an imported total had passed elsewhere are none of ours.

use std::collections::BTreeMap;

use application::queries::downloads::MILESTONES;
use domain::{
    download_log::{Channel, DownloadLogEvent},
    plugin::PluginEvent,
    recorded::{Event, Recorded},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{generation::Generation, reading::bounded};

pub(super) fn of(number: i32) -> Generation {
    Generation { model: "download_totals", number }
}

pub(super) async fn create(owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
    let (generation, table) = (of(number), of(number).table());
    let statements = vec![
        format!(
            "create table if not exists {table} (
               plugin_id uuid primary key,
               counted bigint not null default 0,
               imported bigint not null default 0,
               is_removed boolean not null default false,
               reached bigint[] not null default '{{}}',
               due bigint
             )"
        ),
        format!("create index on {table} (plugin_id) where due is not null"),
    ];
    let comment = "Written by the projection downloads, read by the process that announces milestones";
    generation.create(owner, statements, comment).await
}

pub(super) async fn fingerprint(connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
    of(number).fingerprint(connection, "plugin_id", "plugin_id, counted, imported, is_removed, due").await
}

/// What a page changes for one plugin.
#[derive(Default)]
struct Change {
    counted: i64,
    imported: Option<i64>,
    is_removed: Option<bool>,
    reached: Vec<i64>,
}

pub(super) async fn apply(
    transaction: &mut PgConnection,
    number: i32,
    events: &[Recorded],
) -> Result<(), sqlx::Error> {
    let mut changes = BTreeMap::<Uuid, Change>::new();
    for recorded in events {
        match &recorded.event {
            Event::Download(_, DownloadLogEvent::DownloadRecorded(one)) => {
                // Beside the download that it began with.
                let counted = u8::from(one.channel != Channel::Install);
                changes.entry(one.plugin_uid.0).or_default().counted += i64::from(counted);
            }
            Event::Plugin(plugin, event) => note(changes.entry(plugin.0).or_default(), event),
            Event::Task(..)
            | Event::Account(..)
            | Event::ApiKey(..)
            | Event::DeviceLogin(..)
            | Event::NameClaim(..)
            | Event::Publisher(..)
            | Event::Review(..)
            | Event::Repository(..)
            | Event::Installation(..)
            | Event::Operation(..) => {}
        }
    }
    write(transaction, &of(number).table(), changes).await
}

fn note(change: &mut Change, event: &PluginEvent) {
    if let PluginEvent::StatisticsImported { statistics, .. } = event {
        change.imported = Some(bounded(statistics.downloads));
    } else if let PluginEvent::MilestoneReached { threshold, .. } = event {
        change.reached.extend(i64::try_from(*threshold));
    } else if let PluginEvent::PluginRegistered(_) = event {
        change.is_removed = Some(false);
    } else if let PluginEvent::PluginRemoved { .. } = event {
        change.is_removed = Some(true);
    }
}

async fn write(
    transaction: &mut PgConnection,
    table: &str,
    changes: BTreeMap<Uuid, Change>,
) -> Result<(), sqlx::Error> {
    let (mut plugins, mut counted, mut imported, mut removed) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut of_reached, mut reached) = (Vec::new(), Vec::new());
    for (plugin, change) in changes {
        plugins.push(plugin);
        counted.push(change.counted);
        imported.push(change.imported);
        removed.push(change.is_removed);
        of_reached.extend(change.reached.iter().map(|_| plugin));
        reached.extend(change.reached);
    }
    let upsert = format!(
        "insert into {table} as held (plugin_id, counted, imported, is_removed)
         select plugin_id, counted, coalesce(imported, 0), coalesce(is_removed, false)
           from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::boolean[])
                as new (plugin_id, counted, imported, is_removed)
         on conflict (plugin_id) do update
           set counted = held.counted + excluded.counted,
               imported = coalesce(($3::bigint[])[array_position($1::uuid[], held.plugin_id)], held.imported),
               is_removed = coalesce(($4::boolean[])[array_position($1::uuid[], held.plugin_id)], held.is_removed)"
    );
    let query = sqlx::query(&upsert).bind(&plugins).bind(counted).bind(imported).bind(removed);
    query.execute(&mut *transaction).await?;
    if !reached.is_empty() {
        let append = format!(
            "update {table} t set reached = t.reached || new.thresholds
               from (select plugin_id, array_agg(threshold) as thresholds
                       from unnest($1::uuid[], $2::bigint[]) as one (plugin_id, threshold)
                      group by plugin_id) new
              where t.plugin_id = new.plugin_id"
        );
        sqlx::query(&append).bind(of_reached).bind(reached).execute(&mut *transaction).await?;
    }
    let judge = format!(
        "update {table} t set due = judged.due
           from (select h.plugin_id, (select min(m) from unnest($2::bigint[]) m
                                       where not h.is_removed and m <= h.counted + h.imported and m > h.imported
                                         and not m = any(h.reached)) as due
                   from {table} h where h.plugin_id = any($1)) judged
          where t.plugin_id = judged.plugin_id and t.due is distinct from judged.due"
    );
    let milestones: Vec<i64> = MILESTONES.iter().filter_map(|&number| i64::try_from(number).ok()).collect();
    sqlx::query(&judge).bind(plugins).bind(milestones).execute(transaction).await.map(drop)
}
