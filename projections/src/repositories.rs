//! The read model `repositories`: one row a catalogue elsewhere, and how far it was read. What it lists is in
//! `catalogue`.

use application::{
    error::Error,
    queries::repositories::{READ_MODEL, RepositoryQueries, RepositoryView},
};
use async_trait::async_trait;
use domain::{
    recorded::{Event, Recorded},
    repository::RepositoryEvent,
};
use sqlx::{PgConnection, PgPool, types::Json};

use crate::{per_stream::PerStream, reading::unavailable};

pub(crate) struct Repositories;

#[async_trait]
impl PerStream for Repositories {
    type Key = String;
    type View = RepositoryView;

    const MODEL: &'static str = READ_MODEL;
    const TYPES: &'static [&'static str] = &[
        "RepositoryAdded",
        "RepositoryEnabled",
        "RepositoryDisabled",
        "RepositorySynced",
        "RepositorySyncFailed",
    ];
    const KEY: &'static str = "repository";
    const COLUMNS: &'static str = "repository, view";
    const COMMENT: &'static str =
        "Written by the projection repositories, read by their synchronisation and the lists of repositories";

    fn statements(table: &str) -> Vec<String> {
        vec![format!(
            "create table if not exists {table} (
               repository text primary key,
               view jsonb not null
             )"
        )]
    }

    fn id(event: &Event) -> Option<String> {
        let Event::Repository(name, _) = event else { return None };
        Some(name.clone())
    }

    fn fold(view: Option<RepositoryView>, recorded: &Recorded) -> Option<RepositoryView> {
        fold(view, recorded)
    }

    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<RepositoryView>,
    ) -> Result<(), sqlx::Error> {
        let names: Vec<String> = views.iter().map(|view| view.name.clone()).collect();
        let documents: Vec<Json<RepositoryView>> = views.into_iter().map(Json).collect();
        let query = format!(
            "insert into {table} (repository, view) select * from unnest($1::text[], $2::jsonb[])
             on conflict (repository) do update set view = excluded.view"
        );
        sqlx::query(&query).bind(names).bind(documents).execute(transaction).await.map(drop)
    }
}

fn fold(view: Option<RepositoryView>, recorded: &Recorded) -> Option<RepositoryView> {
    let Event::Repository(name, event) = &recorded.event else { return view };
    if let RepositoryEvent::RepositoryAdded(added) = event {
        return Some(RepositoryView {
            name: name.clone(),
            url: added.url.clone(),
            description: added.description.clone(),
            kind: added.kind.clone(),
            enabled: true,
            plugins: 0,
            cursor: None,
            synced_at: None,
            last_error: None,
            failed_at: None,
        });
    }
    let mut view = view?;
    match event {
        RepositoryEvent::RepositoryAdded(_) | RepositoryEvent::ListingsObserved { .. } => {}
        RepositoryEvent::RepositoryEnabled {} => view.enabled = true,
        RepositoryEvent::RepositoryDisabled { .. } => view.enabled = false,
        RepositoryEvent::RepositorySynced { cursor, added, removed, .. } => {
            view.plugins = view.plugins.saturating_add(*added).saturating_sub(*removed);
            view.cursor = Some(cursor.clone());
            view.synced_at = Some(recorded.recorded_at);
            view.last_error = None;
        }
        RepositoryEvent::RepositorySyncFailed { error } => {
            view.last_error = Some(error.clone());
            view.failed_at = Some(recorded.recorded_at);
        }
    }
    Some(view)
}

#[derive(Debug, Clone)]
pub struct PgRepositories {
    pool: PgPool,
}

impl PgRepositories {
    pub fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl RepositoryQueries for PgRepositories {
    async fn all(&self) -> Result<Vec<RepositoryView>, Error> {
        let views: Vec<Json<RepositoryView>> =
            sqlx::query_scalar("select view from read.repositories order by repository")
                .fetch_all(&self.pool)
                .await
                .map_err(unavailable)?;
        Ok(views.into_iter().map(|view| view.0).collect())
    }
}
