-- Progress of the session with the pid $1, and one session that blocks it
-- · columns: blocker (pid; NULL: none), blocker_… (properties of the blocker), commits (whether the session $1 waits for a synchronous
-- replica), phase and share (of CREATE INDEX or REINDEX; NULL: no such command) · access: any role; other roles' sessions:
-- pg_read_all_stats · cost: one call of pg_blocking_pids
select b.pid as blocker, v.usename::text as blocker_role, v.application_name::text as blocker_application, v.state::text as blocker_state,
       date_part('epoch', clock_timestamp() - v.xact_start) as blocker_seconds,
       coalesce(a.wait_event = 'SyncRep', false) as commits, i.phase::text as phase,
       case when i.blocks_total > 0 then i.blocks_done::float8 / i.blocks_total
            when i.tuples_total > 0 then i.tuples_done::float8 / i.tuples_total end as share
from pg_stat_activity a
-- If several sessions block the session $1, a session that does not itself wait for a lock is chosen.
left join lateral (
  select p.pid from unnest(pg_blocking_pids(a.pid)) p(pid)
  order by exists (select from pg_locks w where w.pid = p.pid and not w.granted), 1 limit 1
) b on true
left join pg_stat_activity v on v.pid = b.pid left join pg_stat_progress_create_index i on i.pid = a.pid
where a.pid = $1::int8
