-- The newest row of the source of each aggregate in $1 (int8[]), and the end of the bucket that it falls in
-- id, newest, newest_end (internal units; NULL: no row, or no right to read) · SELECT on the source · one chunk each, as a rule
with agg as materialized (
  select ca.mat_hypertable_id as id, ca.raw_hypertable_id as raw_id, ca.parent_mat_hypertable_id as parent_id,
         ca.user_view_schema::text as schema, ca.user_view_name::text as name, ca.materialized_only,
         d.column_type::text as axis, bf.bucket_width, bf.bucket_fixed_width as bucket_fixed, bf.bucket_timezone as bucket_zone, bf.bucket_origin, bf.bucket_offset
    from _timescaledb_catalog.continuous_agg ca
    join lateral (select x.column_type from _timescaledb_catalog.dimension x where x.hypertable_id = ca.mat_hypertable_id and x.interval_length is not null order by x.id limit 1) d on true
    left join _timescaledb_catalog.continuous_aggs_bucket_function bf on bf.mat_hypertable_id = ca.mat_hypertable_id
   where ca.mat_hypertable_id = any ($1::int8[])),
found as materialized (
  select a.*, case when a.parent_id is not null
                   then (select nullif(w.watermark, case a.axis when 'bigint' then -9223372036854775808 when 'integer' then -2147483648
                                                    when 'smallint' then -32768 else -210866803200000000 end) - 1
                           from _timescaledb_catalog.continuous_aggs_watermark w where w.mat_hypertable_id = a.parent_id)
                   when has_table_privilege(t.oid, 'select') and has_schema_privilege(n.oid, 'usage')
                   then coalesce((xpath('/row/n/text()', query_to_xml((
             select 'select max(m) as n from (' || string_agg(format(case when a.axis in ('bigint', 'integer', 'smallint') then 'select max(%1$I)::int8 as m from %2$s'
                      else 'select case when isfinite(max(%1$I)) then (extract(epoch from max(%1$I)) * 1000000)::int8 end as m from %2$s' end,
                      x.column_name, format('%I.%I', c.schema_name, c.table_name)), ' union all ') || ') u'
               from _timescaledb_catalog.dimension_slice s join _timescaledb_catalog.chunk_constraint k on k.dimension_slice_id = s.id join _timescaledb_catalog.chunk c on c.id = k.chunk_id
              where s.dimension_id = x.id and s.range_start = (select z.range_start from _timescaledb_catalog.dimension_slice z
                    where z.dimension_id = x.id group by 1 order by 1 desc offset 0 limit 1)), false, true, '')))[1]::text::int8,
                     (xpath('/row/n/text()', query_to_xml((
             select 'select max(m) as n from (' || string_agg(format(case when a.axis in ('bigint', 'integer', 'smallint') then 'select max(%1$I)::int8 as m from %2$s'
                      else 'select case when isfinite(max(%1$I)) then (extract(epoch from max(%1$I)) * 1000000)::int8 end as m from %2$s' end,
                      x.column_name, format('%I.%I', c.schema_name, c.table_name)), ' union all ') || ') u'
               from _timescaledb_catalog.dimension_slice s join _timescaledb_catalog.chunk_constraint k on k.dimension_slice_id = s.id join _timescaledb_catalog.chunk c on c.id = k.chunk_id
              where s.dimension_id = x.id and s.range_start = (select z.range_start from _timescaledb_catalog.dimension_slice z
                    where z.dimension_id = x.id group by 1 order by 1 desc offset 1 limit 1)), false, true, '')))[1]::text::int8,
                     (xpath('/row/n/text()', query_to_xml((
             select 'select max(m) as n from (' || string_agg(format(case when a.axis in ('bigint', 'integer', 'smallint') then 'select max(%1$I)::int8 as m from %2$s'
                      else 'select case when isfinite(max(%1$I)) then (extract(epoch from max(%1$I)) * 1000000)::int8 end as m from %2$s' end,
                      x.column_name, format('%I.%I', c.schema_name, c.table_name)), ' union all ') || ') u'
               from _timescaledb_catalog.dimension_slice s join _timescaledb_catalog.chunk_constraint k on k.dimension_slice_id = s.id join _timescaledb_catalog.chunk c on c.id = k.chunk_id
              where s.dimension_id = x.id and s.range_start = (select z.range_start from _timescaledb_catalog.dimension_slice z
                    where z.dimension_id = x.id group by 1 order by 1 desc offset 2 limit 1)), false, true, '')))[1]::text::int8) end as newest
    from agg a
    join _timescaledb_catalog.hypertable h on h.id = a.raw_id
    join pg_namespace n on n.nspname = h.schema_name
    join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
    join lateral (select x.* from _timescaledb_catalog.dimension x where x.hypertable_id = h.id and x.interval_length is not null order by x.id limit 1) x on true),
width as materialized (
  select f.*, case when f.bucket_width ~ '^-?\d{1,18}$' then (f.bucket_width)::int8 end as units, case when f.bucket_width ~ '^(@ )?(-?\d+(\.\d+)? ?(years?|mons?|months?|weeks?|days?|hours?|hrs?|mins?|minutes?|secs?|seconds?|[ymwdhs]) ?)*(-?\d+:\d\d(:\d\d(\.\d+)?)?)?$' and f.bucket_width ~ '\d' then (f.bucket_width)::interval end as span,
         extract(year from case when f.bucket_width ~ '^(@ )?(-?\d+(\.\d+)? ?(years?|mons?|months?|weeks?|days?|hours?|hrs?|mins?|minutes?|secs?|seconds?|[ymwdhs]) ?)*(-?\d+:\d\d(:\d\d(\.\d+)?)?)?$' and f.bucket_width ~ '\d' then (f.bucket_width)::interval end)::int8 * 12 + extract(month from case when f.bucket_width ~ '^(@ )?(-?\d+(\.\d+)? ?(years?|mons?|months?|weeks?|days?|hours?|hrs?|mins?|minutes?|secs?|seconds?|[ymwdhs]) ?)*(-?\d+:\d\d(:\d\d(\.\d+)?)?)?$' and f.bucket_width ~ '\d' then (f.bucket_width)::interval end)::int8 as months,
         coalesce(f.bucket_zone, 'UTC') as zone,
         timestamp 'epoch' + f.newest * interval '1 microsecond' as utc
    from found f),
placed as (
  select w.*, (extract(epoch from w.span) * 1000000)::int8 as micros,
         coalesce((extract(epoch from w.bucket_origin::timestamptz) * 1000000)::int8, 946857600000000) + coalesce((extract(epoch from w.bucket_offset::interval) * 1000000)::int8, 0) as origin,
         case when w.axis not in ('bigint', 'integer', 'smallint') then (w.utc at time zone 'UTC') at time zone w.zone end as local
    from width w)
select p.id::int8 as id, p.newest,
       case when p.newest is null then null
            when p.units is not null and p.axis in ('bigint', 'integer', 'smallint') then floor(p.newest::numeric / p.units)::int8 * p.units + p.units
            when p.span is null then p.newest
            -- months, in the bucket's own time zone
            when p.months > 0 then (extract(epoch from (make_timestamp(2000, 1, 1, 0, 0, 0)
                 + (floor(((extract(year from p.local) - 2000) * 12 + extract(month from p.local) - 1) / p.months) + 1)::int4 * p.months::int4 * interval '1 month') at time zone p.zone) * 1000000)::int8
            -- days of a time zone
            when not p.bucket_fixed then (extract(epoch from (timestamp '2000-01-03'
                 + (floor(extract(epoch from p.local - timestamp '2000-01-03') * 1000000 / p.micros) + 1) * p.span) at time zone p.zone) * 1000000)::int8
            else floor((p.newest - p.origin)::numeric / p.micros)::int8 * p.micros + p.origin + p.micros end as newest_end
  from placed p
