-- Replication lag and WAL position, which control the pace of a plan
-- · columns: replicas (number), lag_seconds (of the slowest replica; 0 if the lag is hidden from this role; NULL: no replica), readable
-- (whether this role may read the lag), wal_bytes (WAL ever written) · access: any role; the lag: pg_read_all_stats · cost: one row per
-- walsender
select count(r.pid) as replicas, max(date_part('epoch', coalesce(r.replay_lag, '0'))) as lag_seconds,
       pg_has_role('pg_read_all_stats', 'usage') as readable, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal_bytes
from pg_stat_replication r
