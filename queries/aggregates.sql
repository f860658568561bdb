-- Continuous aggregates: watermark, end of the refreshed range, end of the source, expected lag, changes that wait for a refresh
-- · columns: id, schema, name, … · access: any role; reads catalogues only, locks no user relation · cost: linear in the number of
-- aggregates
with recursive agg as materialized (
  select ca.mat_hypertable_id as id, ca.raw_hypertable_id as raw_id, ca.parent_mat_hypertable_id as parent_id, e.id as raw_dimension,
         \ir shared/bucket.sql
    from _timescaledb_catalog.continuous_agg ca join :time_dimension d on d.hypertable_id = ca.mat_hypertable_id
    left join :time_dimension e on e.hypertable_id = ca.raw_hypertable_id
    left join _timescaledb_catalog.continuous_aggs_bucket_function bf on bf.mat_hypertable_id = ca.mat_hypertable_id),
job as materialized (
  select j.id, j.hypertable_id, j.application_name::text as application_name, j.scheduled, j.schedule_interval, j.config,
         j.config ->> 'start_offset' as start_text, j.config ->> 'end_offset' as end_text,
         case when j.config ->> 'start_offset' ~ :is_interval then (j.config ->> 'start_offset')::interval end as start_interval,
         case when j.config ->> 'end_offset' ~ :is_interval then (j.config ->> 'end_offset')::interval end as end_interval,
         case when j.config ->> 'start_offset' ~ '^-?\d{1,18}$' then (j.config ->> 'start_offset')::int8 end as start_number,
         case when j.config ->> 'end_offset' ~ '^-?\d{1,18}$' then (j.config ->> 'end_offset')::int8 end as end_number, o.owner_zone, o.zone
    from _timescaledb_config.bgw_job j left join lateral :owner_zone o on true
   where j.proc_name = 'policy_refresh_continuous_aggregate'),
-- The refresh policy that determines the lag. If an aggregate has several refresh policies: the policy whose window ends latest.
newest as materialized (
  select distinct on (j.hypertable_id) j.*, count(*) over (partition by j.hypertable_id) as policies
    from job j order by j.hypertable_id, j.end_text is not null, now() - j.end_interval desc nulls last, j.end_number, j.id),
drops as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.id, j.scheduled, j.config ->> 'drop_after' as drop_text,
         j.config ? 'drop_created_before' as by_creation,
         case when j.config ->> 'drop_after' ~ :is_interval then (j.config ->> 'drop_after')::interval end as drop_interval,
         case when j.config ->> 'drop_after' ~ '^-?\d{1,18}$' then (j.config ->> 'drop_after')::int8 end as drop_number
    from _timescaledb_config.bgw_job j where j.proc_name = 'policy_retention' order by j.hypertable_id, j.id),
\if :since_2_26
\else
-- Locks that show a running refresh. Up to 2.17 a refresh takes an ExclusiveLock, which nothing else takes. From 2.18 on it takes a
-- ShareUpdateExclusiveLock, which VACUUM, ANALYZE, CREATE INDEX CONCURRENTLY and some forms of ALTER TABLE take too. A RowExclusiveLock
-- counts if the session's statement is a refresh or is hidden.
locks as materialized (
  -- sure: true, or NULL if no lock is an ExclusiveLock and the backend types of all holders are hidden from this role. Then a vacuum or a
  -- write may hold the lock.
  select l.relation, nullif(bool_or(l.mode = 'ExclusiveLock' or p.backend_type is not null), false) as sure
    from pg_locks l join pg_stat_activity p on p.pid = l.pid
   where l.locktype = 'relation' and l.granted and l.database = (select oid from pg_database where datname = current_database())
     and p.backend_type is distinct from 'autovacuum worker' and p.pid <> pg_backend_pid()
     and (l.mode = 'ExclusiveLock'
          or l.mode = 'ShareUpdateExclusiveLock' and coalesce(p.query, '') !~* '^\s*(vacuum|analyze|create|reindex|alter)\y'
          or l.mode = 'RowExclusiveLock' and (p.backend_type is null or p.query ~* 'refresh_continuous_aggregate'))
   group by l.relation),
\endif
squeezes as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.id, j.config ->> 'compress_after' as after_text,
         case when j.config ->> 'compress_after' ~ :is_interval then (j.config ->> 'compress_after')::interval end as after_interval,
         case when j.config ->> 'compress_after' ~ '^-?\d{1,18}$' then (j.config ->> 'compress_after')::int8 end as after_number
    from _timescaledb_config.bgw_job j where j.proc_name = 'policy_compression' order by j.hypertable_id, j.id),
-- since: the earliest start of a refresh window at the next run. NULL: integer time, or one of the policies has a window without a start
-- or an owner whose TimeZone is an offset instead of a name
reach as materialized (
  select a.id, case when bool_and(j.start_interval is not null and (j.owner_zone is null or j.zone is not null))
              and a.axis not in ('bigint', 'integer', 'smallint')
                    then min((case when a.axis = 'timestamp with time zone'
                                   then extract(epoch from coalesce((((r.at at time zone j.zone)
                                        - date_trunc('day', j.start_interval)) at time zone j.zone)
                                             - (j.start_interval - date_trunc('day', j.start_interval)), r.at - j.start_interval))
                                   -- Types without a zone use the local time at the next run, because daylight saving may begin or end
                                   -- before that run. A date is truncated to the day.
                                   else extract(epoch from date_trunc(case a.axis when 'date' then 'day' else 'microseconds' end,
                                        coalesce(r.at at time zone j.zone, r.at::timestamp) - j.start_interval)) end * 1000000)::int8) end
                                             as since,
         min(j.owner_zone) filter (where j.zone is null and a.axis not in ('bigint', 'integer', 'smallint')) as odd_zone
    from agg a join job j on j.hypertable_id = a.id left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
    cross join lateral (select greatest(now(), case when j.scheduled and isfinite(st.next_start) then st.next_start end) as at) r
         group by a.id, a.axis),
-- Sessions that wait for a lock. blocker: see shared/queue_head.sql
waiting as materialized (
  select distinct on (l.pid) l.pid, l.relation, (to_jsonb(l) ->> 'waitstart')::timestamptz as since, w.application_name, w.query,
         :queue_head as blocker
    from pg_locks l join pg_stat_activity w on w.pid = l.pid
   where not l.granted and w.datid = (select oid from pg_database where datname = current_database()) order by l.pid),
promise as (
  select a.id, a.parent_id, extract(epoch
    from now() - (now() - case when j.end_text is null then '0'
         else j.end_interval end - w.width - j.schedule_interval))::float8 as seconds,
         case when j.id is null then null when j.end_text is null then 0 else j.end_number end + w.units as units,
         -- The longest possible bucket. A bucket of months is computed from July on; from other months on it is at most 2 days longer. A
         -- clock change adds at most 2 hours.
         coalesce(w.units, (extract(epoch
           from timestamp '1999-07-01' + w.width - timestamp '1999-07-01'
                + case when extract(month from w.width) + extract(year from w.width) > 0 then '2 days' else '0' end::interval
                + case when a.bucket_zone is null then '0' else '2 hours' end::interval) * 1000000)::int8) as longest
    from agg a left join newest j on j.hypertable_id = a.id
   cross join lateral (select case when a.bucket_width ~ :is_interval then (a.bucket_width)::interval end as width,
                              case when a.bucket_width ~ '^-?\d{1,18}$' then (a.bucket_width)::int8 end as units) w),
-- The expected lag of each aggregate together with its parents. A parent without a refresh policy adds 0, and its own row reports the
-- missing policy.
whole as (
  select p.id, p.seconds, p.units, 1 as depth from promise p where p.parent_id is null
  union all
  select p.id, p.seconds + coalesce(w.seconds, 0), p.units + coalesce(w.units, 0), w.depth + 1 from promise p
    join whole w on w.id = p.parent_id where w.depth < 20)
select a.id, a.raw_id, a.parent_id, a.schema, a.name, a.materialized_only, a.axis, a.bucket_width, a.bucket_zone,
       coalesce(pa.user_view_schema, rh.schema_name)::text as source_schema,
       coalesce(pa.user_view_name, rh.table_name)::text as source_name,
       -- to_regclass() would be an error for a role without USAGE on the schema.
       (select obj_description(v.oid, 'pg_class') from pg_class v join pg_namespace q on q.oid = v.relnamespace
         where q.nspname = a.schema and v.relname = a.name) as comment,
       nullif(w.watermark, case a.axis when 'bigint' then -9223372036854775808 when 'integer' then -2147483648
                                       when 'smallint' then -32768 else -210866803200000000 end) as watermark,
       :refreshed_to as refreshed_to, t.never_before,
       (select s.range_end from :slice s
         where s.dimension_id = a.raw_dimension order by s.range_start desc limit 1) as source_end, pr.longest as bucket_longest,
       -- ahead: whether the watermark is later than now by more than the longest possible bucket. With integer time it is false.
       a.axis not in ('bigint', 'integer', 'smallint')
            and w.watermark > pr.longest + (extract(epoch
              from case when a.axis = 'timestamp with time zone' then now() else now()::timestamp at time zone 'UTC' end)
                   * 1000000)::int8 as ahead,
       (select count(*) from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l where l.hypertable_id = a.raw_id)
\if :since_2_22
         + u.pending + (select count(*) from _timescaledb_catalog.continuous_aggs_materialization_ranges r
           where r.materialization_id = a.id) as pending,
\else
         + u.pending as pending,
\endif
       o.since as reach_from, o.odd_zone, t.tail, x.unreached, x.unreached_to, x.unread_from, x.unread_next, x.cut_to,
       a.bucket_offset::text as bucket_offset, case when a.axis not in ('bigint', 'integer', 'smallint')
                 then (extract(epoch from case when a.axis in ('timestamp without time zone', 'date')
         then a.bucket_origin::timestamp else a.bucket_origin::timestamptz at time zone coalesce(a.bucket_zone, 'UTC') end)
\if :since_2_22
              * 1000000)::int8 end as bucket_origin,
                   (select count(*) from _timescaledb_catalog.continuous_aggs_materialization_ranges r
                     where r.materialization_id = a.id) as ranges, f.range_start as source_start, f.range_end as first_chunk_end,
\endif
\if :since_2_26
       exists (select from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges r join pg_stat_activity p on p.pid = r.pid
                where r.materialization_id = a.id and p.state is distinct from 'idle') as refreshing,
       -- The lowest pid of an idle session whose refresh was cancelled: such a session reserves the range until it ends, and every other
       -- refresh of the range fails.
       (select min(r.pid) from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges r join pg_stat_activity p on p.pid = r.pid
         where r.materialization_id = a.id and p.state = 'idle') as stuck_pid,
\elif :since_2_22
       case when not exists (select from locks l where l.relation = m.oid) then false
            else (select l.sure from locks l where l.relation = m.oid) end as refreshing, null::int4 as stuck_pid,
\else
              * 1000000)::int8 end as bucket_origin, 0::int8 as ranges, f.range_start as source_start, f.range_end as first_chunk_end,
       case when not exists (select from locks l where l.relation = m.oid) then false
            else (select l.sure from locks l where l.relation = m.oid) end as refreshing, null::int4 as stuck_pid,
\endif
       v.pid as blocked_pid, v.blocker, v.relation as blocked_on, v.since as blocked_since, :blocker_name as blocker_name,
       j.id as job_id, coalesce(j.policies, 0) as policies, j.scheduled, j.owner_zone, j.start_text, j.end_text,
       extract(epoch from j.start_interval)::float8 as start_seconds, extract(epoch from j.end_interval)::float8 as end_seconds,
       j.schedule_interval::text as schedule_interval, extract(epoch from j.schedule_interval)::float8 as schedule_seconds,
       nullif(st.last_start, '-infinity') as last_start,
       extract(epoch from st.total_duration)::float8 / nullif(st.total_successes, 0) as average_seconds,
       st.last_run_success, nullif(st.last_finish, '-infinity') as last_finish, st.next_start, st.consecutive_failures,
       e.seconds as expected_seconds, e.units as expected_units, coalesce(e.depth, 1) as depth,
       -- wipe_risk: whether the window of a refresh policy reaches into the range that the source's retention policy drops, where a refresh
       -- deletes the rows of the aggregate; NULL: unknown
       case when r.id is null then false
            when not exists (select from job k where k.hypertable_id = a.id) then false
            when r.by_creation or r.drop_text is null then null
            -- true: a window reaches into the dropped range; false: no window reaches into it; NULL: unknown for at least one window, and
            -- no other window reaches into it
            else (select case when bool_or(k.wipes) then true when bool_and(k.wipes is not null) then false end
                    from (select case when k.start_text is null then true
                                      when k.start_number is not null then k.start_number > r.drop_number
                                      else now() - k.start_interval < now() - r.drop_interval end as wipes from job k
                                        where k.hypertable_id = a.id) k)
       end as wipe_risk, case when not r.by_creation then r.drop_text end as source_drop_after,
       extract(epoch from r.drop_interval)::float8 as source_drop_seconds, r.drop_number as source_drop_number, r.scheduled as source_drops,
       q.after_text as own_compress_after,
       case when q.id is not null
            then (select bool_or(case when k.start_text is null then true
                 when k.start_number is not null then k.start_number > q.after_number
                                      else now() - k.start_interval < now() - q.after_interval end) from job k
                                        where k.hypertable_id = a.id) end as compresses_inside,
       (extract(epoch from coalesce(now() at time zone j.zone, now()::timestamp) - (now() at time zone 'UTC')) * 1000000)::int8
         as local_shift,
       coalesce(os.many, 0) as other_policies_stopped, os.job_id as other_job_id, os.scheduled as other_scheduled,
       pj.id as parent_job_id, pj.scheduled as parent_scheduled,
       not pst.last_run_success and (pst.last_finish > '-infinity' or pst.consecutive_failures > 0) as parent_fails
  from agg a join _timescaledb_catalog.hypertable rh on rh.id = a.raw_id join _timescaledb_catalog.hypertable mh on mh.id = a.id
  left join _timescaledb_catalog.continuous_agg pa on pa.mat_hypertable_id = a.parent_id
  left join _timescaledb_catalog.continuous_aggs_watermark w on w.mat_hypertable_id = a.id left join newest j on j.hypertable_id = a.id
  left join newest pj on pj.hypertable_id = a.parent_id left join _timescaledb_internal.bgw_job_stat pst on pst.job_id = pj.id
  left join drops r on r.hypertable_id = a.raw_id left join squeezes q on q.hypertable_id = a.id
  left join reach o on o.id = a.id
  left join lateral (select s.range_start, s.range_end from :used_slice s
                      where s.dimension_id = a.raw_dimension order by s.range_start limit 1) f on true
  -- pending: number of entries in the aggregate's own log, in ranges where the source has chunks
  left join lateral (
    select count(*) as pending
      from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
     where l.materialization_id = a.id and l.greatest_modified_value < 9223372036854775807
       and l.lowest_modified_value not in (-9223372036854775808, -210866803200000000)
       and exists (select from :used_slice s
                    where s.dimension_id = a.raw_dimension
                      and s.range_start <= l.greatest_modified_value and s.range_end > l.lowest_modified_value)) u on true
  left join promise pr on pr.id = a.id
  cross join lateral (select a.id, a.raw_id, a.raw_dimension as source_dimension, w.watermark, o.since,
    o.since + coalesce(pr.longest, 0) as upto) y
  left join lateral :log_ends t on true
  \ir shared/unreached.sql
  -- The paused or failing refresh policies of the aggregate, without the policy in newest: number of policies, and the first policy.
  left join lateral (
    select count(*) as many, (array_agg(k.id order by k.scheduled, k.id))[1] as job_id, bool_and(k.scheduled) as scheduled
      from job k left join _timescaledb_internal.bgw_job_stat ks on ks.job_id = k.id
     where k.hypertable_id = a.id and k.id <> j.id
          and (not k.scheduled
               or not ks.last_run_success and (ks.last_finish > '-infinity' or ks.consecutive_failures > 0))) os on true
  left join whole e on e.id = a.id left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
  left join pg_namespace n on n.nspname = mh.schema_name left join pg_class m on m.relnamespace = n.oid and m.relname = mh.table_name
  -- A refresh that waits for a lock: the session has the application_name of a refresh policy, or it runs a refresh and has a lock on the
  -- materialization.
  left join lateral (
    select w.pid, w.since, w.blocker,
           (select format('%I.%I', y.nspname, z.relname) from pg_class z join pg_namespace y on y.oid = z.relnamespace
             where z.oid = w.relation) as relation
      from waiting w
     where w.application_name in (select k.application_name from job k where k.hypertable_id = a.id)
        or w.query ~* 'refresh_continuous_aggregate' and exists (select from pg_locks l where l.pid = w.pid and l.relation = m.oid)
     order by w.since limit 1) v on true
 order by 4, 5
