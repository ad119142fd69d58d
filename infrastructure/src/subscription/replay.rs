//! Applying the log from its beginning to a generation that nobody reads yet.
//!
//! Until the generation is indexed, its events are loaded in lanes, each with a connection and transactions of its own:
//! what is left of a rebuild that was interrupted is thrown away, so nothing has to be in step but at the end.

use domain::recorded::{Cursor, Event, Recorded};
use futures::future::try_join_all;
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction, pool::PoolConnection};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::{Projection, RebuildError, checkpoint};
use crate::event_log::{Feed, Raw};

const PAGE: i64 = 10_000;
const LANES: usize = 2;

#[derive(Clone)]
pub(super) struct Replay<'a> {
    projection: &'a dyn Projection,
    pub(super) generation: i32,
    cursor: Cursor,
    pub(super) events: u64,
    is_indexed: bool,
}

/// A page as it is applied.
struct Page {
    wanted: Vec<Recorded>,
    last: Cursor,
    events: u64,
}

impl<'a> Replay<'a> {
    pub(super) fn new(projection: &'a dyn Projection, generation: i32) -> Self {
        Self { projection, generation, cursor: Cursor::default(), events: 0, is_indexed: false }
    }

    pub(super) fn projection(&self) -> &'a dyn Projection {
        self.projection
    }

    pub(super) async fn index(&mut self, owner: &mut PgConnection) -> Result<(), RebuildError> {
        self.projection.index(owner, self.generation).await?;
        self.is_indexed = true;
        Ok(())
    }

    /// Up to where the live one is.
    pub(super) async fn catch_up(
        &mut self,
        owner: &mut PgConnection,
        pool: &PgPool,
        on_events: &mut impl FnMut(u64),
    ) -> Result<(), RebuildError> {
        let name = self.projection.name();
        loop {
            let live = checkpoint::live(&mut *owner, name).await?.ok_or(RebuildError::NotLive(name))?;
            let before = self.events;
            self.follow(owner, pool, live.cursor, on_events).await?;
            if self.events == before {
                return Ok(());
            }
        }
    }

    /// Page after page, while the next one is read.
    async fn follow(
        &mut self,
        owner: &mut PgConnection,
        pool: &PgPool,
        up_to: Cursor,
        on_events: &mut impl FnMut(u64),
    ) -> Result<(), RebuildError> {
        let (sender, mut pages) = mpsc::channel(1);
        let reading = read_ahead(pool.clone(), self.projection.takes(), self.cursor, up_to, sender);
        // Ends with its receiver, whatever happens here.
        let reading = TaskTracker::new().spawn(reading);
        let mut lanes = Vec::new();
        while let Some(page) = pages.recv().await {
            let page = page?;
            if self.is_indexed {
                let mut transaction = begin(owner).await?;
                self.apply(&mut transaction, page).await?;
                transaction.commit().await?;
            } else {
                self.load(&mut lanes, pool, page.wanted).await?;
                self.reach(owner, page.last, page.events).await?;
            }
            on_events(self.events);
        }
        reading.await.map_err(|_ended| RebuildError::Interrupted(self.projection.name()))
    }

    /// In the transaction that swaps: what is left up to the cursor.
    pub(super) async fn finish(
        &mut self,
        transaction: &mut PgConnection,
        up_to: Cursor,
    ) -> Result<(), RebuildError> {
        let takes = self.projection.takes();
        loop {
            let page = Feed::page_for(&mut *transaction, takes, self.cursor, Some(up_to), PAGE).await?;
            let Some(page) = read(page, takes)? else { return Ok(()) };
            self.apply(transaction, page).await?;
        }
    }

    async fn apply(&mut self, transaction: &mut PgConnection, page: Page) -> Result<(), RebuildError> {
        self.projection.apply(transaction, self.generation, &page.wanted).await?;
        self.reach(transaction, page.last, page.events).await
    }

    async fn reach(
        &mut self,
        connection: &mut PgConnection,
        cursor: Cursor,
        events: u64,
    ) -> Result<(), RebuildError> {
        checkpoint::advance(connection, self.projection.name(), self.generation, cursor, true).await?;
        self.cursor = cursor;
        self.events += events;
        Ok(())
    }

    /// All of it is there when this returns.
    async fn load(
        &self,
        lanes: &mut Vec<PoolConnection<Postgres>>,
        pool: &PgPool,
        wanted: Vec<Recorded>,
    ) -> Result<(), RebuildError> {
        while lanes.len() < LANES {
            lanes.push(pool.acquire().await?);
        }
        let parts = lanes.iter_mut().zip(self.parts(wanted)).filter(|(_, part)| !part.is_empty());
        let loads = parts.map(|(lane, part)| async move {
            let mut transaction = begin(lane).await?;
            self.projection.load(&mut transaction, self.generation, &part).await?;
            transaction.commit().await?;
            Ok::<_, RebuildError>(())
        });
        try_join_all(loads).await.map(drop)
    }

    /// One a lane; all in one where an event of the page cannot be beside others.
    fn parts(&self, wanted: Vec<Recorded>) -> Vec<Vec<Recorded>> {
        let lanes: Option<Vec<u64>> =
            wanted.iter().map(|recorded| self.projection.lane(&recorded.event)).collect();
        let Some(lanes) = lanes else { return vec![wanted] };
        let mut parts: Vec<Vec<Recorded>> = (0..LANES).map(|_| Vec::new()).collect();
        for (lane, recorded) in lanes.into_iter().zip(wanted) {
            let lane = usize::try_from(lane % LANES as u64).unwrap_or_default();
            if let Some(part) = parts.get_mut(lane) {
                part.push(recorded);
            }
        }
        parts
    }
}

async fn begin(connection: &mut PgConnection) -> Result<Transaction<'_, Postgres>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query("set local synchronous_commit = off").execute(&mut *transaction).await?;
    Ok(transaction)
}

/// Sends every page up to a cursor, until nobody wants the next one.
async fn read_ahead(
    pool: PgPool,
    takes: &'static [&'static str],
    mut after: Cursor,
    up_to: Cursor,
    pages: mpsc::Sender<Result<Page, RebuildError>>,
) {
    loop {
        let page = match Feed::long_page_for(&pool, takes, after, Some(up_to), PAGE).await {
            Ok(page) => read(page, takes).transpose(),
            Err(error) => Some(Err(error.into())),
        };
        let Some(page) = page else { return };
        let ended = page.as_ref().map_or(true, |page| {
            after = page.last;
            false
        });
        if pages.send(page).await.is_err() || ended {
            return;
        }
    }
}

/// None: there was nothing in it.
fn read(page: Vec<Raw>, takes: &[&str]) -> Result<Option<Page>, RebuildError> {
    let Some(last) = page.last().map(|raw| raw.cursor) else { return Ok(None) };
    let events = page.len() as u64;
    let mut wanted: Vec<Recorded> = Vec::with_capacity(page.len());
    for raw in page {
        let is_wanted = takes.contains(&raw.event_type.as_str());
        if is_wanted || !Event::known_types().any(|known| known == raw.event_type) {
            let read = raw.read().map_err(|why| RebuildError::Unreadable(raw.event_id, why.to_string()))?;
            wanted.extend(read);
        }
    }
    Ok(Some(Page { wanted, last, events }))
}
