//! The read model `tasks`: one row a task. Its view as a document, and beside it what lists are sorted and
//! searched by.

mod fold;
mod reader;

use application::queries::tasks::TaskView;
use async_trait::async_trait;
use domain::{
    recorded::{Event, Recorded},
    task::TaskEvent,
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

pub use reader::PgTasks;

use crate::per_stream::PerStream;

pub(crate) struct Tasks;

#[async_trait]
impl PerStream for Tasks {
    type Key = Uuid;
    type View = TaskView;

    const MODEL: &'static str = application::tasks::READ_MODEL;
    const TYPES: &'static [&'static str] = &TaskEvent::TYPES;
    const KEY: &'static str = "task_id";
    const COLUMNS: &'static str = "task_id, status, created_at, ended_at, artifact, input, view";
    const COMMENT: &'static str = "Written by the projection tasks, read by the Dify task API";

    fn statements(table: &str) -> Vec<String> {
        vec![
            format!(
                "create table if not exists {table} (
                   task_id uuid primary key,
                   status text not null
                     check (status in ('queued', 'running', 'completed', 'failed', 'cancelled', 'expired')),
                   created_at timestamptz not null,
                   ended_at timestamptz,
                   artifact text check (artifact ~ '^[0-9a-f]{{64}}$'),
                   input text check (input ~ '^[0-9a-f]{{64}}$'),
                   view jsonb not null
                 )"
            ),
            format!("create index on {table} (created_at desc, task_id)"),
            format!("create index on {table} (ended_at desc, task_id) where status = 'completed'"),
            format!("create index on {table} (artifact) where status = 'completed'"),
            format!("create index on {table} (input) where status in ('queued', 'running')"),
            format!("create index on {table} ((view ->> 'group')) where view ->> 'group' is not null"),
        ]
    }

    fn id(event: &Event) -> Option<Uuid> {
        let Event::Task(id, _) = event else { return None };
        Some(id.0)
    }

    fn fold(view: Option<TaskView>, recorded: &Recorded) -> Option<TaskView> {
        fold::fold(view, recorded)
    }

    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<TaskView>,
    ) -> Result<(), sqlx::Error> {
        let (mut ids, mut statuses, mut created, mut ended) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut artifacts, mut inputs, mut documents) = (Vec::new(), Vec::new(), Vec::new());
        for view in views {
            ids.push(view.id.0);
            statuses.push(view.status.as_str());
            created.push(view.created_at);
            ended.push(view.ended_at);
            artifacts.push(view.artifact.as_ref().map(|artifact| artifact.sha256.to_string()));
            inputs.push(view.input.as_ref().map(ToString::to_string));
            documents.push(Json(view));
        }
        let query = format!(
            "insert into {table} (task_id, status, created_at, ended_at, artifact, input, view)
             select * from unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::text[],
                                  $7::jsonb[])
             on conflict (task_id) do update
               set status = excluded.status, ended_at = excluded.ended_at, artifact = excluded.artifact,
                   view = excluded.view"
        );
        sqlx::query(&query)
            .bind(ids)
            .bind(statuses)
            .bind(created)
            .bind(ended)
            .bind(artifacts)
            .bind(inputs)
            .bind(documents)
            .execute(transaction)
            .await
            .map(drop)
    }
}
