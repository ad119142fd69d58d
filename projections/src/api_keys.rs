//! The read model `api_keys`: one row a key or session. Its view as a document, and beside it what it is found by.
//!
//! Every write of a row draws a number from `es.key_changes`. One reader writes at a time and a generation repeats an
//! event only after the one that serves has applied it, so whoever asks for what came after the number it has seen
//! misses nothing, rebuilds included.

mod fold;
mod reader;

use std::collections::BTreeMap;

use application::queries::keys::KeyView;
use async_trait::async_trait;
use domain::{
    api_key::{ApiKeyEvent, KeyKind},
    recorded::{Event, Recorded},
    values::KeyId,
};
use infrastructure::subscription::{ApplyError, Projection};
use sqlx::{PgConnection, Row, types::Json};
use uuid::Uuid;

pub use reader::PgKeys;

use crate::generation::Generation;

pub(crate) struct ApiKeys;

#[async_trait]
impl Projection for ApiKeys {
    fn name(&self) -> &'static str {
        application::identity::KEYS
    }

    fn takes(&self) -> &'static [&'static str] {
        &ApiKeyEvent::TYPES
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        let generation = of(number);
        let table = generation.table();
        let statements = vec![
            format!(
                "create table if not exists {table} (
                   key_id uuid primary key,
                   account_id uuid not null,
                   kind text not null check (kind in ('token', 'session')),
                   secret_sha256 text not null check (secret_sha256 ~ '^[0-9a-f]{{64}}$'),
                   issued_at timestamptz not null,
                   revoked_at timestamptz,
                   change bigint not null default nextval('es.key_changes'),
                   view jsonb not null
                 )"
            ),
            format!("create unique index on {table} (secret_sha256)"),
            format!("create index on {table} (account_id, issued_at desc, key_id)"),
            format!("create index on {table} (issued_at desc, key_id)"),
            format!("create index on {table} (change)"),
        ];
        let comment = "Written by the projection api_keys, read by whatever judges or lists a credential";
        generation.create(owner, statements, comment).await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        let columns = "key_id, account_id, kind, secret_sha256, issued_at, revoked_at, view";
        of(number).fingerprint(connection, "key_id", columns).await
    }

    /// Loads the rows of the page once, folds in memory, writes them once.
    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let table = of(number).table();
        let ids: Vec<Uuid> = events.iter().filter_map(key_of).map(|id| id.0).collect();
        let mut rows = load(transaction, &table, &ids).await?;
        for recorded in events {
            let Some(id) = key_of(recorded) else { continue };
            let row = fold::fold(rows.remove(&id), recorded)
                .ok_or_else(|| ApplyError::Poison(format!("key {id} was never issued")))?;
            rows.insert(id, row);
        }
        store(transaction, &table, rows.into_values()).await?;
        Ok(())
    }
}

fn of(number: i32) -> Generation {
    Generation { model: application::identity::KEYS, number }
}

/// As events write it, too.
fn name_of(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Token => "token",
        KeyKind::Session => "session",
    }
}

fn key_of(recorded: &Recorded) -> Option<KeyId> {
    match &recorded.event {
        Event::ApiKey(id, _) => Some(*id),
        Event::Task(..) | Event::Account(..) => None,
    }
}

async fn load(
    transaction: &mut PgConnection,
    table: &str,
    ids: &[Uuid],
) -> Result<BTreeMap<KeyId, KeyView>, sqlx::Error> {
    let query = format!("select view from {table} where key_id = any($1)");
    let rows = sqlx::query(&query).bind(ids).fetch_all(transaction).await?;
    rows.iter()
        .map(|row| {
            let view: Json<KeyView> = row.try_get("view")?;
            Ok((view.0.id, view.0))
        })
        .collect()
}

async fn store(
    transaction: &mut PgConnection,
    table: &str,
    rows: impl Iterator<Item = KeyView>,
) -> Result<(), sqlx::Error> {
    let (mut ids, mut accounts, mut kinds, mut secrets) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut issued, mut revoked, mut views) = (Vec::new(), Vec::new(), Vec::new());
    for view in rows {
        ids.push(view.id.0);
        accounts.push(view.account.0);
        kinds.push(name_of(view.kind));
        secrets.push(view.secret_sha256.to_string());
        issued.push(view.issued_at);
        revoked.push(view.revoked_at);
        views.push(Json(view));
    }
    let query = format!(
        "insert into {table} (key_id, account_id, kind, secret_sha256, issued_at, revoked_at, view)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                              $7::jsonb[])
         on conflict (key_id) do update
           set secret_sha256 = excluded.secret_sha256, revoked_at = excluded.revoked_at, view = excluded.view,
               change = nextval('es.key_changes')"
    );
    sqlx::query(&query)
        .bind(ids)
        .bind(accounts)
        .bind(kinds)
        .bind(secrets)
        .bind(issued)
        .bind(revoked)
        .bind(views)
        .execute(transaction)
        .await
        .map(drop)
}
