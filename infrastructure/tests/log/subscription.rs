use std::sync::Arc;

use domain::task::TaskCommand;
use infrastructure::subscription::{Policy, Projection, Runner, rebuild, statuses};

use crate::support::{Log, Seen, new_task, released, request, start};

fn poison(attempt: u32) -> TaskCommand {
    TaskCommand::Start { attempt, worker: "poison".to_owned() }
}

const PARK: Seen = Seen { policy: Policy::Park };
const HALT: Seen = Seen { policy: Policy::Halt };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poison_event_is_parked_with_the_rest_of_its_stream_and_others_go_on() {
    let log = Log::fresh().await;
    log.follow(PARK).await;
    let (sick, well) = (new_task(), new_task());
    for command in [request(sick), poison(1), released(1)] {
        log.run_task(sick, command).await;
    }
    log.run_task(well, request(well)).await;
    log.run_task(well, start(1)).await;
    log.until("count(*) = 3 from read.seen").await;
    log.until("count(*) = 2 from es.parked_events").await;
    let status = statuses(&log.pools.reads).await.unwrap().remove(0);
    assert_eq!((status.status.as_str(), status.parked.len(), status.lag), ("live", 2, 2));
    assert_eq!(status.error.as_deref(), Some("told to refuse it"));
}

/// A later build that passes over what halted the earlier one.
struct Fixed;
#[async_trait::async_trait]
impl Projection for Fixed {
    fn name(&self) -> &'static str {
        "seen"
    }
    fn takes(&self) -> &'static [&'static str] {
        &["TaskRequested"]
    }
    async fn create(&self, c: &mut sqlx::PgConnection, g: i32) -> Result<(), sqlx::Error> {
        PARK.create(c, g).await
    }
    async fn show(&self, c: &mut sqlx::PgConnection, g: i32) -> Result<(), sqlx::Error> {
        PARK.show(c, g).await
    }
    async fn remove(&self, c: &mut sqlx::PgConnection, g: i32) -> Result<(), sqlx::Error> {
        PARK.remove(c, g).await
    }
    async fn fingerprint(&self, c: &mut sqlx::PgConnection, g: i32) -> Result<String, sqlx::Error> {
        PARK.fingerprint(c, g).await
    }
    async fn apply(
        &self,
        c: &mut sqlx::PgConnection,
        g: i32,
        events: &[domain::recorded::Recorded],
    ) -> Result<(), infrastructure::subscription::ApplyError> {
        PARK.apply(c, g, events).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_halting_subscription_skips_nothing_and_goes_on_after_the_fix() {
    let log = Log::fresh().await;
    log.follow(HALT).await;
    let (sick, well) = (new_task(), new_task());
    log.run_task(sick, request(sick)).await;
    log.run_task(sick, poison(1)).await;
    log.run_task(well, request(well)).await;
    log.until("status = 'halted' from es.checkpoints").await;
    assert_eq!(log.scalar::<i64>("select count(*) from read.seen").await, 1);

    let fixed = Runner::new(Arc::new(Fixed), log.pools.writes.clone(), log.signals.clone());
    log.stop.cancel();
    fixed.retry().await.unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let fixed_stop = stop.clone();
    log.running.spawn(async move { fixed.run(fixed_stop).await });
    log.until("count(*) = 2 from read.seen").await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_type_nobody_knows_is_poison_never_passed_over() {
    let log = Log::fresh().await;
    log.follow(PARK).await;
    let foreign = "insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         values ('alien', '1', 1, 'AlienLanded', '1', '{}', '{}')";
    sqlx::Executor::execute(&mut log.owner().await, foreign).await.unwrap();
    let well = new_task();
    log.run_task(well, request(well)).await;
    log.until("count(*) = 1 from read.seen").await;
    log.until("count(*) = 1 from es.parked_events where error like '%AlienLanded%'").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_one_subscription_apply_each_event_once() {
    let (first, mut tasks) = (Log::fresh().await, Vec::new());
    first.follow(PARK).await;
    let second = first.second_node();
    second.follow(PARK).await;
    for n in 0..200 {
        let id = new_task();
        let node = if n % 2 == 0 { &first } else { &second };
        node.run_task(id, request(id)).await;
        tasks.push(id);
        if n == 100 {
            // The active one, whichever it is, may go at any time.
            first.stop.cancel();
        }
    }
    second.until("count(*) = 200 from read.seen").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_ends_with_the_same_rows_while_the_old_ones_serve() {
    let log = Log::fresh().await;
    log.follow(PARK).await;
    for _ in 0..50 {
        let id = new_task();
        log.run_task(id, request(id)).await;
    }
    log.until("count(*) = 50 from read.seen").await;
    let mut owner = log.owner().await;
    let rebuilt = rebuild(&mut owner, &log.pools.writes, &PARK, |_| {}).await.unwrap();
    assert!(rebuilt.same_as_before);
    assert_eq!((rebuilt.generation, rebuilt.events), (2, 50));
    let id = new_task();
    log.run_task(id, request(id)).await;
    log.until("count(*) = 51 from read.seen").await;
    assert_eq!(log.scalar::<i64>("select count(*) from read.seen_v1").await, 50, "kept for a rollback");
    let again = rebuild(&mut owner, &log.pools.writes, &PARK, |_| {}).await.unwrap();
    assert!(again.same_as_before);
    assert_eq!(log.scalar::<Option<String>>("select to_regclass('read.seen_v1')::text").await, None);
}
