//! From the return of a command to the read model that shows its event, under a steady load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use domain::{
    recorded::{Cursor, Recorded},
    task::TaskEvent,
};
use infrastructure::subscription::{ApplyError, Projection, Runner, first_generation};
use sqlx::{Executor, PgConnection};
use tokio::{task::JoinSet, time::MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::{
    ground::{Ground, Node},
    load::{Load, Until},
};
use crate::{
    figures::{count, median, percentile, whole},
    table::{Table, Target},
};

/// Appends one each.
const EVERY: Duration = Duration::from_millis(1);
const APPENDS: usize = 5000;

pub(super) async fn measure(ground: &Ground, load: &Load, when: &str, table: &mut Table) {
    let node = ground.node();
    let stop = CancellationToken::new();
    let runner = follow(ground, &node, &stop).await;
    let last = load.next(&node.tasks, 0).await;
    runner.reached().wait_for(|reached| *reached >= last).await.unwrap();
    load.drive(&node, 32, Until::Commands(1024)).await;

    let mut watching = JoinSet::new();
    let (mut moves, end) = (runner.reached(), stop.clone());
    watching.spawn(async move {
        let mut seen: Vec<(Cursor, Instant)> = Vec::new();
        while let Some(Ok(())) = end.run_until_cancelled(moves.changed()).await {
            seen.push((*moves.borrow_and_update(), Instant::now()));
        }
        // The end may be told before the last move.
        seen.push((*moves.borrow(), Instant::now()));
        seen
    });
    let begun = Instant::now();
    let returned = steadily(&node, load).await;
    let rate = count(returned.len()) / begun.elapsed().as_secs_f64();
    let last = returned.iter().map(|(cursor, _)| *cursor).max().unwrap();
    runner.reached().wait_for(|reached| *reached >= last).await.unwrap();
    stop.cancel();
    let seen = watching.join_next().await.unwrap().unwrap();
    drop(runner);
    node.end().await;
    Landed::forget(ground).await;

    let pages = count(seen.len());
    let shown = |cursor: Cursor| seen[seen.partition_point(|(reached, _)| *reached < cursor)].1;
    let events = count(returned.len());
    let lags: Vec<f64> = returned
        .into_iter()
        .map(|(cursor, at)| shown(cursor).saturating_duration_since(at).as_secs_f64() * 1e3)
        .collect();
    let unit = format!("ms at {} appends/s, {when}", whole(rate));
    table.judge("commit to projected, median", median(&lags), &unit, Target::AtMost(10.0));
    table.judge("commit to projected, p99", percentile(&lags, 99.0), &unit, Target::AtMost(50.0));
    let every = events / rate / pages * 1e3;
    table.fact("  its pages", format!("one every {every:.1} ms, of {:.1} events", events / pages));
}

/// Every append's place and when its command returned.
async fn steadily(node: &Node, load: &Load) -> Vec<(Cursor, Instant)> {
    let mut appends = JoinSet::new();
    let mut beat = tokio::time::interval(EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for n in 0..APPENDS {
        beat.tick().await;
        let (load, tasks) = (load.clone(), node.tasks.clone());
        appends.spawn(async move { (load.next(&tasks, n).await, Instant::now()) });
    }
    appends.join_all().await
}

async fn follow(ground: &Ground, node: &Node, stop: &CancellationToken) -> Arc<Runner> {
    let mut owner = ground.database.connect().await;
    first_generation(&mut owner, &Landed).await.unwrap();
    // Nobody measures how the events of earlier rounds are caught up with.
    let head = "update es.checkpoints c set epoch = e.epoch, transaction_id = e.transaction_id,
                       global_position = e.global_position
                  from (select * from es.events order by global_position desc limit 1) e
                 where c.subscription = 'landed'";
    owner.execute(head).await.unwrap();
    let runner = Arc::new(Runner::new(Arc::new(Landed), node.pools.writes.clone(), node.signals.clone()));
    let (running, stop) = (runner.clone(), stop.clone());
    node.running.spawn(async move { running.run(stop).await });
    runner
}

/// A row for each event, in one statement a page.
struct Landed;

impl Landed {
    async fn forget(ground: &Ground) {
        let gone = "delete from es.checkpoints where subscription = 'landed'; drop table read.landed_v1";
        ground.database.execute(gone).await.unwrap();
    }
}

#[async_trait]
impl Projection for Landed {
    fn name(&self) -> &'static str {
        "landed"
    }

    fn takes(&self) -> &'static [&'static str] {
        &TaskEvent::TYPES
    }

    async fn create(&self, owner: &mut PgConnection, generation: i32) -> Result<(), sqlx::Error> {
        let table = format!("read.landed_v{generation}");
        let make = format!("create table {table} (event_id uuid primary key, aggregate_id text)");
        owner.execute(make.as_str()).await?;
        owner.execute(format!("grant all on {table} to plugyard_app").as_str()).await.map(drop)
    }

    async fn show(&self, _: &mut PgConnection, _: i32) -> Result<(), sqlx::Error> {
        Ok(())
    }

    async fn remove(&self, owner: &mut PgConnection, generation: i32) -> Result<(), sqlx::Error> {
        owner.execute(format!("drop table read.landed_v{generation}").as_str()).await.map(drop)
    }

    async fn fingerprint(&self, _: &mut PgConnection, _: i32) -> Result<String, sqlx::Error> {
        Ok(String::new())
    }

    async fn apply(
        &self,
        transaction: &mut PgConnection,
        generation: i32,
        events: &[Recorded],
    ) -> Result<(), ApplyError> {
        let ids: Vec<_> = events.iter().map(|recorded| recorded.event_id).collect();
        let streams: Vec<_> = events.iter().map(|recorded| recorded.stream.aggregate_id.as_str()).collect();
        let insert =
            format!("insert into read.landed_v{generation} select * from unnest($1::uuid[], $2::text[])");
        sqlx::query(&insert).bind(ids).bind(streams).execute(transaction).await?;
        Ok(())
    }
}
