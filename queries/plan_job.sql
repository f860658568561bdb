-- A job as an undo needs it · facts (all of its row, next_start, what it works on), state (what an undo brings back) · public
-- · catalogue lookups. $1: the job's id
select to_jsonb(b) || jsonb_build_object(
         'owner', b.owner::regrole::text,
         'next_start', s.next_start::text,
         'last_run_success', s.last_run_success, 'total_runs', s.total_runs,
         'relation', case when a.mat_hypertable_id is not null then format('%I.%I', a.user_view_schema, a.user_view_name)
                          when h.id is not null then format('%I.%I', h.schema_name, h.table_name) end,
         'integer_time', d.integer_time,
         'hierarchical', b.proc_name = 'policy_refresh_continuous_aggregate' and p.mat_hypertable_id is not null,
         'owned', pg_has_role(b.owner::oid, 'member'),
         'pid', w.pid
       ) as facts,
       (to_jsonb(b) - 'id') || jsonb_build_object(
         'owner', b.owner::regrole::text,
         'application_name', regexp_replace(b.application_name::text, ' \[\d+\]$', '')
       ) as state
from _timescaledb_config.bgw_job b
left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
left join _timescaledb_catalog.hypertable h on h.id = b.hypertable_id
left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id
-- the parent, where the aggregate's source is itself an aggregate
left join _timescaledb_catalog.continuous_agg p on p.mat_hypertable_id = a.raw_hypertable_id
left join lateral (
  select x.column_type::oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) as integer_time
  from _timescaledb_catalog.dimension x where x.hypertable_id = b.hypertable_id and x.interval_length is not null
  order by x.id limit 1
) d on true
left join lateral (
  select min(v.pid) as pid from pg_stat_activity v
  where v.datname = current_database() and v.application_name = b.application_name::text
) w on true
where b.id = $1::int8
