-- Data keys of subjects, wrapped by the master key. Written and destroyed by the vault, read by it; re-wrapped when
-- the master key is rotated. Without its row nothing that was sealed for a subject can be read again.
create table es.subject_keys (
  key_id uuid primary key,
  subject text not null unique,
  wrapped bytea,                                   -- null: destroyed, the subject was erased
  master_id text,                                  -- which master key wrapped it
  created_at timestamptz not null default clock_timestamp(),
  erased_at timestamptz,
  constraint subject_keys_erased check ((wrapped is null) = (erased_at is not null) and (wrapped is null) = (master_id is null))
);
create index subject_keys_master on es.subject_keys (master_id);

-- Tickets that open a socket once. Written and taken by the API; pruned when they have expired.
create table es.tickets (
  sha256 bytea primary key,
  key_id uuid,                                     -- null: made with the bootstrap credential
  expires_at timestamptz not null
);

-- Rate limits as the nodes see them together: when each bucket is full again. Written by every node about once a
-- second; may be emptied at any time. Not logged: after a crash every bucket is full.
create unlogged table es.rate_buckets (
  bucket text primary key,
  full_at timestamptz not null
) with (fillfactor = 70);

-- What happened to keys and is not in their read model yet, found without reading what else happened.
create index events_of_keys on es.events (epoch, transaction_id, global_position) where aggregate_type = 'api_key';

-- Numbers the changes of keys, across generations of the read model api_keys: a node asks for what changed since.
create sequence es.key_changes;
