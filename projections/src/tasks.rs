//! The read model `tasks`: one row a task. Its view as a document, and beside it what lists are sorted and
//! searched by.

mod fold;
mod reader;

use std::collections::BTreeMap;

use application::queries::tasks::TaskView;
use async_trait::async_trait;
use domain::{
    recorded::{Event, Recorded},
    task::TaskEvent,
    values::TaskId,
};
use infrastructure::subscription::{ApplyError, Projection};
use sqlx::{PgConnection, Row, types::Json};
use uuid::Uuid;

pub use reader::PgTasks;

use crate::generation::Generation;

pub(crate) struct Tasks;

#[async_trait]
impl Projection for Tasks {
    fn name(&self) -> &'static str {
        application::tasks::READ_MODEL
    }

    fn takes(&self) -> &'static [&'static str] {
        &TaskEvent::TYPES
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        let generation = of(number);
        let table = generation.table();
        let statements = vec![
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
        ];
        generation
            .create(owner, statements, "Written by the projection tasks, read by the Dify task API")
            .await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        let columns = "task_id, status, created_at, ended_at, artifact, input, view";
        of(number).fingerprint(connection, "task_id", columns).await
    }

    /// Loads the rows of the page once, folds in memory, writes them once.
    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let table = of(number).table();
        let ids: Vec<Uuid> = events.iter().filter_map(task_of).map(|id| id.0).collect();
        let mut rows = load(transaction, &table, &ids).await?;
        for recorded in events {
            let Some(id) = task_of(recorded) else { continue };
            let row = fold::fold(rows.remove(&id), recorded)
                .ok_or_else(|| ApplyError::Poison(format!("task {id} was never requested")))?;
            rows.insert(id, row);
        }
        store(transaction, &table, rows.into_values()).await?;
        Ok(())
    }
}

fn of(number: i32) -> Generation {
    Generation { model: application::tasks::READ_MODEL, number }
}

fn task_of(recorded: &Recorded) -> Option<TaskId> {
    match &recorded.event {
        Event::Task(id, _) => Some(*id),
        Event::Account(..) | Event::ApiKey(..) => None,
    }
}

async fn load(
    transaction: &mut PgConnection,
    table: &str,
    ids: &[Uuid],
) -> Result<BTreeMap<TaskId, TaskView>, sqlx::Error> {
    let query = format!("select view from {table} where task_id = any($1)");
    let rows = sqlx::query(&query).bind(ids).fetch_all(transaction).await?;
    rows.iter()
        .map(|row| {
            let view: Json<TaskView> = row.try_get("view")?;
            Ok((view.0.id, view.0))
        })
        .collect()
}

async fn store(
    transaction: &mut PgConnection,
    table: &str,
    rows: impl Iterator<Item = TaskView>,
) -> Result<(), sqlx::Error> {
    let (mut ids, mut statuses, mut created, mut ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut artifacts, mut inputs, mut views) = (Vec::new(), Vec::new(), Vec::new());
    for view in rows {
        ids.push(view.id.0);
        statuses.push(view.status.as_str());
        created.push(view.created_at);
        ended.push(view.ended_at);
        artifacts.push(view.artifact.as_ref().map(|artifact| artifact.sha256.to_string()));
        inputs.push(view.input.as_ref().map(ToString::to_string));
        views.push(Json(view));
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
        .bind(views)
        .execute(transaction)
        .await
        .map(drop)
}
