use std::{collections::HashSet, time::Duration};

use domain::recorded::Cursor;
use infrastructure::{
    event_log::{Feed, Life, begin_new_epoch, life},
    subscription::Policy,
};
use sqlx::{Connection, Executor, PgConnection, Row};
use uuid::Uuid;

use crate::support::{Log, Seen, new_task, request};

const WRITERS: usize = 8;
const EVENTS_A_WRITER: i64 = 2_500;
const STREAMS_A_WRITER: i64 = 10;

/// Appends in explicit transactions of random length; some wait before they commit, some roll back. Returns the
/// ids of what was committed.
async fn write(mut connection: PgConnection, writer: usize) -> HashSet<Uuid> {
    let mut committed = HashSet::new();
    let streams: Vec<_> = (0..STREAMS_A_WRITER).map(|_| Uuid::new_v4()).collect();
    let mut next = vec![1_i64; streams.len()];
    let mut random = (writer as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut dice = move |sides: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % sides
    };
    let mut done = 0;
    while done < EVENTS_A_WRITER {
        let stream = usize::try_from(dice(streams.len() as u64)).unwrap();
        let size = i64::try_from(1 + dice(40)).unwrap().min(EVENTS_A_WRITER - done);
        let mut transaction = connection.begin().await.unwrap();
        let rows = sqlx::query(
            "insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
             select 'task', $1, $2 + n, 'TaskStarted', '1',
                    jsonb_build_object('type', 'TaskStarted', 'attempt', 1, 'worker', 'w'),
                    '{\"correlation_id\":\"c\",\"causation_id\":\"c\",\"actor_principal\":\"p\",\"actor_dialect\":\"d\",\"tenant\":\"t\"}'
               from generate_series(0, $3 - 1) n returning event_id",
        )
        .bind(streams[stream].to_string())
        .bind(next[stream])
        .bind(size)
        .fetch_all(&mut *transaction)
        .await
        .unwrap();
        if dice(4) == 0 {
            tokio::time::sleep(Duration::from_millis(dice(30))).await;
        }
        if dice(8) == 0 {
            transaction.rollback().await.unwrap();
            continue;
        }
        transaction.commit().await.unwrap();
        next[stream] += size;
        done += size;
        committed.extend(rows.iter().map(|row| row.get::<Uuid, _>("event_id")));
    }
    committed
}

/// What a reader sees that trusts the position alone.
async fn read_by_position(
    mut connection: PgConnection,
    stop: tokio_util::sync::CancellationToken,
) -> HashSet<Uuid> {
    let (mut seen, mut position) = (HashSet::new(), 0_i64);
    loop {
        let last = stop.is_cancelled();
        let rows = sqlx::query(
            "select global_position, event_id from es.events where global_position > $1 order by global_position limit 500",
        )
        .bind(position)
        .fetch_all(&mut connection)
        .await
        .unwrap();
        for row in &rows {
            position = row.get("global_position");
            seen.insert(row.get::<Uuid, _>("event_id"));
        }
        if last && rows.is_empty() {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_events_from_eight_writers_are_seen_once_each_and_by_position_alone_they_are_not() {
    let log = Log::fresh().await;
    log.follow(Seen { policy: Policy::Park }).await;
    let naive_stop = tokio_util::sync::CancellationToken::new();
    let naive = log.running.spawn(read_by_position(log.owner().await, naive_stop.clone()));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        writers.push(log.running.spawn(write(log.owner().await, writer)));
    }
    let mut committed = HashSet::new();
    for writer in writers {
        committed.extend(writer.await.unwrap());
    }
    naive_stop.cancel();
    assert_eq!(committed.len(), WRITERS * usize::try_from(EVENTS_A_WRITER).unwrap());
    // Not "until the feed's head": the horizon is the cluster's, and other tests may hold it.
    log.until(
        "not exists (select 1 from es.events e, es.checkpoints c
          where (e.epoch, e.transaction_id, e.global_position) > (c.epoch, c.transaction_id, c.global_position))",
    )
    .await;
    let rows = sqlx::query("select event_id from read.seen").fetch_all(&mut log.owner().await).await.unwrap();
    // The primary key refuses a second sight of an event.
    let seen: HashSet<Uuid> = rows.iter().map(|row| row.get("event_id")).collect();
    assert!(seen == committed, "missed {}", committed.difference(&seen).count());
    let out_of_order: i64 = log
        .scalar(
            "select count(*) from (select sequence, lag(sequence) over (partition by aggregate_id order by n) as before
               from read.seen) s where sequence <= before",
        )
        .await;
    assert_eq!(out_of_order, 0);
    let naive = naive.await.unwrap();
    assert!(naive.len() < committed.len(), "a reader by position alone must lose events in this test");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_writer_delays_readers_and_loses_nothing() {
    let log = Log::fresh().await;
    log.follow(Seen { policy: Policy::Park }).await;
    let mut foreign = log.owner().await;
    foreign.execute("create table public.other (x int)").await.unwrap();
    foreign.execute("begin; insert into public.other values (1)").await.unwrap();
    let id = new_task();
    let cursor = log.run_task(id, request(id)).await.unwrap();
    let behind = Feed::page(&log.pools.reads, Cursor::default(), None, 10).await.unwrap();
    assert_eq!(behind, [], "the horizon is held");
    assert!(Feed::anything_after(&log.pools.reads, Cursor::default()).await.unwrap());
    foreign.execute("commit").await.unwrap();
    log.until("count(*) = 1 from read.seen").await;
    assert_eq!(Feed::head(&log.pools.reads).await.unwrap(), cursor);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_is_ahead_of_its_cluster_is_seen_again_after_a_new_epoch() {
    let log = Log::fresh().await;
    let id = new_task();
    log.run_task(id, request(id)).await;
    assert_eq!(life(&log.pools.reads).await.unwrap(), Life::Same);
    // As after a restore: the rows carry transaction ids this cluster has not reached.
    let mut owner = log.owner().await;
    owner.execute("set session_replication_role = replica").await.unwrap();
    owner.execute("update es.events set transaction_id = '9000000000'").await.unwrap();
    assert_eq!(life(&log.pools.reads).await.unwrap(), Life::Moved);
    assert_eq!(Feed::page(&log.pools.reads, Cursor::default(), None, 10).await.unwrap(), []);
    begin_new_epoch(&mut owner).await.unwrap();
    assert_eq!(life(&log.pools.reads).await.unwrap(), Life::Same);
    let other = new_task();
    let cursor = log.run_task(other, request(other)).await.unwrap();
    // The horizon is the cluster's: other tests may hold it for a moment.
    while Feed::head(&log.pools.reads).await.unwrap() < cursor {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let page = Feed::page(&log.pools.reads, Cursor::default(), None, 10).await.unwrap();
    let streams: Vec<_> = page.iter().map(|raw| raw.stream.aggregate_id.clone()).collect();
    assert_eq!(streams, [id.to_string(), other.to_string()], "old before new");
}
