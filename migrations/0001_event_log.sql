-- The event log. Everything else in this database can be rebuilt from it.
create schema es;

-- Which life of the log this is. Written when a restored copy is found, with the owner role; read by every append.
create table es.log_epoch (
  only_row boolean primary key default true check (only_row),
  epoch integer not null,
  system_identifier bigint not null
);
insert into es.log_epoch (epoch, system_identifier) select 1, system_identifier from pg_control_system();
create function es.current_epoch() returns integer language sql stable as 'select epoch from es.log_epoch';

-- The log. Written by the append statement only, read by every subscription; rows never change.
create table es.events (
  global_position bigint      generated always as identity primary key,
  epoch           integer     not null default es.current_epoch(),
  transaction_id  xid8        not null default pg_current_xact_id(),
  event_id        uuid        not null default gen_random_uuid(),
  aggregate_type  text        not null,
  aggregate_id    text        not null,
  sequence        bigint      not null check (sequence > 0),
  event_type      text        not null,
  event_version   text        not null,
  payload         jsonb       not null,
  metadata        jsonb       not null,
  chain           bytea       not null default '',
  recorded_at     timestamptz not null default clock_timestamp(),
  constraint events_stream   unique (aggregate_type, aggregate_id, sequence),
  constraint events_event_id unique (event_id)
);
create unique index events_feed on es.events (epoch, transaction_id, global_position);
create index events_recorded on es.events using brin (recorded_at);

-- One row per accepted command that carried a key. Written by the append statement, read before a command is
-- decided, pruned after seven days.
create table es.commands (
  scope text not null,
  idempotency_key text not null,
  request_hash bytea not null,
  aggregate_type text not null,
  aggregate_id text not null,
  last_sequence bigint not null,
  response jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint commands_key primary key (scope, idempotency_key)
);
create index commands_age on es.commands (created_at);

-- How far each reader got. Written by that reader, in the transaction that writes its rows.
create table es.checkpoints (
  subscription text not null,
  generation integer not null,
  epoch integer not null default 0,
  transaction_id xid8 not null default '0',
  global_position bigint not null default 0,
  status text not null default 'building' check (status in ('building', 'live', 'halted', 'retired')),
  error text,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (subscription, generation)
);

-- Events a reader could not apply, and the later events of the same stream. Written and emptied by that reader,
-- read by the operator.
create table es.parked_events (
  subscription text not null,
  generation integer not null,
  event_id uuid not null,
  aggregate_type text not null,
  aggregate_id text not null,
  sequence bigint not null,
  tries integer not null,
  error text not null,
  parked_at timestamptz not null default clock_timestamp(),
  primary key (subscription, generation, event_id)
);

-- A cache of folded state. May be emptied at any time; streams of this size are folded without it.
create table es.snapshots (
  aggregate_type text not null,
  aggregate_id text not null,
  state_version integer not null,
  sequence bigint not null,
  chain bytea not null,
  state jsonb not null,
  primary key (aggregate_type, aggregate_id, state_version)
);

-- A stream as an aggregate loads it, through postgres-es: the chain stands in the place of the metadata.
create view es.streams as
  select aggregate_type, aggregate_id, sequence, event_type, event_version, payload,
         to_jsonb(encode(chain, 'hex')) as metadata
    from es.events;

create function es.refuse_change() returns trigger language plpgsql as
  $$ begin raise exception 'es.events is append-only'; end $$;
create trigger events_append_only before update or delete on es.events
  for each row execute function es.refuse_change();
create trigger events_no_truncate before truncate on es.events
  for each statement execute function es.refuse_change();
