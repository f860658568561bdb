-- For each aggregate in $1 (int8[]): the source's oldest row, and its first row at or after the end of the refreshed range
-- · columns: id, oldest, first_unread (internal units; NULL: in none of the four chunks that are read, or not readable), future_rows
-- (number of source rows later than now, at most 10,001 per chunk; NULL: the watermark is not later than now, the rows are in more than
-- four chunks, or not readable), remade_from, remade_to (see the CTE remade), unknown, code_owner, hold (as in aggregates_newest)
-- · access: any role; without SELECT on the source most columns are NULL · cost: usually one short index scan on one chunk for each value
with trusted as materialized :trusted, held as materialized :held,
source as materialized (
  select ca.mat_hypertable_id as id, ca.raw_hypertable_id as raw_id,
         (select m.watermark from _timescaledb_catalog.continuous_aggs_watermark m
           where m.mat_hypertable_id = ca.mat_hypertable_id) as ahead, x.id as dimension_id, x.column_name, x.column_type::text as axis,
         x.column_type::oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) as whole,
         coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(t.oid, 'select'), false)
           and x.column_type::oid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype, 'int2'::regtype, 'int4'::regtype,
                'int8'::regtype) as readable,
         (select min(l.lowest_modified_value) from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
           where l.materialization_id = ca.mat_hypertable_id and l.greatest_modified_value = 9223372036854775807) as tail
    from _timescaledb_catalog.continuous_agg ca join _timescaledb_catalog.hypertable h on h.id = ca.raw_hypertable_id
    join pg_namespace n on n.nspname = h.schema_name
    join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
    join :time_dimension x on x.hypertable_id = h.id
   where ca.mat_hypertable_id = any ($1::int8[])),
-- kind: the value to read from each source (1: its first row; 2: its first row after the refreshed range; 3: number of rows later than
-- now). since: where to begin.
asked as materialized (
  select s.*, p.kind, p.since,
         case when s.whole then p.since::text
              when s.axis = 'timestamp without time zone' then (timestamp 'epoch' + p.since * interval '1 microsecond')::text
              when s.axis = 'date' then (timestamp 'epoch' + p.since * interval '1 microsecond')::date::text
              else (timestamptz 'epoch' + p.since * interval '1 microsecond')::text end as literal
    from source s
    cross join lateral (select case
         when not s.whole then (extract(epoch
           from case when s.axis = 'timestamp with time zone' then now() else now()::timestamp at time zone 'UTC' end)
                * 1000000)::int8 end as at) c
    cross join lateral (select 1 as kind, null::int8 as since
                        union all select 2, s.tail where s.tail > case when s.whole then -9223372036854775808 else -200000000000000000 end
                        -- Kind 3 is read only if the watermark is later than now.
                        union all select 3, c.at where s.ahead > c.at) p
   where s.readable),
-- The range of the chunks that were dropped and then created again by a late row, if one of the aggregate's two logs has changes there.
remade as materialized (
  select w.id, g.* from source w cross join lateral (select w.id as mat_hypertable_id) x cross join lateral (select w.axis) m
    cross join lateral (select w.dimension_id) raw cross join (select -9223372036854775808 as since) v
    left join lateral (
    \ir shared/remade.sql
         and (exists (select from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
                       where l.hypertable_id = w.raw_id and l.lowest_modified_value < q.high and l.greatest_modified_value >= q.low)
              or exists (select from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
                          where l.materialization_id = w.id and l.lowest_modified_value < q.high and l.greatest_modified_value between q.low
                               and 9223372036854775806))
    ) g on true),
-- Kinds 1 and 2: the first row; chunks are read one by one until one has a row. Kind 3: the number of rows.
found as materialized (
  select a.id, a.kind, r.first, r.why, r.owner, case when r.why = 6 then r.relations end as hold
    from asked a
    left join lateral (
      select y.first, y.why, y.owner, y.relations
        from (select q.why, q.owner, q.relations, case
             when q.why = 0 then (xpath('/row/n/text()', query_to_xml(q.statement, false, true, '')))[1]::text::int8 end as first
                from (select e.range_start from (select z.range_start, count(*) over () as many,
                     row_number() over (order by z.range_start) as nth
                       from (select s.range_start from :slice s
                       where s.dimension_id = a.dimension_id and (a.since is null or s.range_end > a.since)
                         and exists (select from :slice_chunk c where not c.osm_chunk)
                       group by 1 order by 1 limit case a.kind when 3 then 5 else 4 end) z) e
                       where a.kind < 3 or e.nth = 1 and e.many < 5 order by 1) b
                cross join lateral (
                  select case a.kind when 3 then 'select sum(m)::int8 as n from (' else 'select min(m) as n from (' end
                            || string_agg(format(case when a.kind = 3
                                 then 'select count(*) as m from (select from %2$I.%3$I where %1$I > %4$L limit 10001) l'
                                      when a.whole then 'select min(%1$I)::int8 as m from %2$I.%3$I'
                           else 'select case when isfinite(min(%1$I)) then (extract(epoch from min(%1$I)) * 1000000)::int8 end as m from '
                                '%2$I.%3$I' end || case when a.since is null or a.kind = 3 then '' else ' where %1$I >= %4$L' end,
                           a.column_name, n.nspname, r.relname, a.literal), ' union all ') || ') u' as statement,
                         \ir shared/chunk_readers.sql
                   where z.dimension_id = a.dimension_id and (z.range_start = b.range_start or a.kind = 3 and z.range_start > b.range_start)
                        and not c.osm_chunk) q
               offset 0) y
       where y.first is not null or y.why > 0 limit 1) r on true)
select s.id::int8 as id, max(f.first) filter (where f.kind = 1) as oldest, max(f.first) filter (where f.kind = 2) as first_unread,
       max(f.first) filter (where f.kind = 3) as future_rows, max(g.remade_from) as remade_from, max(g.remade_to) as remade_to,
       max(f.why)::int8 as unknown, max(f.owner) filter (where f.why > 0) as code_owner,
       (select array_agg(distinct u.name) from found h cross join lateral unnest(h.hold) u(name) where h.id = s.id) as hold
  from source s left join found f on f.id = s.id left join remade g on g.id = s.id group by s.id
