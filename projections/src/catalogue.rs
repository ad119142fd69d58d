//! The read model `catalogue`: every plugin, our own and those of repositories, as it is listed, searched and shown.
//!
//! It folds four kinds of streams: plugins, their downloads and reviews, and what repositories list. A page of events is
//! folded in memory and written at once. Counters change far more often than documents, so they are written without
//! touching them. A listing is hidden while its repository is disabled or a plugin of our own has its name.

mod card;
mod counts;
mod edits;
mod engines;
mod find;
mod fold;
mod hiding;
mod look_alikes;
mod matches;
mod rank;
mod reader;
mod related;
mod search;
mod store;
mod tables;
mod totals;
mod upstream;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use application::queries::catalogue::{PluginView, READ_MODEL};
use async_trait::async_trait;
use domain::{
    download_log::DownloadLogEvent,
    recorded::{Event, Recorded},
    repository::RepositoryEvent,
};
use infrastructure::subscription::{ApplyError, Projection};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

pub use reader::PgCatalogue;

use counts::Counts;
use hiding::Hiding;
use tables::Tables;

pub(crate) struct Catalogue;

#[async_trait]
impl Projection for Catalogue {
    fn name(&self) -> &'static str {
        READ_MODEL
    }

    fn takes(&self) -> &'static [&'static str] {
        &[
            "PluginRegistered",
            "PluginDescribed",
            "ReleasePublished",
            "PluginListed",
            "PluginUnlisted",
            "PluginVerified",
            "PluginUnverified",
            "PluginFeatured",
            "PluginUnfeatured",
            "PluginTransferred",
            "PluginDeprecated",
            "PluginUndeprecated",
            "PluginQuarantined",
            "PluginCleared",
            "PluginRemoved",
            "ReleaseYanked",
            "ReleaseUnyanked",
            "ReleaseRemoved",
            "ReleaseQuarantined",
            "ReleaseCleared",
            "StatisticsImported",
            "DownloadRecorded",
            "ReviewSubmitted",
            "ReviewEdited",
            "ReviewWithdrawn",
            "ReviewModerated",
            "RepositoryAdded",
            "RepositoryEnabled",
            "RepositoryDisabled",
            "ListingsObserved",
        ]
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        Tables::of(number).create(owner).await
    }

    async fn index(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        Tables::of(number).index(owner).await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        Tables::of(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        Tables::of(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        Tables::of(number).fingerprint(connection).await
    }

    async fn is_same(
        &self,
        (_, before): (&mut PgConnection, i32),
        (connection, after): (&mut PgConnection, i32),
    ) -> Result<bool, sqlx::Error> {
        Tables::of(before).is_same(Tables::of(after), connection).await
    }

    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let tables = Tables::of(number);
        let page = Page::fold(&mut *transaction, tables, events).await?;
        page.store(transaction, tables, true).await?;
        Ok(())
    }

    async fn load(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let tables = Tables::of(number);
        let page = Page::fold(&mut *transaction, tables, events).await?;
        page.store(transaction, tables, false).await?;
        Ok(())
    }

    /// What changes one plugin. Repositories change many, and whoever reviews or downloads may do so with theirs.
    fn lane(&self, event: &Event) -> Option<u64> {
        match event {
            Event::Plugin(plugin, _) => Some(lane(plugin.0)),
            Event::Review(_, event) => Some(lane(event.plugin().0)),
            Event::Download(_, DownloadLogEvent::DownloadRecorded(recorded)) => {
                Some(lane(recorded.plugin_uid.0))
            }
            Event::Repository(..) => None,
            Event::Task(..)
            | Event::Account(..)
            | Event::ApiKey(..)
            | Event::DeviceLogin(..)
            | Event::NameClaim(..)
            | Event::Publisher(..)
            | Event::Installation(..)
            | Event::Operation(..) => Some(0),
        }
    }
}

fn lane(plugin: Uuid) -> u64 {
    plugin.as_u64_pair().1
}

/// What a page of events comes to.
#[derive(Default)]
struct Page {
    views: BTreeMap<Uuid, PluginView>,
    /// Listings that are there no more.
    gone: BTreeSet<Uuid>,
    counts: Counts,
    hiding: Hiding,
}

impl Page {
    async fn fold(
        transaction: &mut PgConnection,
        tables: Tables,
        events: &[Recorded],
    ) -> Result<Self, ApplyError> {
        let mut page = Self { views: load(transaction, tables, events).await?, ..Self::default() };
        page.views.values().for_each(|view| page.hiding.touch(view));
        for recorded in events {
            match &recorded.event {
                Event::Plugin(id, event) => {
                    page.counts.of_plugin(id.0, event);
                    let view = fold::fold(page.views.remove(&id.0), recorded)
                        .ok_or_else(|| ApplyError::Poison(format!("plugin {id} never began")))?;
                    page.views.insert(id.0, view);
                }
                Event::Review(_, event) => page.counts.vote(event.plugin().0, event.ratings()),
                Event::Download(_, event) => page.counts.download(event),
                Event::Repository(name, event) => page.repository(name, event, recorded),
                Event::Task(..)
                | Event::Account(..)
                | Event::ApiKey(..)
                | Event::DeviceLogin(..)
                | Event::NameClaim(..)
                | Event::Publisher(..)
                | Event::Installation(..)
                | Event::Operation(..) => {}
            }
        }
        page.views.values().for_each(|view| page.hiding.touch(view));
        Ok(page)
    }

    fn repository(&mut self, name: &str, event: &RepositoryEvent, recorded: &Recorded) {
        match event {
            RepositoryEvent::RepositoryAdded(_) | RepositoryEvent::RepositoryEnabled {} => {
                self.hiding.enable(name, true);
            }
            RepositoryEvent::RepositoryDisabled { .. } => self.hiding.enable(name, false),
            RepositoryEvent::ListingsObserved { listings, gone } => {
                for listing in listings {
                    let view = upstream::view(name, listing.clone(), recorded.recorded_at);
                    self.gone.remove(&view.id.0);
                    self.counts.import(view.id.0, view.imported.clone().unwrap_or_default());
                    self.views.insert(view.id.0, view);
                }
                for pair in gone {
                    self.hiding.forget(pair);
                    let id = upstream::id(name, pair).0;
                    self.views.remove(&id);
                    self.counts.forget_import(id);
                    self.gone.insert(id);
                }
            }
            RepositoryEvent::RepositorySynced { .. } | RepositoryEvent::RepositorySyncFailed { .. } => {}
        }
    }

    /// What is hidden is settled once for a generation that is being loaded.
    async fn store(
        self,
        transaction: &mut PgConnection,
        tables: Tables,
        hides: bool,
    ) -> Result<(), sqlx::Error> {
        store::remove(&mut *transaction, tables, self.gone.into_iter().collect()).await?;
        self.counts.store(&mut *transaction, tables).await?;
        let mut counted = self.counts.touched();
        counted.retain(|plugin| !self.views.contains_key(plugin));
        let views: Vec<PluginView> = self.views.into_values().collect();
        store::store(&mut *transaction, tables, &views).await?;
        counts::refresh(&mut *transaction, tables, counted.into_iter().collect()).await?;
        self.hiding.store_sources(&mut *transaction, tables).await?;
        if hides { self.hiding.hide(transaction, tables).await } else { Ok(()) }
    }
}

/// The documents of the plugins whose streams have events here.
async fn load(
    transaction: &mut PgConnection,
    tables: Tables,
    events: &[Recorded],
) -> Result<BTreeMap<Uuid, PluginView>, sqlx::Error> {
    let ids: BTreeSet<Uuid> = events
        .iter()
        .filter_map(|recorded| if let Event::Plugin(id, _) = &recorded.event { Some(id.0) } else { None })
        .collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let query = format!("select plugin_id, view from {} where plugin_id = any($1)", tables.documents());
    let ids: Vec<Uuid> = ids.into_iter().collect();
    let rows: Vec<(Uuid, Json<PluginView>)> = sqlx::query_as(&query).bind(ids).fetch_all(transaction).await?;
    Ok(rows.into_iter().map(|(id, view)| (id, view.0)).collect())
}
