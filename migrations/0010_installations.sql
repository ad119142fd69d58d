-- Numbers of operations on installations: LangBot's tasks are numbers. Taken when one is asked for.
create sequence es.operation_numbers start 1000;
comment on sequence es.operation_numbers is 'Numbers of operations on the wire; taken when one is asked for';

-- What plugins say and how they do: history with an end. Never on the stream of an aggregate, and never in es.events,
-- which loses nothing. Written by the observer of the host, a batch in a transaction together with the rows below;
-- housekeeping removes what is past its time.
create table es.telemetry (
  position bigint generated always as identity primary key,
  installation_id uuid not null,
  event_type text not null check (event_type in ('LogRecorded', 'MetricsSampled')),
  payload jsonb not null,
  recorded_at timestamptz not null default clock_timestamp()
);
create index telemetry_age on es.telemetry using brin (recorded_at);

-- Read model: one row a line.
create table read.plugin_logs (
  line bigint generated always as identity primary key,
  installation_id uuid not null,
  at timestamptz not null,
  level smallint not null check (level between 0 and 3),
  text text not null,
  metadata jsonb not null
);
create index plugin_logs_newest on read.plugin_logs (installation_id, at desc, line desc);
create index plugin_logs_words on read.plugin_logs using gin (text gin_trgm_ops);
create index plugin_logs_age on read.plugin_logs using brin (at);
comment on table read.plugin_logs is 'Written with es.telemetry, read by the logs of a plugin';

-- Read model: figures in buckets of a minute, and of 5, 15 and 60 that were put together from them.
create table read.plugin_metrics (
  installation_id uuid not null,
  resolution smallint not null check (resolution in (1, 5, 15, 60)),
  bucket timestamptz not null,
  figures jsonb not null,
  primary key (installation_id, resolution, bucket)
);
comment on table read.plugin_metrics is 'Written with es.telemetry, read by the metrics of a plugin';

-- Who called a plugin, as the first eight bytes of a hash; at most a thousand each.
create table read.plugin_callers (
  installation_id uuid not null,
  caller bigint not null,
  primary key (installation_id, caller)
);
comment on table read.plugin_callers is 'Written with es.telemetry, read by the metrics of a plugin';

-- What plugins keep with their host, by key; not history. Goes with the data of its installation.
create table es.plugin_storage (
  installation_id uuid not null,
  key text not null,
  value jsonb not null,
  bytes bigint not null,
  primary key (installation_id, key)
);
comment on table es.plugin_storage is 'Written and read by plugins through their host';
