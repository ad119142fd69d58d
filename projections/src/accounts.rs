//! The read model `accounts`: one row an account, its name and password sealed as the log has them.

mod fold;
mod reader;

use application::queries::keys::AccountView;
use async_trait::async_trait;
use domain::{
    account::AccountEvent,
    recorded::{Event, Recorded},
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

pub use reader::PgAccounts;

use crate::per_stream::PerStream;

pub(crate) struct Accounts;

#[async_trait]
impl PerStream for Accounts {
    type Key = Uuid;
    type View = AccountView;

    const MODEL: &'static str = application::identity::ACCOUNTS;
    const TYPES: &'static [&'static str] = &AccountEvent::TYPES;
    const KEY: &'static str = "account_id";
    const COLUMNS: &'static str = "account_id, registered_at, view";
    const COMMENT: &'static str = "Written by the projection accounts, read by whatever asks for an account";

    fn statements(table: &str) -> Vec<String> {
        vec![
            format!(
                "create table if not exists {table} (
                   account_id uuid primary key,
                   registered_at timestamptz not null,
                   view jsonb not null
                 )"
            ),
            format!("create index on {table} (registered_at desc, account_id)"),
        ]
    }

    fn id(event: &Event) -> Option<Uuid> {
        let Event::Account(id, _) = event else { return None };
        Some(id.0)
    }

    fn fold(view: Option<AccountView>, recorded: &Recorded) -> Option<AccountView> {
        fold::fold(view, recorded)
    }

    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<AccountView>,
    ) -> Result<(), sqlx::Error> {
        let (mut ids, mut registered, mut documents) = (Vec::new(), Vec::new(), Vec::new());
        for view in views {
            ids.push(view.id.0);
            registered.push(view.registered_at);
            documents.push(Json(view));
        }
        let query = format!(
            "insert into {table} (account_id, registered_at, view)
             select * from unnest($1::uuid[], $2::timestamptz[], $3::jsonb[])
             on conflict (account_id) do update set view = excluded.view"
        );
        sqlx::query(&query).bind(ids).bind(registered).bind(documents).execute(transaction).await.map(drop)
    }
}
