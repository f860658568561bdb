-- Sessions that block the session with the pid $1, and sessions that it blocks, directly or through others
-- · columns: side, depth (1: directly), pid, … · access: any role; other roles' queries: pg_read_all_stats · cost: one call of
-- pg_blocking_pids for each waiting session
with recursive wait as materialized (
  select distinct on (l.pid) l.pid, l.locktype, l.mode, l.relation, pg_blocking_pids(l.pid) as blockers
  from pg_locks l where not l.granted order by l.pid, l.relation
), up as (
  select b.pid, 1 as depth, array[$1::int4, b.pid] as path
  from wait w, unnest(w.blockers) b(pid) where w.pid = $1::int4
  union all
  select b.pid, u.depth + 1, u.path || b.pid
  from up u join wait w on w.pid = u.pid, unnest(w.blockers) b(pid)
  where u.depth < 10 and b.pid <> all (u.path)
), down as (
  select w.pid, 1 as depth, array[$1::int4, w.pid] as path from wait w where $1::int4 = any (w.blockers)
  union all
  select w.pid, d.depth + 1, d.path || w.pid
  from down d join wait w on d.pid = any (w.blockers)
  where d.depth < 10 and w.pid <> all (d.path)
), chain as (
  select 'blocked by' as side, u.depth, u.pid, u.path from up u
  union all
  select 'blocks', d.depth, d.pid, d.path from down d
)
select c.side, c.depth, c.pid, a.usename::text as role, a.application_name as application, a.state,
       a.xact_start, w.locktype as wait_lock, w.mode as wait_mode,
       case when w.relation is not null then w.relation::regclass::text end as wait_relation,
       left(a.query, 200) as query
from chain c left join wait w on w.pid = c.pid left join pg_stat_activity a on a.pid = c.pid order by c.side, c.path
limit 100
