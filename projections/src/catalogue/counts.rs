//! What was counted, summed up per page of events and added at once.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    download_log::{Channel, DownloadLogEvent},
    plugin::{ImportedStatistics, PluginEvent},
    review::Rating,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::tables::Tables;
use crate::reading::bounded;

/// What a page of events adds.
#[derive(Debug, Default)]
pub(super) struct Counts {
    downloads: BTreeMap<Uuid, i64>,
    versions: BTreeMap<(Uuid, String), i64>,
    /// Votes for one star, two and so on: added less taken away.
    votes: BTreeMap<Uuid, [i64; 5]>,
    /// Totals that replace those of before.
    imported: BTreeMap<Uuid, ImportedStatistics>,
}

impl Counts {
    /// An installation is told of beside the download that it began with.
    pub(super) fn download(&mut self, DownloadLogEvent::DownloadRecorded(recorded): &DownloadLogEvent) {
        if recorded.channel == Channel::Install {
            return;
        }
        let plugin = recorded.plugin_uid.0;
        *self.downloads.entry(plugin).or_default() += 1;
        *self.versions.entry((plugin, recorded.version.clone())).or_default() += 1;
    }

    pub(super) fn vote(&mut self, plugin: Uuid, (taken, added): (Option<Rating>, Option<Rating>)) {
        if taken.is_none() && added.is_none() {
            return;
        }
        let votes = self.votes.entry(plugin).or_default();
        for (rating, by) in [(taken, -1), (added, 1)] {
            if let Some(votes) = rating.and_then(|rating| votes.get_mut(usize::from(rating.stars()) - 1)) {
                *votes += by;
            }
        }
    }

    /// A plugin that begins anew begins without imported totals.
    pub(super) fn of_plugin(&mut self, plugin: Uuid, event: &PluginEvent) {
        if let PluginEvent::PluginRegistered(_) = event {
            self.imported.insert(plugin, ImportedStatistics::default());
        }
        if let PluginEvent::StatisticsImported { statistics, .. } = event {
            self.import(plugin, (**statistics).clone());
        }
    }

    pub(super) fn import(&mut self, plugin: Uuid, statistics: ImportedStatistics) {
        self.imported.insert(plugin, statistics);
    }

    /// Of a listing that is gone.
    pub(super) fn forget_import(&mut self, plugin: Uuid) {
        self.imported.remove(&plugin);
    }

    pub(super) fn touched(&self) -> BTreeSet<Uuid> {
        self.downloads.keys().chain(self.votes.keys()).chain(self.imported.keys()).copied().collect()
    }

    pub(super) async fn store(
        &self,
        transaction: &mut PgConnection,
        tables: Tables,
    ) -> Result<(), sqlx::Error> {
        self.add(&mut *transaction, &tables.counts()).await?;
        self.replace(&mut *transaction, &tables.counts()).await?;
        self.add_versions(transaction, &tables.versions()).await
    }

    async fn add(&self, transaction: &mut PgConnection, table: &str) -> Result<(), sqlx::Error> {
        let plugins: BTreeSet<Uuid> = self.downloads.keys().chain(self.votes.keys()).copied().collect();
        if plugins.is_empty() {
            return Ok(());
        }
        let downloads: Vec<i64> =
            plugins.iter().map(|plugin| self.downloads.get(plugin).copied().unwrap_or(0)).collect();
        let votes = |star: usize| -> Vec<i64> {
            plugins.iter().map(|plugin| self.votes.get(plugin).map_or(0, |votes| votes[star])).collect()
        };
        let query = format!(
            "insert into {table} as c (plugin_id, counted, one, two, three, four, five, imported, imported_ratings)
             select *, 0, 0 from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
                                        $7::bigint[])
             on conflict (plugin_id) do update
               set counted = c.counted + excluded.counted, one = c.one + excluded.one, two = c.two + excluded.two,
                   three = c.three + excluded.three, four = c.four + excluded.four, five = c.five + excluded.five"
        );
        sqlx::query(&query)
            .bind(plugins.iter().copied().collect::<Vec<_>>())
            .bind(downloads)
            .bind(votes(0))
            .bind(votes(1))
            .bind(votes(2))
            .bind(votes(3))
            .bind(votes(4))
            .execute(transaction)
            .await
            .map(drop)
    }

    async fn replace(&self, transaction: &mut PgConnection, table: &str) -> Result<(), sqlx::Error> {
        if self.imported.is_empty() {
            return Ok(());
        }
        let (plugins, imported): (Vec<Uuid>, Vec<&ImportedStatistics>) =
            self.imported.iter().map(|(plugin, imported)| (*plugin, imported)).unzip();
        let query = format!(
            "insert into {table} as c (plugin_id, imported, imported_average, imported_ratings,
                                       counted, one, two, three, four, five)
             select *, 0, 0, 0, 0, 0, 0 from unnest($1::uuid[], $2::bigint[], $3::float8[], $4::bigint[])
             on conflict (plugin_id) do update
               set imported = excluded.imported, imported_average = excluded.imported_average,
                   imported_ratings = excluded.imported_ratings"
        );
        sqlx::query(&query)
            .bind(plugins)
            .bind(imported.iter().map(|one| bounded(one.downloads)).collect::<Vec<_>>())
            .bind(imported.iter().map(|one| one.rating_average).collect::<Vec<_>>())
            .bind(imported.iter().map(|one| rated(one)).collect::<Vec<_>>())
            .execute(transaction)
            .await
            .map(drop)
    }

    async fn add_versions(&self, transaction: &mut PgConnection, table: &str) -> Result<(), sqlx::Error> {
        if self.versions.is_empty() {
            return Ok(());
        }
        let (mut plugins, mut versions, mut downloads) = (Vec::new(), Vec::new(), Vec::new());
        for ((plugin, version), count) in &self.versions {
            plugins.push(*plugin);
            versions.push(version.as_str());
            downloads.push(*count);
        }
        let query = format!(
            "insert into {table} as v (plugin_id, version, downloads)
             select * from unnest($1::uuid[], $2::text[], $3::bigint[])
             on conflict (plugin_id, version) do update set downloads = v.downloads + excluded.downloads"
        );
        sqlx::query(&query).bind(plugins).bind(versions).bind(downloads).execute(transaction).await.map(drop)
    }
}

/// Ratings without an average count for nothing.
fn rated(statistics: &ImportedStatistics) -> i64 {
    statistics.rating_average.map_or(0, |_| bounded(statistics.rating_count))
}

/// Brings the rows of these plugins up to what was counted.
pub(super) async fn refresh(
    transaction: &mut PgConnection,
    tables: Tables,
    plugins: Vec<Uuid>,
) -> Result<(), sqlx::Error> {
    if plugins.is_empty() {
        return Ok(());
    }
    let query = format!(
        "update {} c set downloads = n.downloads, rating = coalesce(n.rating, 0), ratings = n.ratings
           from {} n
          where n.plugin_id = any($1) and c.plugin_id = n.plugin_id
            and (c.downloads, c.rating, c.ratings) is distinct from (n.downloads, coalesce(n.rating, 0), n.ratings)",
        tables.rows(),
        tables.counts()
    );
    sqlx::query(&query).bind(&plugins).execute(&mut *transaction).await?;
    // So seldom that what is searched may be written anew.
    let query = format!(
        "update {} d set tier = c.tier,
                search = ts_delete(d.search, '~tier ' || d.tier) || array_to_tsvector(array['~tier ' || c.tier])
           from {} c where c.plugin_id = any($1) and d.plugin_id = c.plugin_id and d.tier <> c.tier",
        tables.documents(),
        tables.rows()
    );
    sqlx::query(&query).bind(plugins).execute(transaction).await.map(drop)
}
