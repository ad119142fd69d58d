//! The baseline: `pgbench` inserts one row a transaction into a table with the log's columns, defaults and indexes,
//! without the chain, and with the same payload and metadata. Prepared, on the same kind of connection.

use std::time::{Duration, Instant};

use plugyard_tests::{Database, python::succeeds};

use super::{
    ground::Ground,
    load::{self, Round},
};
use crate::cost;

const TABLE: &str = "create schema bench;
    create table bench.inserts (like es.events including all);
    alter table bench.inserts drop column chain";

const INSERT: &str = "insert into bench.inserts \
    (epoch, aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
    values (1, 'task', gen_random_uuid()::text, 1, 'TaskAttemptLost', '1', :payload::jsonb, :metadata::jsonb)\n";

pub(super) async fn prepare(database: &Database) {
    database.execute(TABLE).await.unwrap();
}

pub(super) async fn run(ground: &Ground, clients: usize, length: Duration) -> Round {
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), INSERT).unwrap();
    let (payload, metadata) = load::row();
    let mut pgbench = ground.cluster.client("pgbench");
    pgbench.args(["-n", "-M", "prepared", "-j", "2"]);
    pgbench.args(["-c", &clients.to_string(), "-T", &length.as_secs().to_string()]);
    pgbench.args(["-D", &format!("payload={payload}"), "-D", &format!("metadata={metadata}")]);
    pgbench.arg("-f").arg(script.path()).arg(&ground.database.url);
    let flushed_before = ground.flushes().await;
    let (client, server, begun) = (cost::ended_children(), cost::postgres(), Instant::now());
    let output = tokio::task::spawn_blocking(move || succeeds(&mut pgbench)).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (client_cpu, server_cpu) = (cost::ended_children() - client, cost::postgres() - server);
    let number = |before: &str| -> f64 {
        let rest = said.split_once(before).unwrap_or_else(|| panic!("{said}")).1;
        rest.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or_else(|| panic!("{said}"))
    };
    let events = number("actually processed: ");
    let rate = number("tps = ");
    assert!(begun.elapsed() >= length, "pgbench ran as long as told");
    let flushes = u32::try_from(ground.flushes().await - flushed_before).unwrap();
    Round {
        rate,
        statements: 1.0,
        flushes: f64::from(flushes) / events,
        client_cpu: client_cpu / events,
        server_cpu: server_cpu / events,
    }
}
