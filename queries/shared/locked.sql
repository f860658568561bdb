-- Relations whose size or definition cannot be read without waiting: another session holds or awaits an ACCESS EXCLUSIVE lock on them
(select distinct l.relation from pg_catalog.pg_locks l
  where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_backend_pid()
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database()))
