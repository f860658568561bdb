-- Sessions and workers of this database, and the sessions that block them: queries, waits, strongest locks
-- · columns: see the last SELECT · access: any role; other roles' queries: pg_read_all_stats · cost: one pass over pg_locks, one call of
-- pg_blocking_pids for each waiting session
with here as materialized (
  select d.oid from pg_database d where d.datname = current_database()
), lock as materialized (
  select l.pid, l.locktype, l.database, l.relation, l.granted, l.mode,
         array_position(array['AccessShareLock', 'RowShareLock', 'RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock',
                              'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'], l.mode) as strength,
         -- waitstart exists from PostgreSQL 14 on.
         case when not l.granted then (to_jsonb(l) ->> 'waitstart')::timestamptz end as waitstart
  from pg_locks l
), wait as materialized (
  -- A session that waits for a row waits for the transaction that locked the row. The relation is known from the tuple lock that the
  -- waiting session holds.
  select distinct on (l.pid) l.pid, l.locktype, l.mode, l.waitstart, coalesce(l.relation, t.relation) as relation,
         pg_blocking_pids(l.pid) as blockers
  from here h join pg_stat_get_activity(null) a on a.datid = h.oid join lock l on l.pid = a.pid and not l.granted
  left join lock t on t.pid = l.pid and t.locktype = 'tuple' and t.granted and l.locktype = 'transactionid'
  order by l.pid, t.relation
), seen as materialized (
  select a.datid, a.datname, a.pid, a.leader_pid, a.usename, a.application_name, a.client_addr, a.client_port, a.backend_type,
         a.backend_start, a.xact_start, a.query_start, a.state_change, a.state, a.wait_event_type, a.wait_event, a.backend_xid,
         a.backend_xmin, a.query
  from pg_stat_activity a cross join here h
  where a.datid = h.oid or a.pid in (select unnest(w.blockers) from wait w)
), work as materialized (
  select distinct on (w.pid) w.pid, w.command, w.phase, w.share, w.relid
  from (
    select p.pid, p.command, p.phase, p.relid,
           case when p.blocks_total > 0 then p.blocks_done::float8 / p.blocks_total
                when p.tuples_total > 0 then p.tuples_done::float8 / p.tuples_total end as share
    from pg_stat_progress_create_index p
    union all
    select p.pid, 'VACUUM', p.phase, p.relid, p.heap_blks_scanned::float8 / nullif(p.heap_blks_total, 0)
    from pg_stat_progress_vacuum p
    union all
    select p.pid, 'ANALYZE', p.phase, p.relid, p.sample_blks_scanned::float8 / nullif(p.sample_blks_total, 0)
    from pg_stat_progress_analyze p
    union all
    select p.pid, p.command, p.phase, p.relid, p.heap_blks_scanned::float8 / nullif(p.heap_blks_total, 0)
    from pg_stat_progress_cluster p
    union all
    -- PostgreSQL 13 does not report the progress of COPY.
    select p.pid, 'COPY', format('%s rows', p.param3), p.relid, p.param1::float8 / nullif(p.param2, 0)
    from (select 'COPY'::text where current_setting('server_version_num')::int4 >= 140000) c(command),
         pg_stat_get_progress_info(c.command) p(pid, datid, relid, param1, param2, param3)
  ) w
  order by w.pid, w.command
), held as materialized (
  -- The 40 strongest locks of each session. Of equally strong locks, the locks on the relations with the lowest oids are taken: a
  -- hypertable has a lower oid than its chunks.
  select x.pid, x.relation, x.strength
  from (
    select l.pid, l.relation, max(l.strength) as strength,
           row_number() over (partition by l.pid order by max(l.strength) desc, l.relation) as place
    from lock l cross join here h
    where l.locktype = 'relation' and l.database = h.oid and l.relation >= 16384 and l.granted
    group by l.pid, l.relation
  ) x
  where x.place <= 40
), relation as materialized (
  select h.relation as oid from held h union select w.relation from wait w union select w.relid from work w
), named as materialized (
\if :since_2_29
  select c.oid, format('%I.%I', n.nspname, c.relname) as name, p.inhparent is not null as part,
\elif :since_2_11
  select c.oid, format('%I.%I', n.nspname, c.relname) as name, p.inhparent is not null or u.id is null and b.id is not null as part,
\else
  select c.oid, format('%I.%I', n.nspname, c.relname) as name, p.inhparent is not null as part,
\endif
\if :since_2_11
         case when a.user_view_name is not null then 'aggregate' when t.id is not null then 'hypertable'
              when v.user_view_name is not null then 'aggregate' else 'table' end as kind,
         case when a.user_view_name is not null then format('%I.%I', a.user_view_schema, a.user_view_name)
              when t.id is not null then format('%I.%I', t.schema_name, t.table_name)
              when i.indrelid is not null then i.indrelid::regclass::text
              else format('%I.%I', m.nspname, r.relname) end as thing
\else
         'table' as kind,
         case when i.indrelid is not null then i.indrelid::regclass::text else format('%I.%I', m.nspname, r.relname) end as thing
\endif
  from relation l join pg_class c on c.oid = l.oid join pg_namespace n on n.oid = c.relnamespace
\if :since_2_29
  -- The table with a chunk's compressed rows has no parent, so the chunk's parent is used.
  left join _timescaledb_catalog.compression_settings e on e.compress_relid = c.oid
  left join pg_inherits p on p.inhrelid = coalesce(e.relid, c.oid) and c.relkind = 'r'
\elif :since_2_11
  left join pg_inherits p on p.inhrelid = c.oid and c.relkind = 'r'
\else
  left join pg_inherits p on p.inhrelid = c.oid and c.relkind in ('r', 'p')
\endif
  join pg_class r on r.oid = coalesce(p.inhparent, c.oid)
  join pg_namespace m on m.oid = r.relnamespace
  left join pg_index i on i.indexrelid = c.oid
\if :since_2_29
  left join _timescaledb_catalog.hypertable t on t.schema_name = m.nspname and t.table_name = r.relname
\elif :since_2_11
  left join _timescaledb_catalog.hypertable u on u.schema_name = m.nspname and u.table_name = r.relname
  -- The table with a chunk's compressed rows is a chunk of an internal hypertable; the user's hypertable is shown instead.
  left join :chunk z on z.schema_name = n.nspname and z.table_name = c.relname
  left join _timescaledb_catalog.hypertable b on b.compressed_hypertable_id = coalesce(u.id, z.hypertable_id)
       and b.id <> coalesce(u.id, z.hypertable_id)
  left join _timescaledb_catalog.hypertable t on t.id = coalesce(b.id, u.id)
\endif
\if :since_2_11
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = t.id
  left join _timescaledb_catalog.continuous_agg v on v.user_view_schema = n.nspname and v.user_view_name = c.relname
  where n.nspname not in ('pg_toast', 'pg_catalog')
), concern as materialized (
  -- The relation of each session's strongest lock. If several locks are equally strong, an aggregate comes first, then a hypertable, then a
  -- plain table.
  select distinct on (h.pid) h.pid, d.thing, d.kind, case when d.part and h.strength >= 4 then d.name end as chunk
  from held h join named d on d.oid = h.relation
  where d.name !~ '^_timescaledb_(catalog|config|cache)\.' order by h.pid, h.strength desc, d.kind, d.part, d.oid
\else
  where n.nspname not in ('pg_toast', 'pg_catalog')
), concern as materialized (
  select distinct on (h.pid) h.pid, d.thing, d.kind, case when d.part and h.strength >= 4 then d.name end as chunk
  from held h join named d on d.oid = h.relation order by h.pid, h.strength desc, d.part, d.oid
\endif
)
select s.pid, s.leader_pid, s.datid is not distinct from h.oid as here, s.datname::text as database, s.usename::text as role,
       s.application_name, s.backend_type, s.query is distinct from '<insufficient privilege>' as visible,
       case when s.client_port = -1 then '[local]' else host(s.client_addr) end as client,
       s.backend_start, s.xact_start, s.query_start, s.state_change, s.state, s.wait_event_type, s.wait_event,
       s.backend_xid is not null as writes, age(s.backend_xid) as xid_age, age(s.backend_xmin) as xmin_age,
       left(s.query, 2000) as query, case when 0 = any (w.blockers) then :prepared_holders end as prepared,
       coalesce(w.blockers, '{}') as blockers, c.thing as relation, c.kind as relation_kind, c.chunk,
       w.locktype as wait_lock, w.mode as wait_mode, w.waitstart as wait_start, wn.name as wait_relation, wn.thing as wait_thing,
\if :since_2_11
       j.id as job_id, j.proc_name::text as job_proc,
       case when ja.mat_hypertable_id is not null then format('%I.%I', ja.user_view_schema, ja.user_view_name)
            when jt.id is not null then format('%I.%I', jt.schema_name, jt.table_name) end as job_target,
\else
       null::int4 as job_id, null::text as job_proc, null::text as job_target,
\endif
       k.command as work, k.phase as work_phase, k.share as work_share, kn.name as work_relation
from seen s cross join here h left join wait w on w.pid = s.pid
left join named wn on wn.oid = w.relation left join work k on k.pid = s.pid
left join named kn on kn.oid = k.relid left join concern c on c.pid = s.pid
\if :since_2_11
-- The worker of a job has the job's application_name, which every role sees.
left join _timescaledb_config.bgw_job j on j.application_name::text = s.application_name and s.application_name like '%]'
left join _timescaledb_catalog.hypertable jt on jt.id = j.hypertable_id
left join _timescaledb_catalog.continuous_agg ja on ja.mat_hypertable_id = j.hypertable_id
\endif
order by s.backend_type = 'client backend' desc nulls last, s.xact_start nulls last, s.query_start nulls last, s.pid
