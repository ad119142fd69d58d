-- Work to do. Inserted, requeued and closed by the projection job_queue; claimed and renewed by workers, always
-- guarded by attempt.
create table es.jobs (
  id uuid primary key,
  kind text not null,
  aggregate_type text not null,
  aggregate_id text not null,
  step text not null default '',
  payload jsonb not null,                          -- the order, so that a worker needs no second read
  unique_key text,                                 -- equal work: one at a time
  state text not null default 'queued' check (state in ('blocked', 'queued', 'running', 'done', 'cancelled', 'dead')),
  priority smallint not null default 100,
  run_at timestamptz not null default clock_timestamp(),
  attempt integer not null default 0,              -- the fence: raised by every claim, never reused
  failures integer not null default 0,
  worker text,
  lease_until timestamptz,
  finished_at timestamptz,
  constraint jobs_source unique (aggregate_type, aggregate_id, step)
);
create index jobs_due on es.jobs (kind, priority, run_at) where state = 'queued';
create index jobs_leases on es.jobs (lease_until) where state = 'running';
create index jobs_equal on es.jobs (unique_key) where state in ('blocked', 'queued', 'running');
create index jobs_old on es.jobs (finished_at) where finished_at is not null;

-- Live progress of a running attempt, overwritten in place by its worker, read beside the task; no second index, so
-- updates stay heap-only.
create table es.job_runtime (
  job_id uuid primary key references es.jobs on delete cascade,
  attempt integer not null,
  progress smallint not null,
  message text not null,
  seq bigint not null default 1
) with (fillfactor = 70);
