//! `plugyard events`: the log as JSON lines, and the proof that nobody changed it.

use std::{io::Write as _, process::ExitCode};

use domain::recorded::Cursor;
use infrastructure::{
    database::Database,
    event_log::{Feed, Raw, verify},
};
use serde_json::json;
use tokio::time::{Duration, sleep};

use crate::{
    settings::{EventsCommand, Settings},
    shutdown::Signals,
    wiring,
};

const PAGE: i64 = 500;
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Exit 1: `verify` found something.
pub(crate) async fn run(settings: &Settings, command: EventsCommand) -> anyhow::Result<ExitCode> {
    let database = wiring::open_database(settings).await?;
    let mut signals = Signals::listen()?;
    let done = async {
        match command {
            EventsCommand::Tail { lines, follow } => tail(&database, lines, follow).await,
            EventsCommand::Verify => check(settings, &database).await,
        }
    };
    let done = tokio::select! {
        done = done => done,
        () = signals.next() => Ok(ExitCode::SUCCESS),
    };
    database.close().await;
    done
}

async fn tail(database: &Database, lines: u32, follow: bool) -> anyhow::Result<ExitCode> {
    let mut after = Feed::before_the_last(&database.pools.reads, i64::from(lines)).await?;
    loop {
        let page = Feed::page(&database.pools.reads, after, None, PAGE).await?;
        for raw in &page {
            if writeln!(std::io::stdout(), "{}", line(raw)).is_err() {
                // Whoever read has gone.
                return Ok(ExitCode::SUCCESS);
            }
        }
        after = page.last().map_or(after, |last: &Raw| -> Cursor { last.cursor });
        match (page.is_empty(), follow) {
            (true, false) => return Ok(ExitCode::SUCCESS),
            (true, true) => sleep(LOOK_AGAIN).await,
            (false, _) => {}
        }
    }
}

fn line(raw: &Raw) -> serde_json::Value {
    let metadata = raw.metadata();
    json!({
        "position": raw.cursor.position,
        "cursor": raw.cursor.to_string(),
        "recorded_at": raw.recorded_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        "event_id": raw.event_id,
        "type": raw.event_type,
        "schema_version": raw.event_version,
        "aggregate_type": raw.stream.aggregate_type,
        "aggregate_id": raw.stream.aggregate_id,
        "aggregate_version": raw.sequence,
        "correlation_id": metadata["correlation_id"],
        "causation_id": metadata["causation_id"],
        "actor": metadata["actor_principal"],
        "dialect": metadata["actor_dialect"],
        "ip_hash": metadata["actor_ip_hash"],
        "request_id": metadata["request_id"],
        "tenant": metadata["tenant"],
        "data": raw.payload(),
        "metadata": metadata,
    })
}

async fn check(settings: &Settings, database: &Database) -> anyhow::Result<ExitCode> {
    let mut connection = database.pools.own_connection().await?;
    let (events, findings) = verify(&mut connection).await?;
    let heads = wiring::heads(settings)?;
    let (stated, broken) = heads.verify(&mut connection).await?;
    let mut out = std::io::stdout().lock();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    for number in &broken {
        writeln!(out, "head {number}: events it covers are missing or moved")?;
    }
    writeln!(out, "{events} events, {stated} heads, {} findings", findings.len() + broken.len())?;
    if findings.is_empty() && broken.is_empty() {
        // What is sound now can be shown to have been sound later.
        heads.add(&mut connection).await?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}
