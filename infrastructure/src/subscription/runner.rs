//! The loop of one subscription.

use std::{sync::Arc, time::Duration};

use domain::recorded::{Cursor, Event, Recorded};
use sqlx::{Acquire, PgConnection, PgPool};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::{ApplyError, Policy, Projection, Signals, checkpoint, checkpoint::Checkpoint, parked};
use crate::event_log::{Feed, Raw};

const PAGE: i64 = 500;
/// Far behind, pages double up to this: what many events say of one row is then written once.
const FAR_BEHIND: i64 = 4_000;
const TRIES: i32 = 5;
/// Nothing to read: how long until the next look, should every hint be lost.
const IDLE: Duration = Duration::from_millis(250);
/// Events lie behind a held horizon: nobody will tell when it moves.
const HELD_FIRST: Duration = Duration::from_millis(2);
const HELD_LONGEST: Duration = Duration::from_millis(100);
const AFTER_A_FAULT: Duration = Duration::from_millis(500);
/// Faults in a row after which the operator is told beside the checkpoint, not only in the log.
const FAULTS_SHOWN: u32 = 3;

/// Runs one projection on this node.
pub struct Runner {
    projection: Arc<dyn Projection>,
    pool: PgPool,
    signals: Signals,
    reached: watch::Sender<Cursor>,
}

/// What a look at the feed came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Moved,
    Nothing,
    /// Another node is the active consumer, or the subscription has halted.
    NotOurs,
}

impl Runner {
    pub fn new(projection: Arc<dyn Projection>, pool: PgPool, signals: Signals) -> Self {
        Self { projection, pool, signals, reached: watch::Sender::default() }
    }

    pub fn name(&self) -> &'static str {
        self.projection.name()
    }

    /// How far this node has brought the subscription; stays behind while another node does the work.
    pub fn reached(&self) -> watch::Receiver<Cursor> {
        self.reached.subscribe()
    }

    /// Follows the feed until `stop`. The round that is under way is finished.
    pub async fn run(&self, stop: CancellationToken) {
        self.retry_parked_at_start().await;
        let mut appends = self.signals.appended.waiter();
        let mut held = HELD_FIRST;
        let mut faults = 0;
        let mut page = PAGE;
        while !stop.is_cancelled() {
            let looked = self.look(&mut page).await;
            match &looked {
                Err(error) => {
                    warn!(subscription = self.name(), %error, "the feed cannot be followed; trying again");
                    faults += 1;
                    if faults == FAULTS_SHOWN {
                        self.show_fault(Some(&error.to_string())).await;
                    }
                }
                Ok(_) if faults > 0 => {
                    faults = 0;
                    self.show_fault(None).await;
                }
                Ok(_) => {}
            }
            let pause = match looked {
                Ok(Look::Moved) => {
                    held = HELD_FIRST;
                    self.signals.projected.raise();
                    continue;
                }
                Ok(Look::Nothing) if self.horizon_is_held().await => {
                    held = (held * 2).min(HELD_LONGEST);
                    held / 2
                }
                Ok(Look::Nothing | Look::NotOurs) => {
                    held = HELD_FIRST;
                    IDLE
                }
                Err(_) => AFTER_A_FAULT,
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = appends.raised(), if faults == 0 => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Where the database can still be written to, a reader that does not get on shows it there.
    async fn show_fault(&self, error: Option<&str>) {
        if let Ok(Some(live)) = checkpoint::live(&self.pool, self.name()).await {
            let _ = checkpoint::set_status(&self.pool, self.name(), live.generation, "live", error).await;
        }
    }

    async fn horizon_is_held(&self) -> bool {
        let after = *self.reached.borrow();
        Feed::anything_after(&self.pool, after).await.unwrap_or(false)
    }

    /// Reads a page without a transaction, then applies it in a short one if the checkpoint is still where it was.
    /// A full page makes the next one longer.
    async fn look(&self, limit: &mut i64) -> Result<Look, sqlx::Error> {
        let Some(seen) = checkpoint::live(&self.pool, self.name()).await? else { return Ok(Look::NotOurs) };
        self.reached.send_if_modified(|reached| std::mem::replace(reached, seen.cursor) != seen.cursor);
        let takes = self.projection.takes();
        let page = if *limit > PAGE {
            Feed::long_page_for(&self.pool, takes, seen.cursor, None, *limit).await?
        } else {
            Feed::page_for(&self.pool, takes, seen.cursor, None, *limit).await?
        };
        let is_full = i64::try_from(page.len()).is_ok_and(|events| events >= *limit);
        *limit = if is_full { (*limit * 2).min(FAR_BEHIND) } else { PAGE };
        let Some(last) = page.last().map(|event| event.cursor) else { return Ok(Look::Nothing) };
        let waiting = parked::streams(&self.pool, self.name(), seen.generation).await?;
        let held_up = page.iter().any(|event| waiting.contains(&event.stream));
        let events = page.len();
        let readable = if held_up { None } else { self.wanted(page) };
        if let Some(events) = readable {
            match self.apply_page(seen, last, &events).await {
                Ok(look) => return Ok(look),
                Err(ApplyError::Database(error)) => return Err(error),
                Err(ApplyError::Poison(_)) => {}
            }
        }
        let page =
            Feed::page_for(&self.pool, takes, seen.cursor, None, i64::try_from(events).unwrap_or(PAGE));
        self.step_through(seen, &page.await?).await
    }

    /// The events this projection takes; `None` if one of the page cannot be read.
    fn wanted(&self, page: Vec<Raw>) -> Option<Vec<Recorded>> {
        let mut events = Vec::with_capacity(page.len());
        for raw in page.into_iter().filter(|raw| self.may_take(raw)) {
            events.extend(raw.read().ok()?);
        }
        Some(events)
    }

    fn wanted_of(&self, raw: &Raw) -> Result<Vec<Recorded>, String> {
        if !self.may_take(raw) {
            return Ok(Vec::new());
        }
        raw.read().map_err(|unreadable| unreadable.to_string())
    }

    /// It takes the type, or nobody here knows it.
    fn may_take(&self, raw: &Raw) -> bool {
        self.projection.takes().contains(&raw.event_type.as_str())
            || !Event::known_types().any(|known| known == raw.event_type)
    }

    async fn apply_page(
        &self,
        seen: Checkpoint,
        to: Cursor,
        events: &[Recorded],
    ) -> Result<Look, ApplyError> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        if !self.is_still(&mut transaction, seen).await? {
            return Ok(Look::NotOurs);
        }
        if !events.is_empty() {
            self.projection.apply(&mut transaction, seen.generation, events).await?;
        }
        let changed = !events.is_empty();
        checkpoint::advance(&mut transaction, self.name(), seen.generation, to, changed).await?;
        transaction.commit().await?;
        self.reached.send_replace(to);
        Ok(Look::Moved)
    }

    /// Takes the lock. Rows and checkpoint are lost together in a crash and made again from the log, so this
    /// transaction need not wait for the disk.
    async fn is_still(&self, transaction: &mut PgConnection, seen: Checkpoint) -> Result<bool, sqlx::Error> {
        sqlx::query("set local synchronous_commit = off").execute(&mut *transaction).await?;
        Ok(checkpoint::lock(transaction, self.name()).await? == Some(seen))
    }

    /// One event per transaction, to find the one that does not fit.
    async fn step_through(&self, mut at: Checkpoint, page: &[Raw]) -> Result<Look, sqlx::Error> {
        for raw in page {
            if self.step(at, raw).await? == Look::NotOurs {
                return Ok(Look::NotOurs);
            }
            at.cursor = raw.cursor;
            self.reached.send_replace(at.cursor);
        }
        Ok(Look::Moved)
    }

    async fn step(&self, at: Checkpoint, raw: &Raw) -> Result<Look, sqlx::Error> {
        let mut poison = String::new();
        if let Some(look) = self.park_behind(at, raw).await? {
            return Ok(look);
        }
        for tried in 0..TRIES {
            if tried > 0 {
                tokio::time::sleep(Duration::from_millis(10 << tried)).await;
            }
            let applied = match self.wanted_of(raw) {
                Ok(events) => self.apply_page(at, raw.cursor, &events).await,
                Err(unreadable) => Err(ApplyError::Poison(unreadable)),
            };
            match applied {
                Ok(look) => return Ok(look),
                Err(ApplyError::Database(error)) => return Err(error),
                Err(ApplyError::Poison(why)) => poison = why,
            }
        }
        match self.projection.policy() {
            Policy::Park => self.park(at, raw, TRIES, &poison).await,
            Policy::Halt => {
                error!(subscription = self.name(), event = %raw.event_id, error = poison, "halted by a poison event");
                let why = format!("event {}: {poison}", raw.event_id);
                checkpoint::set_status(&self.pool, self.name(), at.generation, "halted", Some(&why)).await?;
                Ok(Look::NotOurs)
            }
        }
    }

    /// Parks an event whose stream has parked ones. Looked at under the lock, because a retry may just free them.
    async fn park_behind(&self, at: Checkpoint, raw: &Raw) -> Result<Option<Look>, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        if !self.is_still(&mut transaction, at).await? {
            return Ok(Some(Look::NotOurs));
        }
        if !parked::streams(&mut *transaction, self.name(), at.generation).await?.contains(&raw.stream) {
            return Ok(None);
        }
        let why = "an earlier event of the stream is parked";
        parked::park(&mut transaction, self.name(), at.generation, raw, 0, why).await?;
        checkpoint::advance(&mut transaction, self.name(), at.generation, raw.cursor, false).await?;
        transaction.commit().await?;
        Ok(Some(Look::Moved))
    }

    async fn park(&self, at: Checkpoint, raw: &Raw, tries: i32, why: &str) -> Result<Look, sqlx::Error> {
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        if !self.is_still(&mut transaction, at).await? {
            return Ok(Look::NotOurs);
        }
        parked::park(&mut transaction, self.name(), at.generation, raw, tries, why).await?;
        checkpoint::advance(&mut transaction, self.name(), at.generation, raw.cursor, false).await?;
        transaction.commit().await?;
        error!(subscription = self.name(), event = %raw.event_id, error = why, "parked an event");
        Ok(Look::Moved)
    }

    /// A newer build may know what an older one had to park.
    async fn retry_parked_at_start(&self) {
        if let Err(error) = self.retry().await {
            warn!(subscription = self.name(), %error, "parked events were not tried again");
        }
    }

    /// Lets a halted subscription go on and applies parked events that fit now; returns how many did.
    pub async fn retry(&self) -> Result<u64, sqlx::Error> {
        sqlx::query(
            "update es.checkpoints set status = 'live', error = null where subscription = $1 and status = 'halted'",
        )
        .bind(self.name())
        .execute(&self.pool)
        .await?;
        let Some(live) = checkpoint::live(&self.pool, self.name()).await? else { return Ok(0) };
        let mut done = 0;
        let mut stuck = std::collections::HashSet::new();
        for id in parked::list(&self.pool, self.name(), live.generation).await? {
            let Some(raw) = Feed::event(&self.pool, id).await? else { continue };
            if stuck.contains(&raw.stream) {
                continue;
            }
            match self.apply_parked(&raw).await {
                Ok(true) => done += 1,
                Ok(false) | Err(ApplyError::Poison(_)) => {
                    stuck.insert(raw.stream);
                }
                Err(ApplyError::Database(error)) => return Err(error),
            }
        }
        Ok(done)
    }

    async fn apply_parked(&self, raw: &Raw) -> Result<bool, ApplyError> {
        let Ok(events) = self.wanted_of(raw) else { return Ok(false) };
        let mut connection = self.pool.acquire().await?;
        let mut transaction = connection.begin().await?;
        let Some(live) = checkpoint::wait_for_lock(&mut transaction, self.name()).await? else {
            return Ok(false);
        };
        self.projection.apply(&mut transaction, live.generation, &events).await?;
        checkpoint::changed(&mut transaction, self.name(), live.generation).await?;
        parked::release(&mut transaction, self.name(), live.generation, raw.event_id).await?;
        transaction.commit().await?;
        Ok(true)
    }
}
