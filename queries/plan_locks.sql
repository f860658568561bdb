-- Sessions that hold or wait for locks on the relations $1 (int8[], oids)
-- · columns: oid, pid (0: a prepared transaction), mode, granted, … (one row per lock) · access: any role; other roles' query and state:
-- pg_read_all_stats · cost: one pass over pg_locks
select l.relation::int8 as oid, coalesce(l.pid, 0) as pid, l.mode::text as mode, l.granted, a.usename::text as role,
       a.application_name::text as application, a.backend_type::text as backend, a.state::text as state,
       date_part('epoch', clock_timestamp() - a.xact_start) as seconds, left(a.query, 200) as query
from pg_locks l join pg_database d on d.datname = current_database() left join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation' and l.database = d.oid and l.relation = any (($1::int8[])::oid[]) and l.pid is distinct from pg_backend_pid()
order by l.granted desc, seconds desc nulls last, l.pid limit 200
