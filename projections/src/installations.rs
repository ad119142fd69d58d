//! The read model `installations`: one row an installation, those that are removed among them.

mod reader;

use application::queries::installations::{InstallationView, READ_MODEL, fold};
use async_trait::async_trait;
use domain::{
    installation::InstallationEvent,
    recorded::{Event, Recorded},
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

pub use reader::PgInstallations;

use crate::per_stream::PerStream;

pub(crate) struct Installations;

#[async_trait]
impl PerStream for Installations {
    type Key = Uuid;
    type View = InstallationView;

    const MODEL: &'static str = READ_MODEL;
    const TYPES: &'static [&'static str] = InstallationEvent::TYPES;
    const KEY: &'static str = "installation_id";
    const COLUMNS: &'static str = "installation_id, name, live, digests, view";
    const COMMENT: &'static str = "Written by the projection installations, read by the host of plugins and the lists of what is installed";

    fn statements(table: &str) -> Vec<String> {
        vec![
            format!(
                "create table if not exists {table} (
                   installation_id uuid primary key,
                   name text not null,
                   live boolean not null,
                   digests text[] not null,          -- of the packages that it, or a backup of it, is made of
                   view jsonb not null
                 )"
            ),
            format!("create index on {table} (name) where live"),
            format!("create index on {table} using gin (digests)"),
        ]
    }

    fn id(event: &Event) -> Option<Uuid> {
        let Event::Installation(id, _) = event else { return None };
        Some(id.0)
    }

    fn fold(view: Option<InstallationView>, recorded: &Recorded) -> Option<InstallationView> {
        fold(view, recorded)
    }

    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<InstallationView>,
    ) -> Result<(), sqlx::Error> {
        let query = format!(
            "insert into {table} (installation_id, name, live, digests, view) values ($1, $2, $3, $4, $5)
             on conflict (installation_id) do update
               set live = excluded.live, digests = excluded.digests, view = excluded.view"
        );
        for view in views {
            let live = view.live.iter().map(|live| &live.release);
            let kept = view.backups.values().map(|backup| &backup.release);
            let digests: Vec<String> = live.chain(kept).map(|release| release.digest.to_string()).collect();
            sqlx::query(&query)
                .bind(view.id.0)
                .bind(view.name.folded())
                .bind(view.live.is_some())
                .bind(digests)
                .bind(Json(view))
                .execute(&mut *transaction)
                .await?;
        }
        Ok(())
    }
}
