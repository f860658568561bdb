-- The relations that this session has locked, so that nobody adds code to them while this session reads them (see src/server/exact/held.rs)
(select array_agg(l.relation) as relations from pg_locks l
  where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.granted and l.mode = 'ShareUpdateExclusiveLock')
