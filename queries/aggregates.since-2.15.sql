-- Continuous aggregates: where each one is, where its source is, what its policy promises, what waits
-- id, schema, name, … · public (catalogues only, no lock on a user's relation) · by aggregates
with recursive agg as materialized (
  select ca.mat_hypertable_id as id, ca.raw_hypertable_id as raw_id, ca.parent_mat_hypertable_id as parent_id,
         ca.user_view_schema::text as schema, ca.user_view_name::text as name, ca.materialized_only,
         d.column_type::text as axis, bf.bucket_width, bf.bucket_fixed_width as bucket_fixed, bf.bucket_timezone as bucket_zone, bf.bucket_origin, bf.bucket_offset
    from _timescaledb_catalog.continuous_agg ca
    join lateral (select x.column_type from _timescaledb_catalog.dimension x where x.hypertable_id = ca.mat_hypertable_id and x.interval_length is not null order by x.id limit 1) d on true
    left join _timescaledb_catalog.continuous_aggs_bucket_function bf on bf.mat_hypertable_id = ca.mat_hypertable_id),
job as materialized (
  select j.id, j.hypertable_id, j.scheduled, j.schedule_interval, j.config,
         j.config ->> 'start_offset' as start_text, j.config ->> 'end_offset' as end_text,
         case when j.config ->> 'start_offset' ~ '^(@ )?(-?\d+(\.\d+)? ?(years?|mons?|months?|weeks?|days?|hours?|hrs?|mins?|minutes?|secs?|seconds?|[ymwdhs]) ?)*(-?\d+:\d\d(:\d\d(\.\d+)?)?)?$' and j.config ->> 'start_offset' ~ '\d' then (j.config ->> 'start_offset')::interval end as start_interval, case when j.config ->> 'end_offset' ~ '^(@ )?(-?\d+(\.\d+)? ?(years?|mons?|months?|weeks?|days?|hours?|hrs?|mins?|minutes?|secs?|seconds?|[ymwdhs]) ?)*(-?\d+:\d\d(:\d\d(\.\d+)?)?)?$' and j.config ->> 'end_offset' ~ '\d' then (j.config ->> 'end_offset')::interval end as end_interval,
         case when j.config ->> 'start_offset' ~ '^-?\d{1,18}$' then (j.config ->> 'start_offset')::int8 end as start_number, case when j.config ->> 'end_offset' ~ '^-?\d{1,18}$' then (j.config ->> 'end_offset')::int8 end as end_number
    from _timescaledb_config.bgw_job j where j.proc_name = 'policy_refresh_continuous_aggregate'),
-- of several policies the one whose window ends latest decides the lag
newest as materialized (
  select distinct on (j.hypertable_id) j.*, count(*) over (partition by j.hypertable_id) as policies
    from job j order by j.hypertable_id, j.end_text is not null, now() - j.end_interval desc nulls last, j.end_number, j.id),
drops as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.id, j.config ->> 'drop_after' as drop_text, j.config ? 'drop_created_before' as by_creation,
         case when j.config ->> 'drop_after' ~ '^(@ )?(-?\d+(\.\d+)? ?(years?|mons?|months?|weeks?|days?|hours?|hrs?|mins?|minutes?|secs?|seconds?|[ymwdhs]) ?)*(-?\d+:\d\d(:\d\d(\.\d+)?)?)?$' and j.config ->> 'drop_after' ~ '\d' then (j.config ->> 'drop_after')::interval end as drop_interval, case when j.config ->> 'drop_after' ~ '^-?\d{1,18}$' then (j.config ->> 'drop_after')::int8 end as drop_number
    from _timescaledb_config.bgw_job j where j.proc_name = 'policy_retention' order by j.hypertable_id, j.id),
-- to 2.17 a refresh locks its materialization so that no other may; from 2.18 it is known by its statement
locks as materialized (
  select l.relation from pg_locks l join pg_stat_activity p on p.pid = l.pid
   where l.locktype = 'relation' and l.granted and l.database = (select oid from pg_database where datname = current_database())
     and p.backend_type is distinct from 'autovacuum worker' and p.pid <> pg_backend_pid()
     and (l.mode in ('ShareUpdateExclusiveLock', 'ExclusiveLock') or l.mode = 'RowExclusiveLock' and p.query ~* 'refresh_continuous_aggregate')),
promise as (
  select a.id, a.parent_id, extract(epoch from now() - (now() - coalesce(j.end_interval, '0') - case when a.bucket_width ~ '^(@ )?(-?\d+(\.\d+)? ?(years?|mons?|months?|weeks?|days?|hours?|hrs?|mins?|minutes?|secs?|seconds?|[ymwdhs]) ?)*(-?\d+:\d\d(:\d\d(\.\d+)?)?)?$' and a.bucket_width ~ '\d' then (a.bucket_width)::interval end - j.schedule_interval))::float8 as seconds,
         coalesce(j.end_number, 0) + case when a.bucket_width ~ '^-?\d{1,18}$' then (a.bucket_width)::int8 end as units, j.id is not null as has_policy
    from agg a left join newest j on j.hypertable_id = a.id),
-- what is promised on top of a parent comes after what the parent promises
whole as (
  select p.id, p.seconds, p.units, 1 as depth from promise p where p.parent_id is null
  union all
  select p.id, p.seconds + w.seconds, p.units + w.units, w.depth + 1 from promise p join whole w on w.id = p.parent_id where w.depth < 20)
select a.id, a.raw_id, a.parent_id, a.schema, a.name, a.materialized_only, a.axis, a.bucket_width, a.bucket_fixed, a.bucket_zone,
       coalesce(pa.user_view_schema, rh.schema_name)::text as source_schema, coalesce(pa.user_view_name, rh.table_name)::text as source_name,
       nullif(w.watermark, case a.axis when 'bigint' then -9223372036854775808 when 'integer' then -2147483648
                                       when 'smallint' then -32768 else -210866803200000000 end) as watermark,
       (select min(l.lowest_modified_value) from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
         where l.materialization_id = a.id and l.greatest_modified_value = 9223372036854775807) as refreshed_to,
       (select max(l.greatest_modified_value) from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
         where l.materialization_id = a.id and l.lowest_modified_value in (-9223372036854775808, -210866803200000000)
           and l.greatest_modified_value < 9223372036854775807) as never_before,
       (select s.range_end from _timescaledb_catalog.dimension x join _timescaledb_catalog.dimension_slice s on s.dimension_id = x.id
         where x.hypertable_id = a.raw_id and x.interval_length is not null order by s.range_start desc limit 1) as source_end,
       (select count(*) from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l where l.hypertable_id = a.raw_id)
         + (select count(*) from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
             where l.materialization_id = a.id and l.greatest_modified_value < 9223372036854775807
               and l.lowest_modified_value not in (-9223372036854775808, -210866803200000000)
               and exists (select from _timescaledb_catalog.dimension x join _timescaledb_catalog.dimension_slice s on s.dimension_id = x.id
                            where x.hypertable_id = a.raw_id and x.interval_length is not null
                              and s.range_start <= l.greatest_modified_value and s.range_end > l.lowest_modified_value)) as pending,
       exists (select from locks l where l.relation = m.oid) as refreshing,
       j.id as job_id, coalesce(j.policies, 0) as policies, j.scheduled, j.start_text, j.end_text,
       extract(epoch from j.start_interval)::float8 as start_seconds, extract(epoch from j.end_interval)::float8 as end_seconds,
       j.schedule_interval::text as schedule_interval, extract(epoch from j.schedule_interval)::float8 as schedule_seconds,
       st.last_run_success, nullif(st.last_finish, '-infinity') as last_finish, st.next_start, st.consecutive_failures, e.seconds as expected_seconds, e.units as expected_units, coalesce(e.depth, 1) as depth,
       -- a refresh that reaches over what retention dropped from the source deletes those rows of the aggregate
       case when r.id is null then false
            when not exists (select from job k where k.hypertable_id = a.id) then false
            when r.by_creation or r.drop_text is null then null
            else (select bool_or(case when k.start_text is null then true
                                      when k.start_number is not null then k.start_number > r.drop_number
                                      else now() - k.start_interval < now() - r.drop_interval end) from job k where k.hypertable_id = a.id)
       end as wipe_risk, r.drop_text as source_drop_after
  from agg a
  join _timescaledb_catalog.hypertable rh on rh.id = a.raw_id
  join _timescaledb_catalog.hypertable mh on mh.id = a.id
  left join _timescaledb_catalog.continuous_agg pa on pa.mat_hypertable_id = a.parent_id
  left join _timescaledb_catalog.continuous_aggs_watermark w on w.mat_hypertable_id = a.id
  left join newest j on j.hypertable_id = a.id
  left join drops r on r.hypertable_id = a.raw_id
  left join whole e on e.id = a.id
  left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
  left join pg_namespace n on n.nspname = mh.schema_name
  left join pg_class m on m.relnamespace = n.oid and m.relname = mh.table_name
 order by 4, 5
