//! The read model `likes`: a row for everything that an account likes, and beside them how many like each plugin. A
//! change is an event only where it changes something, so counting them is enough.

use std::collections::BTreeMap;

use application::queries::reviews::LIKES;
use async_trait::async_trait;
use domain::{
    recorded::{Event, Recorded},
    review::ReviewEvent,
};
use infrastructure::subscription::{ApplyError, Policy, Projection};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::generation::Generation;

const COMMENT: &str = "Written by the projection likes, read by whoever asks what an account likes";
const COUNTS: &str = "like_counts";
const COUNTS_COMMENT: &str = "Written by the projection likes, read beside plugins: how many like each";

pub(crate) struct Likes;

fn of(number: i32) -> Generation {
    Generation { model: LIKES, number }
}

fn counts(number: i32) -> Generation {
    Generation { model: COUNTS, number }
}

#[async_trait]
impl Projection for Likes {
    fn name(&self) -> &'static str {
        LIKES
    }

    fn takes(&self) -> &'static [&'static str] {
        &[ReviewEvent::LIKED]
    }

    /// A count is of many streams.
    fn policy(&self) -> Policy {
        Policy::Halt
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        let (table, counted) = (of(number).table(), counts(number).table());
        let rows = format!(
            "create table if not exists {table} (
               account_id uuid not null,
               plugin_id uuid not null,
               position bigint not null,
               primary key (account_id, plugin_id)
             )"
        );
        of(number).create(owner, vec![rows], COMMENT).await?;
        let rows = format!(
            "create table if not exists {counted} (
               plugin_id uuid primary key,
               likes bigint not null
             )"
        );
        counts(number).create(owner, vec![rows], COUNTS_COMMENT).await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).show(owner).await?;
        counts(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of(number).remove(owner).await?;
        counts(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        let key = "account_id, plugin_id";
        let rows = of(number).fingerprint(connection, key, "account_id, plugin_id, position").await?;
        let counted = counts(number).fingerprint(connection, "plugin_id", "plugin_id, likes").await?;
        Ok(format!("{rows} {counted}"))
    }

    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let mut newest: BTreeMap<(Uuid, Uuid), (bool, i64)> = BTreeMap::new();
        let mut more: BTreeMap<Uuid, i64> = BTreeMap::new();
        for recorded in events {
            let Event::Review(_, ReviewEvent::PluginLiked { plugin_uid, by, liked }) = &recorded.event else {
                continue;
            };
            newest.insert((by.0, plugin_uid.0), (*liked, recorded.cursor.position));
            *more.entry(plugin_uid.0).or_default() += if *liked { 1 } else { -1 };
        }
        let (liked, unliked): (Vec<_>, Vec<_>) = newest.into_iter().partition(|(_, (liked, _))| *liked);
        remove(transaction, number, unliked.into_iter().map(|(key, _)| key)).await?;
        insert(transaction, number, liked.into_iter().map(|(key, (_, position))| (key, position))).await?;
        count(transaction, number, more).await?;
        Ok(())
    }
}

async fn remove(
    transaction: &mut PgConnection,
    number: i32,
    keys: impl Iterator<Item = (Uuid, Uuid)>,
) -> Result<(), sqlx::Error> {
    let (accounts, plugins): (Vec<Uuid>, Vec<Uuid>) = keys.unzip();
    let query = format!(
        "delete from {} l using unnest($1::uuid[], $2::uuid[]) as u (account_id, plugin_id)
          where l.account_id = u.account_id and l.plugin_id = u.plugin_id",
        of(number).table()
    );
    sqlx::query(&query).bind(accounts).bind(plugins).execute(transaction).await.map(drop)
}

async fn insert(
    transaction: &mut PgConnection,
    number: i32,
    rows: impl Iterator<Item = ((Uuid, Uuid), i64)>,
) -> Result<(), sqlx::Error> {
    let (keys, positions): (Vec<(Uuid, Uuid)>, Vec<i64>) = rows.unzip();
    let (accounts, plugins): (Vec<Uuid>, Vec<Uuid>) = keys.into_iter().unzip();
    let query = format!(
        "insert into {} (account_id, plugin_id, position)
         select * from unnest($1::uuid[], $2::uuid[], $3::bigint[])
         on conflict (account_id, plugin_id) do update set position = excluded.position",
        of(number).table()
    );
    sqlx::query(&query).bind(accounts).bind(plugins).bind(positions).execute(transaction).await.map(drop)
}

async fn count(
    transaction: &mut PgConnection,
    number: i32,
    more: BTreeMap<Uuid, i64>,
) -> Result<(), sqlx::Error> {
    let (plugins, likes): (Vec<Uuid>, Vec<i64>) = more.into_iter().unzip();
    let query = format!(
        "insert into {} as c (plugin_id, likes) select * from unnest($1::uuid[], $2::bigint[])
         on conflict (plugin_id) do update set likes = c.likes + excluded.likes",
        counts(number).table()
    );
    sqlx::query(&query).bind(plugins).bind(likes).execute(transaction).await.map(drop)
}
