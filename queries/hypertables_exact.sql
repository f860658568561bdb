-- Hypertables (by id) and plain tables (by -oid) in $1 (int8[]): total size, and size before compression of the newest full chunk intervals
-- · columns: id, bytes, window_bytes (see shared/full_intervals.sql; NULL: unknown), measured (µs since 1970) · access: any role · cost:
-- about 0.1 ms per chunk; each is locked for a moment
with dim as materialized (
  \ir shared/dimension_now.sql
    from :time_dimension d where d.hypertable_id = any ($1::int8[])),
\ir shared/full_intervals.sql
sized as materialized (
  select c.hypertable_id, c.id, c.status, pg_total_relation_size(c.relid) as loose,
         case when c.status & 1 = 1 then coalesce(pg_total_relation_size(c.companion), 0) else 0 end as packed
    from :chunk c where not c.osm_chunk and c.hypertable_id = any ($1::int8[])),
total as materialized (select hypertable_id, sum(loose + packed)::int8 as bytes from sized group by 1),
written as materialized (
  select e.hypertable_id, bool_or(c.status & 1 = 1 and z.before_bytes is null) as unknown,
         sum(case when c.status & 1 = 1 then z.before_bytes else c.loose end)::int8 as bytes
    from edge e join :chunk_slice s on s.dimension_id = e.id and s.range_start < e.window_end
         and s.range_end <= e.window_end and s.range_end > e.window_start
    join sized c on c.id = s.chunk_id
    left join :recorded_size z on z.chunk_id = c.id
   group by 1)
select h.id::int8 as id, coalesce(t.bytes, 0)
     + coalesce(pg_total_relation_size((select r.oid from pg_class r join pg_namespace n on n.oid = r.relnamespace
       where n.nspname = h.schema_name and r.relname = h.table_name)), 0) as bytes,
       case when not w.unknown then w.bytes end as window_bytes, (extract(epoch from now()) * 1000000)::int8 as measured
  from _timescaledb_catalog.hypertable h left join total t on t.hypertable_id = h.id left join written w on w.hypertable_id = h.id
 where h.id = any ($1::int8[])
union all
select i.id, pg_total_relation_size((-i.id)::oid), null, (extract(epoch from now()) * 1000000)::int8 from unnest($1::int8[]) i(id)
  where i.id < 0
