//! The read model `operations`: one row an operation, and beside it what lists are found by.

mod reader;

use application::queries::operations::{OperationView, READ_MODEL, fold};
use async_trait::async_trait;
use domain::{
    operation::OperationEvent,
    recorded::{Event, Recorded},
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

pub use reader::PgOperations;

use crate::{per_stream::PerStream, reading::bounded};

pub(crate) struct Operations;

#[async_trait]
impl PerStream for Operations {
    type Key = Uuid;
    type View = OperationView;

    const MODEL: &'static str = READ_MODEL;
    const TYPES: &'static [&'static str] = OperationEvent::TYPES;
    const KEY: &'static str = "operation_id";
    const COLUMNS: &'static str =
        "operation_id, number, dialect, owner, installation_id, ended, requested_at, view";
    const COMMENT: &'static str =
        "Written by the projection operations, read by whoever asks for an operation";

    fn statements(table: &str) -> Vec<String> {
        vec![
            format!(
                "create table if not exists {table} (
                   operation_id uuid primary key,
                   number bigint not null,
                   dialect text not null,
                   owner uuid,
                   installation_id uuid,
                   ended boolean not null,
                   requested_at timestamptz not null,
                   view jsonb not null
                 )"
            ),
            format!("create index on {table} (number)"),
            format!("create index on {table} (requested_at desc, operation_id)"),
            format!("create index on {table} (number) where not ended"),
            format!("create index on {table} (installation_id, requested_at desc)"),
        ]
    }

    fn id(event: &Event) -> Option<Uuid> {
        let Event::Operation(id, _) = event else { return None };
        Some(id.0)
    }

    fn fold(view: Option<OperationView>, recorded: &Recorded) -> Option<OperationView> {
        fold(view, recorded)
    }

    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<OperationView>,
    ) -> Result<(), sqlx::Error> {
        let (mut ids, mut numbers, mut dialects, mut owners) = (vec![], vec![], vec![], vec![]);
        let (mut installations, mut ended, mut requested, mut documents) = (vec![], vec![], vec![], vec![]);
        for view in views {
            ids.push(view.id.0);
            numbers.push(bounded(view.number));
            dialects.push(view.dialect.as_str());
            owners.push(view.owner.map(|owner| owner.0));
            installations.push(view.found.installation.map(|installation| installation.0));
            ended.push(view.has_ended());
            requested.push(view.requested_at);
            documents.push(Json(view));
        }
        let query = format!(
            "insert into {table} ({})
             select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::uuid[], $6::boolean[],
                                  $7::timestamptz[], $8::jsonb[])
             on conflict (operation_id) do update
               set installation_id = excluded.installation_id, ended = excluded.ended, view = excluded.view",
            Self::COLUMNS
        );
        sqlx::query(&query)
            .bind(ids)
            .bind(numbers)
            .bind(dialects)
            .bind(owners)
            .bind(installations)
            .bind(ended)
            .bind(requested)
            .bind(documents)
            .execute(transaction)
            .await
            .map(drop)
    }
}
