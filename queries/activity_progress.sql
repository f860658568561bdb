-- How far the maintenance is that a session does: each figure of the server's progress views · command, name, value
-- · public (other roles': pg_read_all_stats) · a few lookups. $1: pid
select x.command, e.key as name, e.value
from (
  select 'CREATE INDEX' as command, to_jsonb(p) as line from pg_stat_progress_create_index p where p.pid = $1::int4
  union all
  select 'VACUUM', to_jsonb(p) from pg_stat_progress_vacuum p where p.pid = $1::int4
  union all
  select 'ANALYZE', to_jsonb(p) from pg_stat_progress_analyze p where p.pid = $1::int4
  union all
  select 'CLUSTER', to_jsonb(p) from pg_stat_progress_cluster p where p.pid = $1::int4
  union all
  select 'COPY', jsonb_build_object('bytes_processed', p.param1, 'bytes_total', p.param2, 'tuples_processed', p.param3)
  -- PostgreSQL 13 knows no progress of COPY
  from (select 'COPY'::text where current_setting('server_version_num')::int4 >= 140000) c(command),
       pg_stat_get_progress_info(c.command) p(pid, datid, relid, param1, param2, param3)
  where p.pid = $1::int4
) x, jsonb_each_text(x.line) e(key, value)
where e.key not in ('pid', 'datid', 'datname', 'relid') and e.value is not null
