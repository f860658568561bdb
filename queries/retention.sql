-- Retention of every hypertable and aggregate: policy, oldest chunk, what the next run would drop
-- · columns: id, schema, name, … · access: any role; reads catalogues only, locks no user relation · cost: linear in the number of chunks
-- that are due
with trusted as materialized :trusted,
dim as materialized (
  select d.hypertable_id, d.id, d.column_type::text as axis, d.integer_now_func is not null as has_now from :time_dimension d),
job as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.id, j.scheduled, j.config, j.schedule_interval, j.owner::text as owner,
         j.application_name, o.owner_zone, o.zone, j.config ->> 'drop_after' as after_text,
         case when jsonb_typeof(j.config -> 'drop_after') = 'string' and j.config ->> 'drop_after' ~ :is_interval
              then (j.config ->> 'drop_after')::interval end as after_interval,
         case when jsonb_typeof(j.config -> 'drop_after') = 'number' and j.config ->> 'drop_after' ~ '^\d{1,18}$'
              then (j.config ->> 'drop_after')::int8 end as after_number, j.config ->> 'drop_created_before' as created_text,
         case when j.config ->> 'drop_created_before' ~ :is_interval
              then now() - (j.config ->> 'drop_created_before')::interval end as made_before
    from _timescaledb_config.bgw_job j left join lateral :owner_zone o on true
   where j.proc_name = 'policy_retention' and j.hypertable_id is not null order by j.hypertable_id, j.id),
-- The name of each integer_now_func that is not called because its owner is not trusted; an aggregate uses the function of the hypertable
-- at the root of its hierarchy.
code as materialized (
  select k.hypertable_id, format('%I.%I()', k.schema, k.function) as code, f.owner
    from (select distinct on (u.of) u.of as hypertable_id, d.integer_now_func_schema as schema, d.integer_now_func as function
          from (with recursive up as (select j.hypertable_id as of, j.hypertable_id as id from job j where j.after_number is not null
                                      union all select u.of, a.raw_hypertable_id from up u
                                        join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = u.id) select * from up) u
          join _timescaledb_catalog.dimension d on d.hypertable_id = u.id and d.interval_length is not null
               and d.integer_now_func is not null order by u.of, d.id) k
    left join lateral :now_function f on true
   where f.trusted is not true),
counts as materialized (select l.hypertable_id, count(*) as chunks from :chunk l where not l.osm_chunk group by 1),
bound as materialized (
  -- A run drops the chunks that end by a boundary. boundary: of a run now; next_boundary: of the next scheduled run (daylight saving time
  -- may differ by then).
  select hypertable_id, id as dimension_id, min(boundary) filter (where nth = 1) as boundary,
         min(boundary) filter (where nth = 2) as next_boundary from (
    select d.hypertable_id, d.id, w.nth, case when d.axis not in ('bigint', 'integer', 'smallint') and j.after_interval is not null
                                                   and (j.owner_zone is null or j.zone is not null) then :time_before end as boundary
      from job j join dim d on d.hypertable_id = j.hypertable_id left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
      cross join lateral (values (1, now()),
           (2, case when isfinite(st.next_start) then greatest(st.next_start, now()) else now() end)) w(nth, at)
      cross join lateral (select w.at, j.zone, j.after_interval as length, d.axis = 'timestamp with time zone' as zoned) p) b
   where boundary is not null group by 1, 2),
-- Start of the oldest slice that has chunks, and end of the newest one, found by index.
ends as materialized (
  select d.hypertable_id, (select s.range_start from :used_slice s where s.dimension_id = d.id order by s.range_start limit 1) as oldest,
         (select s.range_end from :used_slice s where s.dimension_id = d.id order by s.range_start desc limit 1) as newest
    from dim d),
-- The chunks that are due. Usually few chunks are due, so they are found by index.
due as materialized (
  select b.hypertable_id, count(*) filter (where c.status & 4 = 0) as eligible, count(*) filter (where c.status & 4 = 4) as frozen,
         (min(b.boundary) - min(s.range_end) filter (where c.status & 4 = 0)) / 1e6::float8 as overdue_seconds
    from bound b
    cross join lateral (select s.* from :slice s
                         where s.dimension_id = b.dimension_id and s.range_start < b.boundary and s.range_end <= b.boundary offset 0) s
    cross join lateral (select c.status from :slice_chunk c where not c.osm_chunk offset 0) c
   group by 1),
-- A policy with drop_created_before compares the creation_time of chunks (since 2.13), not their range.
made as materialized (
  select j.hypertable_id, count(*) filter (where c.creation_time < j.made_before and c.status & 4 = 0) as eligible,
         count(*) filter (where c.creation_time < j.made_before and c.status & 4 = 4) as frozen,
         extract(epoch from min(j.made_before) - min(c.creation_time)
              filter (where c.creation_time < j.made_before and c.status & 4 = 0)) as overdue_seconds,
         extract(epoch from min(c.creation_time) filter (where c.creation_time >= j.made_before) - min(j.made_before)) as next_due_seconds
    from job j join :chunk c on c.hypertable_id = j.hypertable_id and not c.osm_chunk
   where j.made_before is not null group by 1),
-- Ranges that the next run of a policy with drop_created_before drops, if there are aggregates on the hypertable.
going as materialized (
  select j.hypertable_id, max(s.range_end) as edge, jsonb_agg(distinct jsonb_build_array(s.range_start, s.range_end)) as ranges
    from job j join dim d on d.hypertable_id = j.hypertable_id left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
    cross join lateral (select case when j.made_before is not null
         then case when isfinite(st.next_start) then greatest(st.next_start, now()) else now() end
              - j.created_text::interval end as made_before) n
    join :chunk c on c.hypertable_id = j.hypertable_id and not c.osm_chunk
    join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = d.id
   where j.scheduled and j.made_before is not null and c.creation_time < n.made_before and c.status & 4 = 0
     and exists (select from _timescaledb_catalog.continuous_agg a where a.raw_hypertable_id = j.hypertable_id) group by 1),
coming as materialized (
  select b.hypertable_id, s.range_start as kept_from, (s.range_end - b.boundary) / 1e6::float8 as next_due_seconds
    from bound b
    cross join lateral (select s.range_start, s.range_end from :slice s where s.dimension_id = b.dimension_id and s.range_end > b.boundary
                         order by s.range_start limit 1) s),
\ir shared/policy_waits.sql
select h.id, coalesce(a.user_view_schema, h.schema_name)::text as schema, coalesce(a.user_view_name, h.table_name)::text as name,
       a.mat_hypertable_id is not null as aggregate, coalesce(d.axis, '') as axis, d.has_now,
       coalesce(c.chunks, 0) as chunks, case when c.chunks > 0 then f.oldest end as oldest_raw,
       case when c.chunks > 0 then f.newest end as newest, g.kept_from,
       j.id as job_id, own.code, own.owner as code_owner, case when own.code is not null then current_user::text end as code_role,
       j.scheduled, j.owner_zone, j.after_text,
       extract(epoch from j.after_interval)::float8 as after_seconds, j.after_number, j.created_text,
       case when j.created_text is not null then :creation end as creation,
       extract(epoch from j.schedule_interval)::float8 as schedule_seconds,
       b.boundary, case when b.boundary is not null or j.made_before is not null then coalesce(e.eligible, m.eligible, 0) end as eligible,
       coalesce(e.frozen, m.frozen, 0) as frozen, j.made_before, coalesce(e.overdue_seconds, m.overdue_seconds)::float8 as overdue_seconds,
       coalesce(g.next_due_seconds, m.next_due_seconds)::float8 as next_due_seconds,
       (select array_agg(x.user_view_name::text order by 1) from _timescaledb_catalog.continuous_agg x
         where x.raw_hypertable_id = h.id) as read_by,
       coalesce(z.drop_edge, gone.edge) as drop_edge, gone.ranges as going, i.readers,
       (extract(timezone from now()) * 1000000)::int8 as local_shift, v.pid as blocked_pid, v.blocker, :blocker_name as blocker_name,
       :blocked_on as blocked_on, v.since as blocked_since,
       case when coalesce(e.eligible, m.eligible) > 0 or j.after_number is not null then :job_changed end as changed_since,
       st.last_run_success, nullif(st.last_finish, '-infinity') as last_finish, st.next_start, st.consecutive_failures, now() as asked
  from _timescaledb_catalog.hypertable h left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
  left join dim d on d.hypertable_id = h.id left join counts c on c.hypertable_id = h.id
  left join ends f on f.hypertable_id = h.id left join job j on j.hypertable_id = h.id
  left join code own on own.hypertable_id = h.id left join bound b on b.hypertable_id = h.id
  left join due e on e.hypertable_id = h.id left join made m on m.hypertable_id = h.id
  left join coming g on g.hypertable_id = h.id left join going gone on gone.hypertable_id = h.id
  left join waiting v on v.hypertable_id = h.id left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
  -- drop_edge: end of the last range that the next run drops; NULL: none, the policy is paused, or the boundary is unknown
  left join lateral (
    select s.range_end as drop_edge
      from :slice s where j.scheduled and s.dimension_id = d.id and s.range_start < b.next_boundary and s.range_end <= b.next_boundary
          and s.range_end > f.oldest
     order by s.range_start desc limit 1) z on true
  -- The aggregates on the hypertable, with changes that are not yet in them.
  left join lateral (
    select jsonb_agg(jsonb_build_object(
             \ir shared/unread_bucket.sql
             'clock_zone', coalesce(j.owner_zone, current_setting('TimeZone')),
             \ir shared/unread_policies.sql
      as readers
      from _timescaledb_catalog.continuous_agg x join dim m on m.hypertable_id = x.mat_hypertable_id
      cross join lateral (select d.id as dimension_id) raw
      \ir shared/unread_changes.sql
           and (gone.ranges is null or exists (select from jsonb_array_elements(gone.ranges) e
             where (e ->> 0)::int8 <= w.high and (e ->> 1)::int8 > w.low))
           \ir shared/unread_remade.sql
     where x.raw_hypertable_id = h.id
          and (z.drop_edge is not null or gone.edge is not null or j.scheduled and j.after_number is not null
               and d.axis in ('bigint', 'integer', 'smallint'))) i on true
 where h.compression_state <> 2 order by 2, 3
