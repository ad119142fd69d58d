//! The read model `accounts`: one row an account, its name and password sealed as the log has them.

mod fold;
mod reader;

use std::collections::BTreeMap;

use application::queries::keys::AccountView;
use async_trait::async_trait;
use domain::{
    account::AccountEvent,
    recorded::{Event, Recorded},
    values::AccountId,
};
use infrastructure::subscription::{ApplyError, Projection};
use sqlx::{PgConnection, Row, types::Json};
use uuid::Uuid;

pub use reader::PgAccounts;

use crate::generation::Generation;

pub(crate) struct Accounts;

#[async_trait]
impl Projection for Accounts {
    fn name(&self) -> &'static str {
        application::identity::ACCOUNTS
    }

    fn takes(&self) -> &'static [&'static str] {
        &AccountEvent::TYPES
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        let generation = of(number);
        let table = generation.table();
        let statements = vec![
            format!(
                "create table if not exists {table} (
                   account_id uuid primary key,
                   registered_at timestamptz not null,
                   view jsonb not null
                 )"
            ),
            format!("create index on {table} (registered_at desc, account_id)"),
        ];
        let comment = "Written by the projection accounts, read by whatever asks for an account";
        generation.create(owner, statements, comment).await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        of(number).fingerprint(connection, "account_id", "account_id, registered_at, view").await
    }

    /// Loads the rows of the page once, folds in memory, writes them once.
    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let table = of(number).table();
        let ids: Vec<Uuid> = events.iter().filter_map(account_of).map(|id| id.0).collect();
        let mut rows = load(transaction, &table, &ids).await?;
        for recorded in events {
            let Some(id) = account_of(recorded) else { continue };
            let row = fold::fold(rows.remove(&id), recorded)
                .ok_or_else(|| ApplyError::Poison(format!("account {id} was never registered")))?;
            rows.insert(id, row);
        }
        store(transaction, &table, rows.into_values()).await?;
        Ok(())
    }
}

fn of(number: i32) -> Generation {
    Generation { model: application::identity::ACCOUNTS, number }
}

fn account_of(recorded: &Recorded) -> Option<AccountId> {
    match &recorded.event {
        Event::Account(id, _) => Some(*id),
        Event::Task(..) | Event::ApiKey(..) => None,
    }
}

async fn load(
    transaction: &mut PgConnection,
    table: &str,
    ids: &[Uuid],
) -> Result<BTreeMap<AccountId, AccountView>, sqlx::Error> {
    let query = format!("select view from {table} where account_id = any($1)");
    let rows = sqlx::query(&query).bind(ids).fetch_all(transaction).await?;
    rows.iter()
        .map(|row| {
            let view: Json<AccountView> = row.try_get("view")?;
            Ok((view.0.id, view.0))
        })
        .collect()
}

async fn store(
    transaction: &mut PgConnection,
    table: &str,
    rows: impl Iterator<Item = AccountView>,
) -> Result<(), sqlx::Error> {
    let (mut ids, mut registered, mut views) = (Vec::new(), Vec::new(), Vec::new());
    for view in rows {
        ids.push(view.id.0);
        registered.push(view.registered_at);
        views.push(Json(view));
    }
    let query = format!(
        "insert into {table} (account_id, registered_at, view)
         select * from unnest($1::uuid[], $2::timestamptz[], $3::jsonb[])
         on conflict (account_id) do update set view = excluded.view"
    );
    sqlx::query(&query).bind(ids).bind(registered).bind(views).execute(transaction).await.map(drop)
}
