-- An aggregate and its parents, for refreshes and policies: buckets, watermarks, changes that wait for a refresh, ranges where the
-- aggregate has rows but the source has no chunk, policies ($1: id of the materialization hypertable)
-- · columns: facts (levels: an array from the root to the aggregate itself), state (what an undo restores) · access: any role; rows of the
-- materialization: SELECT on it; integer time: EXECUTE on integer_now_func · cost: catalogue lookups, and one short index scan per range
-- without source chunks
with recursive trusted as materialized :trusted,
up as (
  select ca.mat_hypertable_id as id, ca.raw_hypertable_id as raw_id, 0 as height
    from _timescaledb_catalog.continuous_agg ca where ca.mat_hypertable_id = $1::int8
  union all
  select p.mat_hypertable_id, p.raw_hypertable_id, u.height + 1
    from up u join _timescaledb_catalog.continuous_agg p on p.mat_hypertable_id = u.raw_id where u.height < 20
),
ids as materialized (select u.id from up u union select u.raw_id from up u),
dim as materialized (
  select x.hypertable_id, x.id as dimension_id, x.column_name::text as column_name,
         x.column_type::text as axis, x.column_type::oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) as whole,
         x.integer_now_func_schema::text as now_schema, x.integer_now_func::text as now_name
    from ids i join :time_dimension x on x.hypertable_id = i.id
),
slice as materialized (
  select d.hypertable_id, min(s.id) as slice, s.range_start as low, s.range_end as high, count(*) as chunks, min(c.serial) as made,
         -- at: time at which the first chunk was created, in the time column's unit; NULL: integer time, or unknown (before 2.13)
         case when not d.whole then min((extract(epoch from case when d.axis = 'timestamp with time zone' then c.creation_time
                                                                 else c.creation_time::timestamp at time zone 'UTC' end)
                                         * 1000000)::int8) end as at
    from dim d join :slice s on s.dimension_id = d.dimension_id cross join lateral :slice_chunk c
   where not c.osm_chunk group by d.hypertable_id, d.whole, s.range_start, s.range_end
),
agg as materialized (
  select u.height, u.id, u.raw_id, ca.materialized_only, coalesce((to_jsonb(ca) ->> 'finalized')::bool, true) as finalized,
         ca.user_view_schema::text as view_schema, ca.user_view_name::text as view_name,
         coalesce(pa.user_view_schema, rh.schema_name)::text as source_schema,
         coalesce(pa.user_view_name, rh.table_name)::text as source_name,
         pa.mat_hypertable_id is not null as hierarchical, v.oid as view_oid, m.oid as mat_oid, r.oid as raw_oid,
         mh.schema_name::text as mat_schema, mh.table_name::text as mat_table, d.column_name, d.axis, d.whole,
\if :since_2_15
         bf.bucket_width, bf.bucket_timezone as bucket_zone, bf.bucket_origin, bf.bucket_offset
\else
         case when ca.bucket_width > 0 and not d.whole then justify_hours(ca.bucket_width * interval '1 microsecond')::text
              when ca.bucket_width > 0 then ca.bucket_width::text else bf.bucket_width end as bucket_width,
         nullif(bf.timezone, '') as bucket_zone, nullif(bf.origin, '') as bucket_origin, null::text as bucket_offset
\endif
    from up u join _timescaledb_catalog.continuous_agg ca on ca.mat_hypertable_id = u.id
    join _timescaledb_catalog.hypertable mh on mh.id = u.id
    join _timescaledb_catalog.hypertable rh on rh.id = u.raw_id
    join dim d on d.hypertable_id = u.id
    left join _timescaledb_catalog.continuous_agg pa on pa.mat_hypertable_id = u.raw_id
    left join _timescaledb_catalog.continuous_aggs_bucket_function bf on bf.mat_hypertable_id = u.id
    left join pg_class v on v.relname = ca.user_view_name
         and v.relnamespace = (select n.oid from pg_namespace n where n.nspname = ca.user_view_schema)
    left join pg_class m on m.relname = mh.table_name
         and m.relnamespace = (select n.oid from pg_namespace n where n.nspname = mh.schema_name)
    left join pg_class r on r.relname = rh.table_name
         and r.relnamespace = (select n.oid from pg_namespace n where n.nspname = rh.schema_name)
),
-- Ranges where the materialization has chunks and the source has none, including the time before the source's first chunk.
gap as materialized (
  select a.id, g.low, g.high, row_number() over (partition by a.id order by g.high desc) as number
    from agg a
    cross join lateral (
      select lag(s.ends) over (order by s.low) as low, s.low as high
        from (select x.low, max(x.high) over (order by x.low) as ends from slice x where x.hypertable_id = a.raw_id) s
    ) g
   where (g.low is null or g.low < g.high)
     and exists (select from slice m where m.hypertable_id = a.id and m.low < g.high and (g.low is null or m.high > g.low))
),
-- Ranges whose source chunk was dropped and then created again by a late row. Such a chunk is younger than the chunks of later ranges (if
-- there are none: than the end of its own range) and than the materialization's chunks in the same range. looked: starts one bucket
-- earlier, because a bucket may begin there.
remade as materialized (
  select a.id, q.low, q.high, q.low - case when a.whole then a.bucket_width::int8
           else (extract(epoch from a.bucket_width::interval) * case when a.bucket_width ~ 'mon|year' then 1.05
           else 1 end * 1000000)::int8 end as looked,
         row_number() over (partition by a.id order by q.high desc) as number
    from agg a
    cross join lateral (
      select s.*, min(s.made) filter (where a.whole
           or s.low <= (extract(epoch from now()) * 1000000)::int8) over (order by s.low rows between 1 following
           and unbounded following) as next
        from slice s where s.hypertable_id = a.raw_id
    ) q
    cross join lateral (
      select min(m.made) filter (where m.low < q.high) as inside,
             min(m.made) filter (where m.low >= q.high and (a.whole or m.low <= (extract(epoch from now()) * 1000000)::int8)) as newer
        from slice m where m.hypertable_id = a.id and m.high > q.low
    ) m
   where m.inside < q.made and q.low > -9000000000000000000 and ((q.next < q.made or q.next is null)
     and (least(q.next, m.newer) < q.made or q.next is null and q.at >= q.high)
\if :since_2_15
     )
\else
     or :chunk_made_again)
\endif
),
-- The first row of the aggregate in each range of gap and remade.
hole as materialized (
  select g.id, g.low, g.high, g.number, g.remade, t.readable,
         case when t.readable then (xpath('/row/n/text()', query_to_xml(format(
           case when a.whole then 'select min(%1$I)::int8 as n from %2$I.%3$I where %1$I < %5$L'
                else 'select case when isfinite(min(%1$I)) then (extract(epoch from min(%1$I)) * 1000000)::int8 end as n from %2$I.%3$I '
                     'where %1$I < %5$L' end
             || case when g.low is null then '' when g.remade then ' and %1$I > %4$L' else ' and %1$I >= %4$L' end,
           a.column_name, a.mat_schema, a.mat_table, b.low, b.high), false, true, '')))[1]::text::int8 end as first
    from (select g.id, g.low, g.high, g.low as looked, g.number, false as remade from gap g
          union all select r.id, r.low, r.high, r.looked, r.number, true from remade r) g join agg a on a.id = g.id
    cross join lateral (select coalesce(has_table_privilege(a.mat_oid, 'select') and has_schema_privilege(a.mat_schema, 'usage'), false)
                        -- Planning may run code of the owners of the materialization and of its schema, so both must be trusted.
                        and (select m.relowner = any (r.roles) and n.nspowner = any (r.roles) from trusted r, pg_class m
                          join pg_namespace n on n.oid = m.relnamespace where m.oid = a.mat_oid) as readable) t
    cross join lateral (
      select max(e.value) filter (where e.side = 1) as low, max(e.value) filter (where e.side = 2) as high
        from (select p.side, case when a.whole then p.raw::text
                                  when a.axis = 'timestamp without time zone'
                                       then (timestamp 'epoch' + p.raw * interval '1 microsecond')::text
                                  when a.axis = 'date' then (timestamp 'epoch' + p.raw * interval '1 microsecond')::date::text
                                  else (timestamptz 'epoch' + p.raw * interval '1 microsecond')::text end as value
                from (values (1, g.looked), (2, g.high)) p(side, raw) where p.raw is not null) e
    ) b
   where g.number <= 200
),
waiting as materialized (
  select a.id, w.low, w.high
    from agg a
    cross join lateral (
      select l.lowest_modified_value as low, l.greatest_modified_value as high
        from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l where l.hypertable_id = a.raw_id
      union all
      select l.lowest_modified_value, l.greatest_modified_value
        from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
       where l.materialization_id = a.id and l.greatest_modified_value < 9223372036854775807
         and l.lowest_modified_value not in (-9223372036854775808, -210866803200000000)
\if :since_2_22
      union all
      select r.lowest_modified_value, r.greatest_modified_value
        from _timescaledb_catalog.continuous_aggs_materialization_ranges r where r.materialization_id = a.id
\endif
    ) w
),
-- The logged changes in ranges where the source has chunks.
pending as materialized (
  select w.id, count(distinct (w.low, w.high)) as ranges, min(greatest(w.low, s.low)) as low, max(least(w.high, s.high - 1)) as high
    from waiting w join agg a on a.id = w.id join slice s on s.hypertable_id = a.raw_id and s.low <= w.high and s.high > w.low
   group by w.id
),
job as materialized (
  select b.hypertable_id, b.proc_name::text as proc_name, b.id, b.scheduled, b.config,
         to_jsonb(b) || jsonb_build_object('owner', b.owner::regrole::text, 'next_start', s.next_start::text) as whole, o.owner_zone,
         :job_state as kept
    from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
    cross join lateral (select b.owner) j left join lateral :owner_zone o on true
   where b.hypertable_id in (select i.id from ids i)
),
policy as materialized (
  select j.hypertable_id, jsonb_object_agg(j.proc_name, jsonb_build_object('id', j.id, 'scheduled', j.scheduled,
           'clock_zone', coalesce(j.owner_zone, current_setting('TimeZone')),
           'after', coalesce(j.config ->> 'drop_after', j.config ->> 'compress_after'),
           'by_creation', j.config ? 'drop_created_before' or j.config ? 'compress_created_before')) as policies
    from job j where j.proc_name in ('policy_retention', 'policy_compression') group by j.hypertable_id
),
level as (
  select a.height, a.id, jsonb_build_object(
           'id', a.id, 'name', format('%I.%I', a.view_schema, a.view_name), 'view_oid', a.view_oid::int8, 'mat_oid', a.mat_oid::int8,
           'mat_name', format('%I.%I', a.mat_schema, a.mat_table), 'source', format('%I.%I', a.source_schema, a.source_name),
           'source_oid', a.raw_oid::int8, 'source_column', (select format('%I', o.column_name) from dim o where o.hypertable_id = a.raw_id),
           'may_delete', coalesce(has_table_privilege(a.raw_oid, 'delete'), false), 'source_triggers',
           coalesce((select jsonb_agg(format('%I', y.tgname) order by y.tgname) from pg_trigger y
             where y.tgrelid = a.raw_oid and not y.tgisinternal and y.tgname not in ('ts_insert_blocker', 'ts_cagg_invalidation_trigger')),
                  '[]'),
           'hierarchical', a.hierarchical, 'materialized_only', a.materialized_only, 'finalized', a.finalized,
           -- The time zone of the refresh policy's owner; without a policy the time zone of the view's owner, who will own a new policy.
           'clock_zone', coalesce(case when k.id is null then o.owner_zone else k.owner_zone end, current_setting('TimeZone')),
           'axis', a.axis, 'bucket', a.bucket_width, 'zone', a.bucket_zone, 'offset', a.bucket_offset,
           'origin', case when not a.whole and a.bucket_origin is not null then
\if :since_2_15
             (extract(epoch from case when a.axis in ('timestamp without time zone', 'date') then a.bucket_origin::timestamp
                                      else a.bucket_origin::timestamptz at time zone coalesce(a.bucket_zone, 'UTC') end)
\else
             (extract(epoch from a.bucket_origin::timestamp at time zone 'UTC' at time zone coalesce(a.bucket_zone, 'UTC'))
\endif
                                           * 1000000)::int8 end,
           'watermark', nullif(w.watermark, case a.axis when 'bigint' then -9223372036854775808 when 'integer' then -2147483648
                                                        when 'smallint' then -32768 else -210866803200000000 end),
           'refreshed_to', :refreshed_to, 'never_before', t.never_before,
           'pending', coalesce(p.ranges, 0), 'pending_from', p.low, 'pending_to', p.high,
           'source_chunks', coalesce(s.chunks, 0), 'source_from', s.low, 'source_to', s.high,
           'holes', coalesce((select jsonb_agg(jsonb_build_object('low', h.low, 'high', h.high, 'first', h.first, 'remade', h.remade)
                order by h.high)
                                from hole h where h.id = a.id and (h.first is not null or not h.readable)), '[]'),
           'unchecked_before', (select max(g.high) from gap g where g.id = a.id and g.number > 200),
           'slices', coalesce((select jsonb_agg(jsonb_build_array(x.low, x.high, x.chunks))
                                 from (select s.low, s.high, s.chunks from slice s where s.hypertable_id = a.raw_id order by s.low desc
                                      limit 500) x), '[]'),
           'children', coalesce((select jsonb_agg(format('%I.%I', k.user_view_schema, k.user_view_name) order by k.mat_hypertable_id)
                                   from _timescaledb_catalog.continuous_agg k where k.raw_hypertable_id = a.id), '[]'),
           'integer_now', n.integer_now, 'integer_clock', n.integer_clock, 'code', n.code,
           'jobs', coalesce((select jsonb_agg(j.whole || jsonb_build_object('relation', format('%I.%I', a.view_schema, a.view_name),
                                      'integer_time', a.whole, 'axis_type', a.axis, 'hierarchical', a.hierarchical) order by j.id)
                               from job j where j.hypertable_id = a.id and j.proc_name = 'policy_refresh_continuous_aggregate'), '[]'),
           'source_policies', coalesce((select q.policies from policy q where q.hypertable_id = a.raw_id), '{}'),
           'own_policies', coalesce((select q.policies from policy q where q.hypertable_id = a.id), '{}'),
\if :since_2_26
           'refreshing', (select jsonb_build_object('pid', r.pid, 'idle', coalesce(v.state like 'idle%', false))
             from _timescaledb_catalog.continuous_aggs_jobs_refresh_ranges r
                            join pg_stat_activity v on v.pid = r.pid where r.materialization_id = a.id order by r.created_at limit 1)
\else
           'refreshing', null::jsonb
\endif
         ) as facts
    from agg a left join _timescaledb_catalog.continuous_aggs_watermark w on w.mat_hypertable_id = a.id
    left join dim e on e.hypertable_id = a.raw_id left join pending p on p.id = a.id
    cross join lateral (select a.id, w.watermark, e.dimension_id as source_dimension) y left join lateral :log_ends t on true
    left join (select x.hypertable_id, sum(x.chunks) as chunks, min(x.low) as low, max(x.high) as high from slice x
         group by x.hypertable_id) s on s.hypertable_id = a.raw_id
    left join lateral (select y.id, y.owner_zone from job y where y.hypertable_id = a.id
                         and y.proc_name = 'policy_refresh_continuous_aggregate' order by y.id limit 1) k on true
    left join lateral (select y.relowner as owner from pg_class y where y.oid = a.view_oid) j on true
    left join lateral :owner_zone o on true
    -- An aggregate uses the integer_now_func of the hypertable at the root of its hierarchy.
    left join lateral (
      select case when f.trusted and has_function_privilege(f.oid, 'execute') and has_schema_privilege(d.now_schema, 'usage')
           and pg_has_role(v.relowner, 'member') then :now_value end as integer_now, d.now_name is not null as integer_clock,
             :now_code as code
        from (select u.raw_id from up u order by u.height desc limit 1) root
        join dim d on d.hypertable_id = root.raw_id
        left join pg_class v on v.oid = a.view_oid
        left join lateral (select d.now_schema as schema, d.now_name as function) k on true
        left join lateral :now_function f on true
       where a.whole
    ) n on true
)
select jsonb_build_object('levels', (select jsonb_agg(l.facts order by l.height desc) from level l)) as facts,
       jsonb_build_object(
         'materialized_only', a.materialized_only,
         'refresh_policies', coalesce((select jsonb_agg(j.kept order by j.kept ->> 'config', j.kept::text) from job j
                                        where j.hypertable_id = a.id and j.proc_name = 'policy_refresh_continuous_aggregate'), '[]')
       ) as state
  from agg a where a.height = 0
