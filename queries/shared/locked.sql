-- Relations that a size or a definition would be waited for: somebody holds such a lock on them, or waits for it in front of us
(select distinct l.relation from pg_catalog.pg_locks l
  where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_backend_pid()
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database()))
