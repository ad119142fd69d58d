//! Read models with one row a stream: its view as a document, and beside it what the row is found by. A model says how
//! its table looks, how an event changes a view and how views are written; everything else is the same for all.

use std::{collections::BTreeMap, fmt::Display, marker::PhantomData};

use async_trait::async_trait;
use domain::recorded::{Event, Recorded, Stream};
use infrastructure::{
    event_log::Feed,
    subscription::{ApplyError, Projection},
};
use serde::de::DeserializeOwned;
use sqlx::{
    Decode, Encode, PgConnection, PgPool, Postgres, Row, Type,
    postgres::{PgHasArrayType, PgRow},
    types::Json,
};
use uuid::Uuid;

use crate::generation::Generation;

/// What a stream of a model is found by: its id as a column.
pub(crate) trait Key:
    Ord
    + Clone
    + Display
    + Send
    + Sync
    + Unpin
    + 'static
    + Type<Postgres>
    + PgHasArrayType
    + for<'q> Encode<'q, Postgres>
    + for<'r> Decode<'r, Postgres>
{
}

impl Key for Uuid {}
impl Key for String {}

#[async_trait]
pub(crate) trait PerStream: Send + Sync + 'static {
    type Key: Key;
    type View: DeserializeOwned + Send + Sync + Unpin + 'static;

    const MODEL: &'static str;
    const TYPES: &'static [&'static str];
    /// The column with the id of the stream; a column `view jsonb` stands beside it.
    const KEY: &'static str;
    /// What two generations must have alike.
    const COLUMNS: &'static str;
    /// Who writes the table and who reads it.
    const COMMENT: &'static str;

    /// What makes the table and its indexes.
    fn statements(table: &str) -> Vec<String>;

    /// The stream that an event of this model belongs to.
    fn id(event: &Event) -> Option<Self::Key>;

    /// `None` when the stream does not begin with its first event. Pure.
    fn fold(view: Option<Self::View>, recorded: &Recorded) -> Option<Self::View>;

    /// Inserts or replaces the rows of these views.
    async fn store(
        transaction: &mut PgConnection,
        table: &str,
        views: Vec<Self::View>,
    ) -> Result<(), sqlx::Error>;
}

/// The projection of such a model.
pub(crate) struct Rows<M>(PhantomData<fn() -> M>);

impl<M> Default for Rows<M> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

#[async_trait]
impl<M: PerStream> Projection for Rows<M> {
    fn name(&self) -> &'static str {
        M::MODEL
    }

    fn takes(&self) -> &'static [&'static str] {
        M::TYPES
    }

    async fn create(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        let generation = of::<M>(number);
        generation.create(owner, M::statements(&generation.table()), M::COMMENT).await
    }

    async fn show(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of::<M>(number).show(owner).await
    }

    async fn remove(&self, owner: &mut PgConnection, number: i32) -> Result<(), sqlx::Error> {
        of::<M>(number).remove(owner).await
    }

    async fn fingerprint(&self, connection: &mut PgConnection, number: i32) -> Result<String, sqlx::Error> {
        of::<M>(number).fingerprint(connection, M::KEY, M::COLUMNS).await
    }

    /// Loads the rows of the page once, folds in memory, writes them once.
    async fn apply(
        &self,
        transaction: &mut PgConnection,
        number: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let table = of::<M>(number).table();
        let ids: Vec<M::Key> = events.iter().filter_map(|recorded| M::id(&recorded.event)).collect();
        let query = format!("select {}, view from {table} where {} = any($1)", M::KEY, M::KEY);
        let rows: Vec<PgRow> = sqlx::query(&query).bind(&ids).fetch_all(&mut *transaction).await?;
        let mut views: BTreeMap<M::Key, M::View> = rows.iter().map(row).collect::<Result<_, _>>()?;
        for recorded in events {
            let Some(id) = M::id(&recorded.event) else { continue };
            let view = M::fold(views.remove(&id), recorded)
                .ok_or_else(|| ApplyError::Poison(format!("{} {id} never began", M::MODEL)))?;
            views.insert(id, view);
        }
        M::store(transaction, &table, views.into_values().collect()).await?;
        Ok(())
    }
}

fn row<K: Key, V: DeserializeOwned + Unpin + 'static>(row: &PgRow) -> Result<(K, V), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get::<Json<V>, _>(1)?.0))
}

fn of<M: PerStream>(number: i32) -> Generation {
    Generation { model: M::MODEL, number }
}

/// One stream as it is now, whether or not its row has come so far.
pub(crate) struct Folded<V> {
    pub(crate) view: Option<V>,
    /// False: this build cannot read what follows, and the view is of before.
    pub(crate) is_whole: bool,
}

/// Folds the one stream: what was acknowledged is there.
pub(crate) async fn folded<M: PerStream>(
    pool: &PgPool,
    aggregate_type: &str,
    id: impl Display,
) -> Result<Folded<M::View>, sqlx::Error> {
    stream(pool, aggregate_type, id, M::fold).await
}

/// The same with any fold.
pub(crate) async fn stream<V>(
    pool: &PgPool,
    aggregate_type: &str,
    id: impl Display,
    fold: impl Fn(Option<V>, &Recorded) -> Option<V>,
) -> Result<Folded<V>, sqlx::Error> {
    let stream = Stream { aggregate_type: aggregate_type.to_owned(), aggregate_id: id.to_string() };
    let mut view = None;
    for raw in Feed::stream(pool, &stream).await? {
        let Ok(events) = raw.read() else { return Ok(Folded { view, is_whole: false }) };
        view = events.iter().fold(view, &fold);
    }
    Ok(Folded { view, is_whole: true })
}
