-- Sessions that hold or wait for locks on the relations $1 (int8[], oids); $2 (text[]): for each relation the lock modes that conflict
-- with the plan's, separated by commas
-- · columns: oid, pid (0: a prepared transaction), mode, granted, conflicts, … (one row per lock, at most 200: first one lock of each
-- session that conflicts); sessions and locks: the numbers of all that conflict · access: any role; other roles' query and state:
-- pg_read_all_stats · cost: one pass over pg_locks
with held as materialized (
  select l.relation::int8 as oid, l.pid, l.mode::text as mode, l.granted, coalesce(l.pid::text, l.virtualtransaction) as session,
         l.mode = any (string_to_array(t.modes, ',')) as conflicts
  from pg_locks l join pg_database d on d.datname = current_database() join unnest($1::int8[], $2::text[]) t(oid, modes)
       on t.oid = l.relation::int8
  where l.locktype = 'relation' and l.database = d.oid and l.pid is distinct from pg_backend_pid()
)
select h.oid, coalesce(h.pid, 0) as pid, h.mode, h.granted, h.conflicts, a.usename::text as role,
       a.application_name::text as application, a.backend_type::text as backend, a.state::text as state,
       date_part('epoch', clock_timestamp() - a.xact_start) as seconds, left(a.query, 200) as query,
       (select count(distinct c.session) from held c where c.conflicts) as sessions,
       (select count(*) from held c where c.conflicts) as locks
from held h left join pg_stat_activity a on a.pid = h.pid
order by h.conflicts desc, row_number() over (partition by h.session, h.conflicts order by h.granted desc, h.oid), h.granted desc,
         seconds desc nulls last, h.pid limit 200
