-- Figures of the server and the database, one row each: name, value, bound (NULL: none), about, since · public, more for
-- pg_monitor (NULL: hidden from this role) · any PostgreSQL 13-18, with TimescaleDB or without · 2 ms, no lock on user relations
with setting as materialized (
  select current_setting('max_connections')::float8 - current_setting('superuser_reserved_connections')::float8
           -- since PostgreSQL 16
           - coalesce(current_setting('reserved_connections', true)::float8, 0) as connections,
         current_setting('autovacuum_freeze_max_age')::float8 as freeze,
         current_setting('max_locks_per_transaction')::float8
           * (current_setting('max_connections')::float8 + current_setting('max_prepared_transactions')::float8) as locks,
         current_setting('max_worker_processes')::float8 as processes,
         current_setting('timescaledb.max_background_workers', true)::float8 as workers,
         pg_has_role('pg_read_all_stats', 'usage') as sees_all, pg_is_in_recovery() as standby
), activity as materialized (
  select a.pid, a.usesysid, a.application_name, a.state, a.state_change, a.xact_start, a.backend_type, a.datid, a.backend_xmin
  from pg_stat_get_activity(null) a where a.pid <> pg_backend_pid()
), database as materialized (
  select d.oid, d.datname, d.datfrozenxid, d.datminmxid from pg_database d
), counted as materialized (
  select pg_stat_get_db_xact_commit(d.oid) + pg_stat_get_db_xact_rollback(d.oid) as transactions,
         pg_stat_get_db_blocks_hit(d.oid) as hit, pg_stat_get_db_blocks_fetched(d.oid) as fetched
  from database d where d.datname = current_database()
)
select 'connections' as name, case when s.sees_all then (select count(*) from activity a where a.backend_type = 'client backend')::float8 + 1 end as value,
       s.connections as bound, null::text as about, null::timestamptz as since
from setting s
union all
select 'transactions', c.transactions::float8, null, null, null from counted c
union all
select 'cache-hits', c.hit::float8, c.fetched::float8, null, null from counted c
union all
select 'wal', case when s.standby then pg_wal_lsn_diff(coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')
                   else pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') end::float8, null, null, null
from setting s
union all
-- seconds that the slowest standby is behind; a standby that has nothing to replay reports no lag
select 'replication-lag', case when s.sees_all then max(coalesce(extract(epoch from r.replay_lag), 0))::float8 end, count(*)::float8,
       string_agg(format('%s %s', coalesce(nullif(r.application_name, ''), r.pid::text), r.state), ', ' order by r.replay_lag desc nulls last), null
from setting s, pg_stat_replication r group by s.sees_all having count(*) > 0
union all
select 'standby-delay', extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::float8, null,
       case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 'all that was received is replayed' end, pg_last_xact_replay_timestamp()
from setting s where s.standby
union all
-- bytes of WAL that the furthest unused slot keeps back
select 'replication-slots', max(pg_wal_lsn_diff(case when s.standby then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, r.restart_lsn))::float8, count(*)::float8,
       string_agg(r.slot_name, ', ' order by r.restart_lsn), null
from setting s, pg_replication_slots r where not r.active and r.restart_lsn is not null group by s.standby
union all
select 'archiver', (case when a.last_failed_time > coalesce(a.last_archived_time, '-infinity') then 1 else 0 end)::float8, a.failed_count::float8,
       a.last_failed_wal, a.last_failed_time
from pg_stat_archiver a where current_setting('archive_mode') <> 'off'
union all
(select 'oldest-transaction', extract(epoch from clock_timestamp() - a.xact_start)::float8, a.pid::float8,
        format('%s, %s', coalesce(a.state, a.backend_type, 'unknown'), coalesce(nullif(a.application_name, ''), 'no application name')), a.xact_start
 from activity a where a.xact_start is not null and a.backend_type is distinct from 'walsender' order by a.xact_start limit 1)
union all
-- a session that waits inside a transaction and holds back vacuum
(select 'idle-in-transaction', extract(epoch from clock_timestamp() - a.state_change)::float8, a.pid::float8,
        coalesce(nullif(a.application_name, ''), 'no application name'), a.state_change
 from activity a where a.state like 'idle in transaction%' order by a.state_change limit 1)
union all
(select 'prepared-transaction', extract(epoch from clock_timestamp() - p.prepared)::float8, null, p.gid, p.prepared
 from pg_prepared_xacts p order by p.prepared limit 1)
union all
(select 'wraparound', age(d.datfrozenxid)::float8, s.freeze, d.datname::text, null from database d, setting s order by age(d.datfrozenxid) desc limit 1)
union all
(select 'multixact-wraparound', mxid_age(d.datminmxid)::float8, current_setting('autovacuum_multixact_freeze_max_age')::float8, d.datname::text, null
 from database d order by mxid_age(d.datminmxid) desc limit 1)
union all
select 'workers', (select count(*) from activity a where a.application_name ~ '( \[\d+\]|^TimescaleDB Background Worker (Launcher|Scheduler))$'
                     and (a.backend_type is null or a.backend_type = a.application_name))::float8, s.workers, null, null
from setting s where s.workers is not null
union all
select 'launcher', (select count(*) from activity a where a.application_name = 'TimescaleDB Background Worker Launcher')::float8, null, null, null
from setting s where s.workers is not null
union all
select 'scheduler', (select count(*) from activity a, database d where a.application_name = 'TimescaleDB Background Worker Scheduler'
                       and a.datid = d.oid and d.datname = current_database())::float8, null, null, null
from setting s where s.workers is not null
union all
-- what the launcher, a scheduler a database, TimescaleDB's own jobs and parallel queries may want at once
select 'worker-processes', s.workers + current_setting('max_parallel_workers')::float8 + 3, s.processes, null, null
from setting s where s.workers is not null
union all
select 'lock-table', null, s.locks, null, null from setting s
union all
-- too dear for every look: asked for by itself
select 'database-size', null, null, null, null
union all
select 'setting ' || g.name, null, null, g.setting, null
from pg_settings g
where (g.name, g.setting) in (('fsync', 'off'), ('full_page_writes', 'off'), ('autovacuum', 'off'), ('track_counts', 'off'),
  ('track_activities', 'off'), ('timescaledb.restoring', 'on'), ('timescaledb.enable_chunk_append', 'off'),
  ('timescaledb.enable_constraint_exclusion', 'off'), ('timescaledb.enable_optimizations', 'off'),
  ('timescaledb.enable_transparent_decompression', 'off'))
