-- Names that differ by a slip of the pen are found by their trigrams. The extension comes with PostgreSQL's own contrib
-- modules and is trusted: whoever may create things in the database may create it.
do $$
begin
  create extension if not exists pg_trgm;
exception
  when insufficient_privilege then
    raise exception 'the search needs the extension pg_trgm, which this role may not create: let the owner of the database run «create extension pg_trgm»';
  when undefined_file or feature_not_supported then
    raise exception 'the search needs the extension pg_trgm: install the contrib modules of this PostgreSQL (the package postgresql-contrib)';
end $$;
