-- building: the indexes in the CTE suspect (indexrelid, of_hypertable: on a hypertable itself) that another session builds or rebuilds now,
-- and its pid. An index is invalid until its build ends. CREATE INDEX CONCURRENTLY holds SHARE UPDATE EXCLUSIVE on the table until then,
-- REINDEX CONCURRENTLY also on the old and the new index, and every role sees their pids in pg_stat_progress_create_index. TimescaleDB's
-- transaction_per_chunk is not always there, but holds ACCESS SHARE on the hypertable's index from the transaction that made it on.
-- Therefore this lock is in the shared lock table (not fastpath), unlike that of a query that holds fewer than 16 locks. pg_locks is read
-- only if there is a suspect.
builder as materialized (
  select l.relation, l.pid
  from (
    select a.locktype, a.database, a.relation, a.pid, a.mode, a.granted, a.fastpath,
      count(*) filter (where a.fastpath) over (partition by a.pid) as fast
    from pg_catalog.pg_locks a where (select count(*) from suspect) > 0 and a.pid <> pg_backend_pid()
  ) l
  where l.locktype = 'relation' and l.granted
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
    and case l.mode
      when 'ShareUpdateExclusiveLock' then l.pid in (select p.pid from pg_catalog.pg_stat_progress_create_index p)
      when 'AccessShareLock' then not l.fastpath and l.fast < 16 and l.relation in (
        select x.indexrelid from suspect s join pg_catalog.pg_index x on x.indexrelid = s.indexrelid
        where s.of_hypertable and not x.indisvalid)
      else false end
),
building as materialized (
  select x.indexrelid, x.indrelid, min(b.pid)::int8 as pid
  from (
    select s.indexrelid, l.pid from suspect s join builder l on l.relation = s.indexrelid
    union all
    -- CREATE INDEX CONCURRENTLY locks none of the table's indexes and builds the newest of the invalid ones.
    select s.indexrelid, l.pid
    from suspect s join pg_catalog.pg_index x on x.indexrelid = s.indexrelid and not x.indisvalid join builder l on l.relation = x.indrelid
    where not exists (select from pg_catalog.pg_index o
      where o.indrelid = x.indrelid and (not o.indisvalid and o.indexrelid > x.indexrelid
        or exists (select from builder h where h.relation = o.indexrelid and h.pid = l.pid)))
  ) b
  join pg_catalog.pg_index x on x.indexrelid = b.indexrelid
  group by x.indexrelid, x.indrelid
)
