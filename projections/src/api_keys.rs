//! The read model `api_keys`: one row a key or session. Its view as a document, and beside it what it is found by.
//!
//! Every write of a row draws a number from `es.key_changes`. One reader writes at a time and a generation repeats an
//! event only after the one that serves has applied it, so whoever asks for what came after the number it has seen
//! misses nothing, rebuilds included.

mod fold;
mod reader;

use application::queries::keys::KeyView;
use async_trait::async_trait;
use domain::{
    api_key::{ApiKeyEvent, KeyKind},
    recorded::{Event, Recorded},
};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

pub use reader::PgKeys;

use crate::per_stream::PerStream;

pub(crate) struct ApiKeys;

#[async_trait]
impl PerStream for ApiKeys {
    type Key = Uuid;
    type View = KeyView;

    const MODEL: &'static str = application::identity::KEYS;
    const TYPES: &'static [&'static str] = &ApiKeyEvent::TYPES;
    const KEY: &'static str = "key_id";
    const COLUMNS: &'static str = "key_id, account_id, kind, secret_sha256, issued_at, revoked_at, view";
    const COMMENT: &'static str =
        "Written by the projection api_keys, read by whatever judges or lists a credential";

    fn statements(table: &str) -> Vec<String> {
        vec![
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
        ]
    }

    fn id(event: &Event) -> Option<Uuid> {
        let Event::ApiKey(id, _) = event else { return None };
        Some(id.0)
    }

    fn fold(view: Option<KeyView>, recorded: &Recorded) -> Option<KeyView> {
        fold::fold(view, recorded)
    }

    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<KeyView>,
    ) -> Result<(), sqlx::Error> {
        let (mut ids, mut accounts, mut kinds, mut secrets) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut issued, mut revoked, mut documents) = (Vec::new(), Vec::new(), Vec::new());
        for view in views {
            ids.push(view.id.0);
            accounts.push(view.account.0);
            kinds.push(name_of(view.kind));
            secrets.push(view.secret_sha256.to_string());
            issued.push(view.issued_at);
            revoked.push(view.revoked_at);
            documents.push(Json(view));
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
            .bind(documents)
            .execute(transaction)
            .await
            .map(drop)
    }
}

fn name_of(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Token => "token",
        KeyKind::Session => "session",
    }
}
