-- Progress of the maintenance command that the session with the pid $1 runs, and from TimescaleDB 2.26 on the range of a refresh
-- · columns: command, name and value (of each column of the server's progress view) · access: any role; other roles' sessions:
-- pg_read_all_stats · cost: the progress views
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
  -- PostgreSQL 13 does not report the progress of COPY.
  from (select 'COPY'::text where current_setting('server_version_num')::int4 >= 140000) c(command),
       pg_stat_get_progress_info(c.command) p(pid, datid, relid, param1, param2, param3)
  where p.pid = $1::int4
\if :since_2_26
  union all
  select 'REFRESH', jsonb_build_object(
           'aggregate', format('%I.%I', a.user_view_schema, a.user_view_name), 'job_id', nullif(r.job_id, 0),
           'from', case when d.integer_time then r.start_range::text
                        when r.start_range > -210866803200000000 and r.start_range < 9000000000000000000
                        then (timestamp '1970-01-01' + r.start_range * interval '1 microsecond')::text || d.zone else 'the beginning' end,
           'to', case when d.integer_time then r.end_range::text
                      when r.end_range > -210866803200000000 and r.end_range < 9000000000000000000
                      then (timestamp '1970-01-01' + r.end_range * interval '1 microsecond')::text || d.zone else 'the end' end)
  from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges r
  join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = r.materialization_id
  left join lateral (
    select x.column_type::oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) as integer_time,
           case when x.column_type::oid in ('timestamp'::regtype, 'date'::regtype) then '' else ' UTC' end as zone
    from :time_dimension x where x.hypertable_id = a.mat_hypertable_id
  ) d on true
  where r.pid = $1::int4
\endif
) x, jsonb_each_text(x.line) e(key, value)
where e.key not in ('pid', 'datid', 'datname', 'relid') and e.value is not null
