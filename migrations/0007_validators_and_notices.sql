-- Which state a reader's rows are in: counted by the reader whenever they change, read for the validators of answers.
alter table es.checkpoints
  add column changes bigint not null default 0,
  add column changed_at timestamptz not null default clock_timestamp();

-- What is to be told on the operator's hook, once each. Rows come from the projection `notices`, in the transaction of
-- its checkpoint; the process that posts claims and closes them; housekeeping removes what has ended.
create table es.notices (
  notice text primary key,                          -- what it is about: package:.., release:.., milestone:..
  kind text not null check (kind in ('package', 'release', 'milestone')),
  plugin_id uuid not null,
  version text,
  threshold bigint,
  log_transaction xid8 not null,                    -- a package and its first release are one piece of news
  state text not null default 'waiting' check (state in ('waiting', 'posted', 'withheld', 'given_up')),
  tries integer not null default 0,
  happened_at timestamptz not null,
  due_at timestamptz not null default clock_timestamp(),
  ended_at timestamptz
);
create index notices_due on es.notices (due_at) where state = 'waiting';
create index notices_of on es.notices (plugin_id);

-- What happened before this is history, and is told to nobody. Written here, read by the projection `notices`.
create table es.notices_since (
  only_row boolean primary key default true check (only_row),
  since timestamptz not null default clock_timestamp()
);
insert into es.notices_since default values;
