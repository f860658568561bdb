-- The relations that this session has locked against changes while it reads, see Exact::locked
(select array_agg(l.relation) as relations from pg_locks l
  where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.granted and l.mode = 'ShareUpdateExclusiveLock')
