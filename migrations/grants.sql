-- What the role of the running service may do. Not a migration: run whenever something of it is missing, because a
-- dump brings neither roles nor, without them, grants. Safe to run again.
select pg_advisory_xact_lock(hashtextextended('plugyard grants', 0));
do $$
begin
  create role plugyard_app nologin;
exception when duplicate_object or unique_violation then
  null;                                            -- another database of this cluster made it
end $$;
do $$
begin
  if not pg_has_role(current_user, 'plugyard_app', 'member') then
    execute format('grant plugyard_app to %I', current_user);
  end if;
end $$;
grant usage on schema es, read to plugyard_app;
grant select, insert on es.events to plugyard_app;   -- no update, delete, truncate
grant select on es.log_epoch, es.streams, es.notices_since to plugyard_app;
grant select, insert, update, delete
   on es.commands, es.checkpoints, es.parked_events, es.snapshots, es.jobs, es.job_runtime, es.subject_keys,
      es.tickets, es.rate_buckets, es.notices, es.reviewers, es.telemetry, es.plugin_storage to plugyard_app;
grant usage, select
   on es.key_changes, es.plugin_numbers, es.publisher_numbers, es.review_numbers, es.user_numbers,
      es.operation_numbers to plugyard_app;
grant select, insert, update, delete on all tables in schema read to plugyard_app;
