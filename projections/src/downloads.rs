//! The read model `downloads`: how often each plugin was downloaded on each day, by version, dialect and channel, and
//! beside it the hashes of who did, so that the different ones of a day can be counted, and what milestones go by.

mod reader;
mod totals;

use std::collections::{BTreeMap, BTreeSet};

use application::queries::downloads::READ_MODEL;
use async_trait::async_trait;
use chrono::NaiveDate;
use domain::{
    download_log::{Channel, DownloadLogEvent},
    recorded::{Event, Recorded},
};
use infrastructure::subscription::{ApplyError, Projection};
use sqlx::PgConnection;
use uuid::Uuid;

pub use reader::PgDownloads;

use crate::generation::Generation;

pub(crate) struct Downloads;

/// What a counter is of: plugin, day, version, dialect and channel.
type Counter = (Uuid, NaiveDate, String, &'static str, &'static str);
/// One downloader of a plugin on a day.
type Downloader = (Uuid, NaiveDate, String);

#[async_trait]
impl Projection for Downloads {
    fn name(&self) -> &'static str {
        READ_MODEL
    }

    fn takes(&self) -> &'static [&'static str] {
        &["DownloadRecorded", "PluginRegistered", "PluginRemoved", "StatisticsImported", "MilestoneReached"]
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        let (counters, downloaders) = (counters(number), downloaders(number));
        let statements = vec![format!(
            "create table if not exists {} (
               plugin_id uuid not null,
               day date not null,
               version text not null,
               dialect text not null,
               channel text not null check (channel in ('tarball', 'download', 'install', 'repackage')),
               downloads bigint not null check (downloads > 0),
               primary key (plugin_id, day, version, dialect, channel)
             )",
            counters.table()
        )];
        counters.create(owner, statements, "Written by the projection downloads, read by figures").await?;
        let statements = vec![format!(
            "create table if not exists {} (
               plugin_id uuid not null,
               day date not null,
               downloader text not null,
               primary key (plugin_id, day, downloader)
             )",
            downloaders.table()
        )];
        let comment =
            "Keyed hashes, another one each day. Written by the projection downloads, counted by figures";
        downloaders.create(owner, statements, comment).await?;
        totals::create(owner, number).await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        counters(number).show(owner).await?;
        downloaders(number).show(owner).await?;
        totals::of(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        counters(number).remove(owner).await?;
        downloaders(number).remove(owner).await?;
        totals::of(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        let key = "plugin_id, day, version, dialect, channel";
        let counters = counters(number).fingerprint(connection, key, &format!("{key}, downloads")).await?;
        let key = "plugin_id, day, downloader";
        let downloaders = downloaders(number).fingerprint(connection, key, key).await?;
        Ok(format!("{counters} {downloaders} {}", totals::fingerprint(connection, number).await?))
    }

    /// Adds a page up in memory, and writes each counter once.
    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let (mut counts, mut who) = (BTreeMap::<Counter, i64>::new(), BTreeSet::<Downloader>::new());
        for recorded in events {
            let Event::Download(_, DownloadLogEvent::DownloadRecorded(one)) = &recorded.event else {
                continue;
            };
            let (plugin, day) = (one.plugin_uid.0, one.at.date_naive());
            let counter = (plugin, day, one.version.clone(), one.dialect.as_str(), name_of(one.channel));
            *counts.entry(counter).or_default() += 1;
            who.extend(one.downloader.clone().map(|downloader| (plugin, day, downloader)));
        }
        totals::apply(transaction, number, events).await?;
        add(transaction, &counters(number).table(), counts).await?;
        note(transaction, &downloaders(number).table(), who).await?;
        Ok(())
    }
}

fn counters(number: i32) -> Generation {
    Generation { model: READ_MODEL, number }
}

fn downloaders(number: i32) -> Generation {
    Generation { model: "downloaders", number }
}

fn name_of(channel: Channel) -> &'static str {
    match channel {
        Channel::Tarball => "tarball",
        Channel::Download => "download",
        Channel::Install => "install",
        Channel::Repackage => "repackage",
    }
}

async fn add(
    transaction: &mut PgConnection,
    table: &str,
    counts: BTreeMap<Counter, i64>,
) -> Result<(), sqlx::Error> {
    let (mut plugins, mut days, mut versions) = (Vec::new(), Vec::new(), Vec::new());
    let (mut dialects, mut channels, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for ((plugin, day, version, dialect, channel), number) in counts {
        plugins.push(plugin);
        days.push(day);
        versions.push(version);
        dialects.push(dialect);
        channels.push(channel);
        numbers.push(number);
    }
    let query = format!(
        "insert into {table} as held (plugin_id, day, version, dialect, channel, downloads)
         select * from unnest($1::uuid[], $2::date[], $3::text[], $4::text[], $5::text[], $6::bigint[])
         on conflict (plugin_id, day, version, dialect, channel)
         do update set downloads = held.downloads + excluded.downloads"
    );
    let query = sqlx::query(&query).bind(plugins).bind(days).bind(versions);
    query.bind(dialects).bind(channels).bind(numbers).execute(transaction).await.map(drop)
}

async fn note(
    transaction: &mut PgConnection,
    table: &str,
    who: BTreeSet<Downloader>,
) -> Result<(), sqlx::Error> {
    let (mut plugins, mut days, mut downloaders) = (Vec::new(), Vec::new(), Vec::new());
    for (plugin, day, downloader) in who {
        plugins.push(plugin);
        days.push(day);
        downloaders.push(downloader);
    }
    let query = format!(
        "insert into {table} (plugin_id, day, downloader)
         select * from unnest($1::uuid[], $2::date[], $3::text[]) on conflict do nothing"
    );
    sqlx::query(&query).bind(plugins).bind(days).bind(downloaders).execute(transaction).await.map(drop)
}
