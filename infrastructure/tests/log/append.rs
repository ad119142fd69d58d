use std::sync::Arc;

use application::commands::{CommandError, Commands, Once, Outcome};
use chrono::DateTime;
use cqrs_es::EventStore;
use domain::{
    download_log::{Channel, DownloadLog, DownloadRecorded, DownloadStream, RecordDownloads},
    task::{Task, TaskCommand, TaskError},
    values::{Dialect, PluginId},
};
use infrastructure::event_log::{Heads, LogCommands, verify};
use serde_json::json;
use sqlx::{Connection, Executor};

use crate::support::{Log, by, new_task, released, request, start};

fn once(key: &str, hash: u8) -> Once {
    Once {
        scope: "anonymous:repackage".to_owned(),
        key: key.to_owned(),
        request_hash: [hash; 32],
        response: json!({"n": hash}),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_commands_at_once_under_one_key_make_one_effect() {
    let log = Log::fresh().await;
    let tries = (0..100).map(|_| {
        let (tasks, id) = (log.tasks.clone(), new_task());
        async move { tasks.execute_once(&id.to_string(), request(id), by(), once("k", 1)).await.unwrap() }
    });
    let outcomes = futures::future::join_all(tries).await;
    let written = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Written(_))).count();
    assert_eq!(written, 1);
    let repeated = outcomes.iter().filter(|outcome| **outcome == Outcome::Repeated(json!({"n": 1}))).count();
    assert_eq!(repeated, 99);
    assert_eq!(log.scalar::<i64>("select count(*) from es.events").await, 1);
}

fn downloaded(plugin: PluginId) -> RecordDownloads {
    RecordDownloads(vec![DownloadRecorded {
        plugin_uid: plugin,
        version: "1.0.0".to_owned(),
        dialect: Dialect::Dify,
        channel: Channel::Download,
        downloader: None,
        client: None,
        at: DateTime::UNIX_EPOCH,
    }])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_without_a_decision_goes_on_from_its_end_whatever_stands_before_it() {
    let log = Log::fresh().await;
    let plugin = PluginId(new_task().0);
    let node = |log: &Log| Arc::new(LogCommands::<DownloadLog>::of_history(&log.pools, log.writer.clone()));
    let (one, other) = (node(&log), node(&log.second_node()));
    let stream = DownloadStream::of(&downloaded(plugin).0[0]).to_string();
    one.execute(&stream, downloaded(plugin), by()).await.unwrap();
    let unreadable =
        "insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version,
                                             payload, metadata)
                      select aggregate_type, aggregate_id, sequence + 1, 'OfAnotherBuild', event_version,
                             '{}', metadata from es.events";
    sqlx::query(unreadable).execute(&mut log.owner().await).await.unwrap();
    for node in [&one, &other, &one] {
        node.execute(&stream, downloaded(plugin), by()).await.unwrap();
    }
    assert_eq!(log.scalar::<i64>("select max(sequence) from es.events").await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_belongs_to_one_request() {
    let log = Log::fresh().await;
    let (first, second) = (new_task(), new_task());
    log.tasks.execute_once(&first.to_string(), request(first), by(), once("k", 1)).await.unwrap();
    let other = log.tasks.execute_once(&second.to_string(), request(second), by(), once("k", 2)).await;
    assert_eq!(other, Err(CommandError::KeyReused));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_on_one_stream_leave_no_hole_and_a_whole_chain() {
    let log = Log::fresh().await;
    let id = new_task();
    log.run_task(id, request(id)).await;
    let second = log.second_node();
    let tries = (1..=60_u32).map(|attempt| {
        let tasks = if attempt % 2 == 0 { log.tasks.clone() } else { second.tasks.clone() };
        async move { tasks.execute(&id.to_string(), start(attempt), by()).await }
    });
    let outcomes = futures::future::join_all(tries).await;
    for outcome in &outcomes {
        let expected = matches!(
            outcome,
            Ok(Some(_))
                | Err(CommandError::Contended
                    | CommandError::Refused(TaskError::StaleAttempt { .. } | TaskError::Finished))
        );
        assert!(expected, "{outcome:?}");
    }
    assert!(outcomes.iter().any(Result::is_ok));
    let (events, findings) = verify(&mut log.owner().await).await.unwrap();
    assert!(events > 1);
    assert_eq!(findings, []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_guilty_command_of_a_batch_fails_alone() {
    let log = Log::fresh().await;
    let (stale, fresh) = (new_task(), log.second_node());
    log.run_task(stale, request(stale)).await;
    // This node remembers version 1; the other one moves the stream on.
    fresh.run_task(stale, start(1)).await;
    let others: Vec<_> = (0..40).map(|_| new_task()).collect();
    let (raced, rest) = tokio::join!(
        log.run_task(stale, released(1)),
        futures::future::join_all(others.iter().map(|id| log.run_task(*id, request(*id))))
    );
    assert!(raced.is_some(), "decided again on the newer version");
    assert!(rest.into_iter().all(|outcome| outcome.is_some()));
    assert_eq!(log.scalar::<i64>("select count(*) from es.events").await, 43);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_commands_share_a_commit() {
    let log = Log::fresh().await;
    let ids: Vec<_> = (0..400).map(|_| new_task()).collect();
    futures::future::join_all(ids.iter().map(|id| log.run_task(*id, request(*id)))).await;
    let facts = log.writer.facts();
    let load = |fact: &std::sync::atomic::AtomicU64| fact.load(std::sync::atomic::Ordering::Relaxed);
    let before = load(&facts.statements);

    let mut owner = log.owner().await;
    let mut held = owner.begin().await.unwrap();
    held.execute("lock table es.events in share row exclusive mode").await.unwrap();
    let mut commands: Vec<_> = ids.iter().map(|id| Box::pin(log.run_task(*id, start(1)))).collect();
    for command in &mut commands {
        // The node remembers the streams, so a command is queued once it was polled; nothing is stored meanwhile.
        assert!(futures::poll!(tokio::task::unconstrained(command)).is_pending());
    }
    held.commit().await.unwrap();
    futures::future::join_all(commands).await;
    assert_eq!(load(&facts.events), 800);
    let statements = load(&facts.statements) - before;
    assert!(statements < 10, "{statements} statements");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_es_reads_the_stream_to_the_same_state() {
    let log = Log::fresh().await;
    let id = new_task();
    let mut expected = Task::default();
    for command in [request(id), start(1), released(1), start(2), TaskCommand::Cancel { by: "x".to_owned() }]
    {
        for event in expected.decide(command.clone()).unwrap() {
            cqrs_es::Aggregate::apply(&mut expected, event);
        }
        log.run_task(id, command).await;
    }
    let events = postgres_es::PostgresEventRepository::new(log.pools.reads.clone())
        .with_tables("es.events", "es.snapshots");
    let store = cqrs_es::persist::PersistedEventStore::<_, Task>::new_event_store(events);
    let loaded = store.load_aggregate(&id.to_string()).await.unwrap();
    assert_eq!(loaded.aggregate, expected);
    assert_eq!(loaded.current_sequence, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stored_events_cannot_be_changed() {
    let log = Log::fresh().await;
    let id = new_task();
    log.run_task(id, request(id)).await;
    for statement in [
        "update es.events set event_type = 'X'",
        "delete from es.events",
        "truncate es.events",
        "alter table es.events disable trigger all",
        "drop table es.events",
        "update es.log_epoch set epoch = 9",
    ] {
        let as_app = log.pools.writes.execute(statement).await.unwrap_err().to_string();
        assert!(
            as_app.contains("permission denied") || as_app.contains("must be owner"),
            "{statement}: {as_app}"
        );
    }
    for statement in ["update es.events set event_type = 'X'", "delete from es.events", "truncate es.events"]
    {
        let as_superuser = log.owner().await.execute(statement).await.unwrap_err().to_string();
        assert!(as_superuser.contains("append-only"), "{statement}: {as_superuser}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chain_shows_what_a_superuser_did_behind_the_triggers() {
    let log = Log::fresh().await;
    let id = new_task();
    for command in [request(id), start(1), released(1), start(2)] {
        log.run_task(id, command).await;
    }
    let mut owner = log.owner().await;
    let findings = |verified: Result<(u64, Vec<infrastructure::event_log::Finding>), sqlx::Error>| {
        verified
            .unwrap()
            .1
            .iter()
            .map(|finding| finding.to_string().rsplit_once("event ").unwrap().1.to_owned())
            .collect::<Vec<_>>()
    };
    owner.execute("set session_replication_role = replica").await.unwrap();
    owner
        .execute("update es.events set payload = jsonb_set(payload, '{worker}', '\"v\"') where sequence = 2")
        .await
        .unwrap();
    assert_eq!(findings(verify(&mut owner).await), ["2: changed"]);
    owner.execute("delete from es.events where sequence = 3").await.unwrap();
    assert_eq!(findings(verify(&mut owner).await), ["2: changed", "3: missing"]);
    owner.execute("update es.events set chain = '' where sequence = 4").await.unwrap();
    assert_eq!(findings(verify(&mut owner).await), ["2: changed", "3: missing", "4: without a chain"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_shows_a_tail_that_was_cut_off_and_forged_heads_are_refused() {
    let (log, directory) = (Log::fresh().await, tempfile::tempdir().unwrap());
    let heads = Heads::open(directory.path()).unwrap();
    let mut owner = log.owner().await;
    assert!(heads.add(&mut owner).await.unwrap().is_none(), "nothing to state");
    for _ in 0..2 {
        let id = new_task();
        log.run_task(id, request(id)).await;
        // The horizon is the cluster's: other tests may hold it for a moment.
        while heads.add(&mut owner).await.unwrap().is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    assert_eq!(heads.verify(&mut owner).await.unwrap(), (2, Vec::new()));
    owner.execute("set session_replication_role = replica").await.unwrap();
    owner
        .execute("delete from es.events where global_position = (select min(global_position) from es.events)")
        .await
        .unwrap();
    assert_eq!(heads.verify(&mut owner).await.unwrap(), (2, vec![1]));

    let first = directory.path().join("000001.json");
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, text.replace("\"events\": 1", "\"events\": 0")).unwrap();
    assert!(
        heads.verify(&mut owner).await.unwrap_err().to_string().contains("is not what this service wrote")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aggregate_never_guesses_about_an_event_it_does_not_know() {
    let log = Log::fresh().await;
    let id = new_task();
    log.run_task(id, request(id)).await;
    let foreign = format!(
        "insert into es.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata)
         values ('task', '{id}', 2, 'TaskTeleported', '1', '{{\"type\":\"TaskTeleported\"}}', '{{}}')"
    );
    log.owner().await.execute(foreign.as_str()).await.unwrap();
    let refused = log.second_node().tasks.execute(&id.to_string(), start(1), by()).await;
    assert_eq!(refused, Err(CommandError::Unavailable));
}
