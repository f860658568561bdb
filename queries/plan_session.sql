-- The session with the pid $1, which an action is to cancel or terminate
-- · columns: facts (identity, query, sessions that it blocks), state (start of the session and of its statement: if one of them changed,
-- the action is refused) · access: any role; other roles' queries: pg_read_all_stats · cost: one call of pg_blocking_pids for each waiting
-- session
with waiting as (
  select distinct l.pid from pg_locks l where not l.granted
), seen as (
  select a.pid, a.datname, a.usesysid, a.usename, a.application_name, a.client_addr, a.client_port, a.backend_type, a.leader_pid, a.state,
         a.query is distinct from '<insufficient privilege>' as visible,
         to_char(a.backend_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00' as started,
         to_char(a.query_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00' as query_started,
         date_part('epoch', clock_timestamp() - a.query_start) as query_seconds,
         date_part('epoch', clock_timestamp() - a.xact_start) as transaction_seconds, a.backend_xid is not null as writes, a.query
  from pg_stat_activity a where a.pid = $1::int8
)
select jsonb_build_object(
         'pid', s.pid, 'database', s.datname, 'here', s.datname is not distinct from current_database(), 'role', s.usename,
         'application', s.application_name, 'backend', s.backend_type,
         'client', case when s.visible then case when s.client_port = -1 then 'local' else host(s.client_addr) end end,
         'leader', s.leader_pid, 'state', s.state,
         'visible', s.visible, 'started', s.started, 'query_started', s.query_started, 'query_seconds', s.query_seconds,
         'transaction_seconds', s.transaction_seconds, 'writes', s.writes, 'query', left(s.query, 300),
         -- The session that runs this statement.
         'me', pg_backend_pid(),
         -- Only memberships whose rights this role inherits count.
         'may_signal', u.rolsuper or coalesce(pg_has_role(s.usesysid, 'usage'), false) and not coalesce(t.rolsuper, true)
                or pg_has_role('pg_signal_backend', 'usage') and not coalesce(t.rolsuper, true) or coalesce(s.usename = current_user, false)
                -- pg_signal_autovacuum_worker exists from PostgreSQL 18 on. An autovacuum worker has no role, and without pg_read_all_stats
                -- its backend_type is hidden.
                or s.usesysid is null and coalesce(s.backend_type, 'autovacuum worker') = 'autovacuum worker'
                   and coalesce(pg_has_role(to_regrole('pg_signal_autovacuum_worker')::oid, 'usage'), false),
         'blocks', (select coalesce(jsonb_agg(jsonb_build_object('pid', b.pid, 'role', b.usename, 'application',
                      b.application_name, 'state', b.state) order by b.pid), '[]')
                    from waiting w join pg_stat_activity b on b.pid = w.pid where s.pid = any (pg_blocking_pids(w.pid))),
         'blocked_by', (select coalesce(jsonb_agg(distinct p.pid), '[]')
                        from waiting w, unnest(pg_blocking_pids(w.pid)) p(pid) where w.pid = s.pid)
       ) as facts,
       jsonb_build_object(
         'session', jsonb_build_object('connected', s.started, 'role', s.usename, 'database', s.datname),
         'statement', jsonb_build_object('began', s.query_started)
       ) as state
from seen s join pg_roles u on u.rolname = current_user
left join pg_roles t on t.oid = s.usesysid
