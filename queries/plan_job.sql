-- Job $1 (id), for actions on it and their undo
-- · columns: facts (the whole row, next_start, the job's relation, …), state (what an undo restores) · access: any role; integer
-- time: EXECUTE on integer_now_func, which is called only if its owner is trusted (see shared/trusted.sql) · cost: catalogue lookups
select to_jsonb(b) || jsonb_build_object(
         'owner', b.owner::regrole::text, 'next_start', s.next_start::text,
         'last_run_success', s.last_run_success, 'total_runs', s.total_runs,
         'relation', case when a.mat_hypertable_id is not null then format('%I.%I', a.user_view_schema, a.user_view_name)
                          when h.id is not null then format('%I.%I', h.schema_name, h.table_name) end,
         'integer_time', d.integer_time, 'creation', :creation, 'axis_type', d.axis_type,
         'hierarchical', b.proc_name = 'policy_refresh_continuous_aggregate' and p.mat_hypertable_id is not null,
         -- Who may alter, run or delete the job: a role that inherits the rights of the job's owner; from 2.28 on also a role that inherits
         -- the rights of the database's owner.
         'owned', pg_has_role(b.owner::oid, 'usage'), 'member', pg_has_role(b.owner::oid, 'member'),
         'owns_database', coalesce(pg_has_role(to_regrole('pg_database_owner')::oid, 'usage'), false),
         -- SET ROLE checks the memberships of the role that logged in; from PostgreSQL 16 on they have a SET option
         'becomes', pg_has_role(session_user, b.owner::oid,
                      case when current_setting('server_version_num')::int4 < 160000 then 'member' else 'set' end),
         'role', quote_ident(current_user), 'session_role', quote_ident(session_user),
         'has_proc', exists (select from pg_proc r join pg_namespace n on n.oid = r.pronamespace
                              where n.nspname = b.proc_schema and r.proname = b.proc_name and r.proargtypes = '23 3802'::oidvector),
         -- the worker's search_path: set for the job's owner, else for the database, else PostgreSQL's default
         'search_path', coalesce((select substr(c.setting, 13) from pg_db_role_setting s, unnest(s.setconfig) c(setting)
                                   where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
                                     and s.setrole in (0, b.owner::oid) and c.setting like 'search\_path=%'
                                   order by s.setrole = 0, s.setdatabase = 0 limit 1), '"$user", public'),
         -- the source of the job's aggregate, and drop_after of the source's retention policy
         'source', case when r.id is not null
              then format('%I.%I', coalesce(p.user_view_schema, r.schema_name), coalesce(p.user_view_name, r.table_name)) end,
         'source_drop_after', (select min(x.config ->> 'drop_after') from _timescaledb_config.bgw_job x
                                where x.proc_name = 'policy_retention' and x.hypertable_id = a.raw_hypertable_id),
         'indexes', (select jsonb_agg(x.relname order by x.relname) from pg_index i join pg_class x on x.oid = i.indexrelid
                      join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = t.relnamespace
                      where b.proc_name = 'policy_reorder' and n.nspname = h.schema_name and t.relname = h.table_name),
         -- the catalogue tables that alter_job and delete_job write to
         'job_table', coalesce(to_regclass('_timescaledb_catalog.bgw_job'), to_regclass('_timescaledb_config.bgw_job'))::oid::int8,
         'stat_table', to_regclass('_timescaledb_internal.bgw_job_stat')::oid::int8,
         -- unread: changes that are not yet in the aggregates. For a refresh policy: in the aggregate that it refreshes. For a retention
         -- policy: in the aggregates on its hypertable
         'unread', coalesce(i.unread, '[]'), 'ends', i.ends, 'made', i.made, 'integer_now', u.at, 'code', u.code, 'code_owner', u.owner,
         'gaps', coalesce(i.gaps, false), 'local_shift', (extract(timezone from now()) * 1000000)::int8, 'owner_zone', z.owner_zone,
         'pid', w.pid,
         'scheduler', exists (select from pg_stat_activity v where v.datname = current_database()
                               and v.application_name = 'TimescaleDB Background Worker Scheduler')
       ) as facts,
       :job_state as state
from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
left join _timescaledb_catalog.hypertable h on h.id = b.hypertable_id
left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id
left join _timescaledb_catalog.hypertable r on r.id = a.raw_hypertable_id
-- p: the parent aggregate, if the source of the job's aggregate is an aggregate.
left join _timescaledb_catalog.continuous_agg p on p.mat_hypertable_id = a.raw_hypertable_id
left join lateral (
  select x.column_type::oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) as integer_time, x.column_type::text as axis_type
  from :time_dimension x where x.hypertable_id = b.hypertable_id
) d on true
left join lateral (
  select min(v.pid) as pid from pg_stat_activity v
  where v.datname = current_database() and v.application_name = b.application_name::text
) w on true
-- The time zone of the job's owner, if one is set: the worker uses it.
cross join lateral (select b.owner, b.hypertable_id) j left join lateral :owner_zone z on true
left join lateral (
  with raw as materialized (
    select x.hypertable_id, x.id as dimension_id from :time_dimension x
     where x.hypertable_id = case b.proc_name when 'policy_retention' then b.hypertable_id
             when 'policy_refresh_continuous_aggregate' then a.raw_hypertable_id end),
  slice as materialized (
    select s.range_start, s.range_end,
           max(s.range_end) over (order by s.range_start rows between unbounded preceding and 1 preceding) as before
      from raw join :used_slice s on s.dimension_id = raw.dimension_id),
  -- Ranges of the chunks that a policy with drop_created_before would drop now.
  made as materialized (
    select s.range_start, s.range_end
      from raw join :slice s on s.dimension_id = raw.dimension_id cross join lateral :slice_chunk c
     where b.proc_name = 'policy_retention' and c.status & 4 = 0
          and c.creation_time < case when b.config ->> 'drop_created_before' ~ :is_interval
                                     then now() - (b.config ->> 'drop_created_before')::interval end
     group by 1, 2),
  f as materialized (select min(slice.range_start) as oldest from slice)
  select (select jsonb_agg(jsonb_build_object(
             \ir shared/unread_bucket.sql
             'clock_zone', coalesce(z.owner_zone, current_setting('TimeZone')),
             \ir shared/unread_policies.sql
      from raw cross join f join _timescaledb_catalog.continuous_agg x on x.raw_hypertable_id = raw.hypertable_id
           and (b.proc_name = 'policy_retention' or x.mat_hypertable_id = b.hypertable_id)
      join lateral (select d.column_type::text as axis from :time_dimension d where d.hypertable_id = x.mat_hypertable_id) m on true
      \ir shared/unread_changes.sql
           and (not coalesce(b.config, '{}') ? 'drop_created_before'
                or exists (select from made where made.range_start <= w.high and made.range_end > w.low))
           \ir shared/unread_remade.sql
    ) as unread,
    -- ends: ends of the ranges that a retention run may drop; gaps: whether there are gaps between the ranges of chunks
    (select jsonb_agg(slice.range_end order by slice.range_end) from slice where b.proc_name = 'policy_retention') as ends,
    (select bool_or(slice.before < slice.range_start) from slice) as gaps,
    -- made: ranges that a policy with drop_created_before drops; chunks between these ranges stay
    (select jsonb_agg(jsonb_build_array(made.range_start, made.range_end) order by made.range_start) from made) as made
) i on b.proc_name in ('policy_retention', 'policy_refresh_continuous_aggregate')
-- Current time on integer time: the value of the integer_now_func of the hypertable at the root of the hierarchy, called only if its owner
-- is trusted.
left join lateral (
  with recursive trusted as materialized :trusted,
  up as (
    select b.hypertable_id as id, 0 as depth
      where d.integer_time and b.proc_name in ('policy_retention', 'policy_refresh_continuous_aggregate')
    union all select y.raw_hypertable_id, up.depth + 1 from up join _timescaledb_catalog.continuous_agg y on y.mat_hypertable_id = up.id)
  select case when f.trusted is not true then format('%I.%I()', k.schema, k.function) end as code, f.owner,
         case when f.trusted then :now_value end as at
    from (select x.integer_now_func_schema as schema, x.integer_now_func as function from up
      join _timescaledb_catalog.dimension x on x.hypertable_id = up.id and x.interval_length is not null and x.integer_now_func is not null
           order by up.depth desc, x.id limit 1) k
    left join lateral :now_function f on true
) u on true
where b.id = $1::int8
