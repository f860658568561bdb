-- Newest source row of each aggregate in $1 (int8[]), and its bucket's end; for an aggregate on an aggregate: the parent's watermark
-- · columns: id, newest, newest_end (internal units; NULL: see unknown), unknown (NULL: newest is right, or there are no rows; otherwise
-- the reason why newest is unknown: 1: no SELECT right; 2: the Apache edition hides compressed rows; 3: unsupported type of the dimension;
-- 4: the four newest chunks are empty; 5: a read might run code that code_owner can define; 6: the relations in hold must be locked first)
-- · access: SELECT on the source · cost: usually reads one chunk per aggregate
with trusted as materialized :trusted, held as materialized :held,
agg as materialized (
  select ca.mat_hypertable_id as id, ca.raw_hypertable_id as raw_id, ca.parent_mat_hypertable_id as parent_id,
         \ir shared/bucket.sql
    from _timescaledb_catalog.continuous_agg ca join :time_dimension d on d.hypertable_id = ca.mat_hypertable_id
    left join _timescaledb_catalog.continuous_aggs_bucket_function bf on bf.mat_hypertable_id = ca.mat_hypertable_id
   where ca.mat_hypertable_id = any ($1::int8[])),
source as materialized (
  select a.*, x.id as dimension_id, x.column_name, x.column_type::text as source_type,
         coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(t.oid, 'select'), false) as readable
    from agg a join _timescaledb_catalog.hypertable h on h.id = a.raw_id join pg_namespace n on n.nspname = h.schema_name
    join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
    join :time_dimension x on x.hypertable_id = h.id),
found as materialized (
  select s.*, w.watermark, case when s.parent_id is not null then w.watermark - 1 else r.newest end as newest,
         case when s.parent_id is not null then null
              when s.source_type not in ('timestamp with time zone', 'timestamp without time zone', 'date', 'bigint', 'integer', 'smallint')
                   then 3
              when not s.readable then 1 when r.hidden then 2 when r.unsafe then r.why
              when r.newest is null and (select count(*) from (select z.range_start from :slice z
                                          where z.dimension_id = s.dimension_id
                                          group by 1 order by 1 desc limit 5) z) > 4 then 4 end as unknown,
         case when s.parent_id is null and s.readable and r.unsafe and not r.hidden then r.owner end as code_owner,
         case when r.unsafe and r.why = 6 then r.relations end as hold
    from source s
    left join lateral (select nullif(w.watermark, case s.axis when 'bigint' then -9223372036854775808 when 'integer' then -2147483648
                                                              when 'smallint' then -32768 else -210866803200000000 end) as watermark
                         from _timescaledb_catalog.continuous_aggs_watermark w where w.mat_hypertable_id = s.parent_id) w on true
    -- Reads chunk by chunk, from the newest on. This needs no sort, so limit 1 stops at the first chunk that has a row. Unreadable sources
    -- are excluded inside the subquery, because a join condition would be evaluated only after their chunks were opened.
    left join lateral (
      select y.newest, y.hidden, y.unsafe, y.why, y.owner, y.relations
        from (select q.hidden, q.why > 0 as unsafe, q.why, q.owner, q.relations, case when not q.hidden
             and q.why = 0 then (xpath('/row/n/text()', query_to_xml(q.statement, false, true, '')))[1]::text::int8 end as newest
                -- GROUP BY instead of DISTINCT: TimescaleDB's SkipScan cannot plan DISTINCT with a condition on another relation (here s)
                from (select z.range_start from :slice z
                       where s.parent_id is null and s.readable
                            and s.source_type in ('timestamp with time zone', 'timestamp without time zone', 'date', 'bigint', 'integer',
                                 'smallint')
                         and z.dimension_id = s.dimension_id group by 1 order by 1 desc limit 4) b
                cross join lateral (
                  select coalesce(current_setting('timescaledb.license', true) = 'apache' and bool_or(c.status & 1 = 1), false) as hidden,
                         'select max(m) as n from (' || string_agg(format(case
                              when s.axis in ('bigint', 'integer', 'smallint') then 'select max(%1$I)::int8 as m from %2$I.%3$I'
                           else 'select case when isfinite(max(%1$I)) then (extract(epoch from max(%1$I)) * 1000000)::int8 end as m from '
                                '%2$I.%3$I' end,
                           s.column_name, n.nspname, r.relname), ' union all ') || ') u' as statement,
                         \ir shared/chunk_readers.sql
                   where z.dimension_id = s.dimension_id and z.range_start = b.range_start and not c.osm_chunk) q
               offset 0) y
       where y.newest is not null or y.hidden or y.unsafe limit 1) r on true),
width as materialized (
  select f.*, f.axis in ('bigint', 'integer', 'smallint') as whole, coalesce(f.bucket_zone, 'UTC') as zone,
         case when f.bucket_width ~ '^\d{1,18}$' then f.bucket_width::int8 end as units,
         case when f.bucket_offset ~ '^-?\d{1,18}$' then f.bucket_offset::int8 else 0 end as shift,
         case when f.axis not in ('bigint', 'integer', 'smallint') then f.bucket_width::interval end as span,
         case when f.axis not in ('bigint', 'integer', 'smallint') then coalesce(f.bucket_offset::interval, '0') end as moved
    from found f),
-- Buckets are counted in local time of the bucket's time zone, from the aggregate's origin or else from TimescaleDB's default origin.
placed as materialized (
  select w.*, extract(year from w.span)::int8 * 12 + extract(month from w.span)::int8 as months,
         (extract(epoch from w.span) * 1000000)::numeric as micros,
         case when not w.whole then (timestamp 'epoch' + w.newest * interval '1 microsecond') at time zone 'UTC' at time zone w.zone
              - w.moved end as local,
         case when not w.whole then coalesce(w.bucket_origin::timestamptz at time zone w.zone,
              case when extract(year from w.span) * 12 + extract(month from w.span) > 0 then timestamp '2000-01-01'
                   else timestamp '2000-01-03' end) end as origin
    from width w),
counted as (
  select p.*, case when p.whole then floor((p.newest - p.shift)::numeric / p.units)
                   when p.months > 0 then floor(((extract(year from p.local) - extract(year from p.origin)) * 12 + extract(month
                     from p.local) - extract(month from p.origin))::numeric / p.months)
                   else floor((extract(epoch from p.local - p.origin) * 1000000)::numeric / p.micros) end as buckets
    from placed p)
select c.id::int8 as id, coalesce(c.watermark, c.newest) as newest, c.unknown::int8 as unknown, c.code_owner, c.hold,
       case when c.newest is null then null
            when c.whole then ((c.buckets + 1) * c.units + c.shift)::int8
            -- A bucket of months may start in mid-month. If the computed bucket starts after the row, the row belongs to the bucket before.
            when c.months > 0 then (extract(epoch
              from (c.origin + (c.buckets + case when c.origin + c.buckets::int4 * c.span > c.local then 0 else 1 end)::int4 * c.span
                   + c.moved) at time zone c.zone) * 1000000)::int8
            else (extract(epoch from (c.origin + ((c.buckets + 1) * c.micros)::float8 * interval '1 microsecond'
                 + c.moved) at time zone c.zone) * 1000000)::int8 end as newest_end
  from counted c
