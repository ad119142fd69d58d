//! The append statement: many commands, one round trip, one commit, no transaction around it.

use std::collections::HashMap;

use domain::recorded::Cursor;
use serde_json::Value;
use sqlx::{PgConnection, Row, postgres::PgRow};
use uuid::Uuid;

use super::prepared::Append;

/// Keeps the commands whose expected version is still the stream's last one, stores their keys first (so that a
/// repeat is told from a lost race), then their events. `c` counts commands, `n` the events of one command.
const APPEND: &str = "
with asked as (
  select * from unnest($1::text[], $2::text[], $3::bigint[], $4::jsonb[], $5::text[], $6::text[], $7::bytea[],
                       $8::jsonb[], $9::bigint[]) with ordinality
    as a (aggregate_type, aggregate_id, expected, metadata, scope, idempotency_key, request_hash, response, size, c)
), current as (
  select a.* from asked a
   where a.expected = coalesce((select e.sequence from es.events e
                                 where e.aggregate_type = a.aggregate_type and e.aggregate_id = a.aggregate_id
                                 order by e.sequence desc limit 1), 0)
), key as (
  insert into es.commands (scope, idempotency_key, request_hash, aggregate_type, aggregate_id, last_sequence, response)
  select scope, idempotency_key, request_hash, aggregate_type, aggregate_id, expected + size, response
    from current where idempotency_key is not null
  returning 1
), gate as (
  select count(*) as keys from key
), appended as (
  insert into es.events (epoch, event_id, aggregate_type, aggregate_id, sequence, event_type, event_version,
                         payload, metadata, chain)
  select (select epoch from es.log_epoch), e.event_id, c.aggregate_type, c.aggregate_id, c.expected + e.n,
         e.event_type, e.event_version, e.payload, c.metadata, e.chain
    from gate,
         unnest($10::bigint[], $11::bigint[], $12::uuid[], $13::text[], $14::text[], $15::jsonb[], $16::bytea[])
           as e (c, n, event_id, event_type, event_version, payload, chain)
    join current c on c.c = e.c
   order by e.c, e.n
  returning epoch, transaction_id, global_position, aggregate_type, aggregate_id
)
select aggregate_type, aggregate_id, max(epoch) as epoch, max(transaction_id::text) as xid,
       max(global_position) as position
  from appended group by aggregate_type, aggregate_id
union all
select aggregate_type, aggregate_id, null, null, null from current where size = 0";

const STORED: &str = "
select epoch, transaction_id::text as xid, global_position as position from es.events where event_id = $1";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Where the last event stands; none if the command had no events.
    Stored(Option<Cursor>),
    /// The stream had moved on: nothing of this command was stored.
    Raced,
}

/// The statement as a whole was undone, or its outcome is unknown.
#[derive(Debug)]
pub(super) enum Fault {
    Key,
    Stream,
    Full,
    Other(sqlx::Error),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        let database = error.as_database_error();
        match database.and_then(|error| error.constraint()) {
            Some("commands_key") => Self::Key,
            Some("events_stream" | "events_event_id") => Self::Stream,
            _ if database.and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "53100") => {
                Self::Full
            }
            _ => Self::Other(error),
        }
    }
}

/// The outcome of each command, in their order.
pub(super) async fn store(connection: &mut PgConnection, appends: &[Append]) -> Result<Vec<Outcome>, Fault> {
    let columns = Columns::of(appends);
    let rows = sqlx::query(APPEND)
        .bind(columns.aggregate_type)
        .bind(columns.aggregate_id)
        .bind(columns.expected)
        .bind(columns.metadata)
        .bind(columns.scope)
        .bind(columns.key)
        .bind(columns.request_hash)
        .bind(columns.response)
        .bind(columns.size)
        .bind(columns.command)
        .bind(columns.number)
        .bind(columns.event_id)
        .bind(columns.event_type)
        .bind(columns.event_version)
        .bind(columns.payload)
        .bind(columns.chain)
        .fetch_all(connection)
        .await?;
    // A stream stands in a statement once at most.
    let mut stored = HashMap::with_capacity(rows.len());
    for row in &rows {
        let key: (String, String) = (row.try_get("aggregate_type")?, row.try_get("aggregate_id")?);
        stored.insert(key, cursor(row)?);
    }
    let outcome = |append: &Append| {
        let stream = (append.stream.aggregate_type.clone(), append.stream.aggregate_id.clone());
        stored.get(&stream).map_or(Outcome::Raced, |cursor| Outcome::Stored(*cursor))
    };
    Ok(appends.iter().map(outcome).collect())
}

/// Where the last event of the command stands, if an earlier try stored it.
pub(super) async fn already_stored(
    connection: &mut PgConnection,
    append: &Append,
) -> Result<Option<Cursor>, sqlx::Error> {
    let Some(last) = append.events.last() else { return Ok(None) };
    let row = sqlx::query(STORED).bind(last.id).fetch_optional(connection).await?;
    row.as_ref().map_or(Ok(None), cursor)
}

fn cursor(row: &PgRow) -> Result<Option<Cursor>, sqlx::Error> {
    let (epoch, xid, position): (Option<i32>, Option<String>, Option<i64>) =
        (row.try_get("epoch")?, row.try_get("xid")?, row.try_get("position")?);
    Ok(epoch
        .zip(xid.and_then(|xid| xid.parse().ok()))
        .zip(position)
        .map(|((epoch, transaction), position)| Cursor { epoch, transaction, position }))
}

/// One array per column of the statement.
#[derive(Default)]
struct Columns<'a> {
    aggregate_type: Vec<&'a str>,
    aggregate_id: Vec<&'a str>,
    expected: Vec<i64>,
    metadata: Vec<&'a Value>,
    scope: Vec<Option<&'a str>>,
    key: Vec<Option<&'a str>>,
    request_hash: Vec<Option<&'a [u8]>>,
    response: Vec<Option<&'a Value>>,
    size: Vec<i64>,
    command: Vec<i64>,
    number: Vec<i64>,
    event_id: Vec<Uuid>,
    event_type: Vec<&'a str>,
    event_version: Vec<&'a str>,
    payload: Vec<&'a Value>,
    chain: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(appends: &'a [Append]) -> Self {
        let mut columns = Self::default();
        for (command, append) in (1..).zip(appends) {
            columns.aggregate_type.push(&append.stream.aggregate_type);
            columns.aggregate_id.push(&append.stream.aggregate_id);
            columns.expected.push(append.expected);
            columns.metadata.push(&append.metadata);
            let once = append.once.as_ref();
            columns.scope.push(once.map(|once| once.scope.as_str()));
            columns.key.push(once.map(|once| once.key.as_str()));
            columns.request_hash.push(once.map(|once| once.request_hash.as_slice()));
            columns.response.push(once.map(|once| &once.response));
            columns.size.push(i64::try_from(append.events.len()).unwrap_or(i64::MAX));
            for (number, event) in (1..).zip(&append.events) {
                columns.command.push(command);
                columns.number.push(number);
                columns.event_id.push(event.id);
                columns.event_type.push(&event.event_type);
                columns.event_version.push(&event.event_version);
                columns.payload.push(&event.payload);
                columns.chain.push(&event.chain);
            }
        }
        columns
    }
}
