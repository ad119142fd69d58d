-- The number that an account reviews under: given once, however many first reviews come at one moment. Written and read
-- by the service that takes reviews; the events hold the number, and this is only how it is agreed on.
create table es.reviewers (
  account_id uuid primary key,
  number bigint not null unique default nextval('es.user_numbers')
);
comment on table es.reviewers is 'Written and read when an account writes a first review: its number on the wire';
