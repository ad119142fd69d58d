//! The read model `listings`: one row for each plugin that a repository lists, as it was last taken in.

mod reader;

use std::collections::BTreeMap;

use application::queries::listings::READ_MODEL;
use async_trait::async_trait;
use domain::{
    recorded::{Event, Recorded},
    repository::{Listing, RepositoryEvent},
};
use infrastructure::subscription::{ApplyError, Projection};
use sqlx::{PgConnection, types::Json};

pub use reader::PgListings;

use crate::generation::Generation;

pub(crate) struct Listings;

/// Repository, author and name.
type Key = (String, String, String);

#[async_trait]
impl Projection for Listings {
    fn name(&self) -> &'static str {
        READ_MODEL
    }

    fn takes(&self) -> &'static [&'static str] {
        &["ListingsObserved"]
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        let table = of(number).table();
        let statements = vec![
            format!(
                "create table if not exists {table} (
                   repository text not null,
                   author text not null,
                   name text not null,
                   taken_at timestamptz not null,
                   listing jsonb not null,
                   primary key (repository, author, name)
                 )"
            ),
            format!("create index on {table} (author, name)"),
        ];
        let comment = "Written by the projection listings, read by the synchronisation and the marketplace";
        of(number).create(owner, statements, comment).await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        of(number)
            .fingerprint(
                connection,
                "repository, author, name",
                "repository, author, name, taken_at, listing",
            )
            .await
    }

    /// Folds the page in memory, so that every row is written once.
    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let mut rows: BTreeMap<Key, Option<(&Recorded, &Listing)>> = BTreeMap::new();
        for recorded in events {
            let Event::Repository(repository, RepositoryEvent::ListingsObserved { listings, gone }) =
                &recorded.event
            else {
                continue;
            };
            for listing in listings {
                let key = (repository.clone(), listing.author.clone(), listing.name.clone());
                rows.insert(key, Some((recorded, listing)));
            }
            for (author, name) in gone.iter().filter_map(|id| id.split_once('/')) {
                rows.insert((repository.clone(), author.to_owned(), name.to_owned()), None);
            }
        }
        let table = of(number).table();
        let (kept, gone): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, row)| row.is_some());
        delete(transaction, &table, gone.into_iter().map(|(key, _)| key)).await?;
        let kept =
            kept.into_iter().filter_map(|(key, row)| row.map(|(recorded, listing)| (key, recorded, listing)));
        store(transaction, &table, kept).await?;
        Ok(())
    }
}

fn of(number: i32) -> Generation {
    Generation { model: READ_MODEL, number }
}

async fn delete(
    transaction: &mut PgConnection,
    table: &str,
    keys: impl Iterator<Item = Key>,
) -> Result<(), sqlx::Error> {
    let (mut repositories, mut authors, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (repository, author, name) in keys {
        repositories.push(repository);
        authors.push(author);
        names.push(name);
    }
    if names.is_empty() {
        return Ok(());
    }
    sqlx::query(&format!(
        "delete from {table} where (repository, author, name) in
           (select * from unnest($1::text[], $2::text[], $3::text[]))"
    ))
    .bind(repositories)
    .bind(authors)
    .bind(names)
    .execute(transaction)
    .await
    .map(drop)
}

async fn store(
    transaction: &mut PgConnection,
    table: &str,
    rows: impl Iterator<Item = (Key, &Recorded, &Listing)>,
) -> Result<(), sqlx::Error> {
    let (mut repositories, mut authors, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut times, mut listings) = (Vec::new(), Vec::new());
    for ((repository, author, name), recorded, listing) in rows {
        repositories.push(repository);
        authors.push(author);
        names.push(name);
        times.push(recorded.recorded_at);
        listings.push(Json(listing.clone()));
    }
    if names.is_empty() {
        return Ok(());
    }
    sqlx::query(&format!(
        "insert into {table} (repository, author, name, taken_at, listing)
         select * from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::jsonb[])
         on conflict (repository, author, name) do update
           set taken_at = excluded.taken_at, listing = excluded.listing"
    ))
    .bind(repositories)
    .bind(authors)
    .bind(names)
    .bind(times)
    .bind(listings)
    .execute(transaction)
    .await
    .map(drop)
}
