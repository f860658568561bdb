-- Connection limits, and settings that the statistics need · one row · access: any role; without pg_read_all_stats the number of used
-- connections may include a few background workers · PostgreSQL 13 to 18, with TimescaleDB (its library preloaded or not) or without
-- most: NULL if there is no limit · cost: 1 ms
with role as (
  select r.oid, r.rolsuper, nullif(r.rolconnlimit, -1) as most,
         -- pg_use_reserved_connections and reserved_connections exist from PostgreSQL 16 on
         coalesce((select pg_has_role(k.oid, 'usage') from pg_roles k where k.rolname = 'pg_use_reserved_connections'), false) as reserved
  from pg_roles r where r.rolname = session_user
), session as materialized (
  select a.usesysid, a.datid from pg_stat_get_activity(null) a
  where a.usesysid is not null and a.datid is not null and coalesce(a.backend_type = 'client backend',
        a.application_name !~ '( \[\d+\]|^TimescaleDB Background Worker (Launcher|Scheduler))$')
)
select current_setting('max_connections')::int4
         - case when r.rolsuper then 0 else current_setting('superuser_reserved_connections')::int4 end
         - case when r.rolsuper or r.reserved then 0
                else coalesce(current_setting('reserved_connections', true)::int4, 0) end as server_most,
       (select count(*) from session) as server_used,
       case when not r.rolsuper then r.most end as role_most,
       (select count(*) from session s where s.usesysid = r.oid) as role_used,
       case when not r.rolsuper then nullif(d.datconnlimit, -1) end as database_most,
       (select count(*) from session s where s.datid = d.oid) as database_used,
       current_setting('track_counts') = 'on' as track_counts, current_setting('track_activities') = 'on' as track_activities,
       current_setting('track_io_timing') = 'on' as track_io_timing,
       -- NULL: this TimescaleDB cannot log successful runs of jobs
       current_setting('timescaledb.enable_job_execution_logging', true) in ('on', 'true', 'yes', '1') as logs_job_successes
from role r, pg_database d where d.datname = current_database()
