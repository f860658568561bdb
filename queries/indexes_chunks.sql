-- State of index $1 (int8, oid) in each chunk or partition
-- · columns: chunk, range_start, range_end (microseconds or integer time), axis, compressed, index (NULL: the chunk does not have it),
-- valid, leftover, builder (pid of the session that builds it now), scans, bytes (of the newest 500; NULL: older, or another session locks
-- the index), locked · access: any role · cost: 20 µs per chunk; a size locks the index for a moment
with recursive wanted as (select $1::int8 as id),
\ir shared/index_roots.sql
\ir shared/index_belongs.sql
\if :since_2_11
chunk as materialized (
  select t.oid, t.relname as chunk_name, d.column_type::text as axis, c.status & 1 = 1 as is_compressed, s.range_start, s.range_end
  from root r join :time_dimension d on d.hypertable_id = r.hypertable_id join :chunk c on c.hypertable_id = r.hypertable_id
  join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = d.id
  cross join lateral (select t.oid, t.relname from pg_catalog.pg_class t where t.oid = c.relid and t.relkind = 'r' offset 0) t
),
\endif
suspect as materialized (
  select b.indexrelid, false as of_hypertable from belongs b
  where not (select x.indisvalid from pg_catalog.pg_index x where x.indexrelid = b.indexrelid)
),
\ir shared/index_building.sql
, locked as materialized :locked
\if :since_2_11
select coalesce(k.chunk_name, t.relname)::text as chunk, k.range_start, k.range_end, k.axis, coalesce(k.is_compressed, false) as compressed,
  c.relname::text as index, x.indisvalid as valid, coalesce(b.leftover, false) as leftover, o.pid as builder,
  pg_stat_get_numscans(b.indexrelid) as scans,
  case when row_number() over (order by k.range_start desc nulls last, b.inhrelid desc) <= 500
       and l.relation is null then pg_relation_size(b.indexrelid) end as bytes, l.relation is not null as locked
from chunk k
full join belongs b on b.inhrelid = k.oid
left join lateral (select t.relname from pg_catalog.pg_class t where t.oid = b.inhrelid offset 0) t on true
left join lateral (select c.relname from pg_catalog.pg_class c where c.oid = b.indexrelid offset 0) c on true
left join lateral (select x.indisvalid from pg_catalog.pg_index x where x.indexrelid = b.indexrelid offset 0) x on true
left join locked l on l.relation = b.indexrelid left join building o on o.indexrelid = b.indexrelid
order by k.range_start, chunk
\else
select t.relname::text as chunk, null::int8 as range_start, null::int8 as range_end, null::text as axis, false as compressed,
  c.relname::text as index, x.indisvalid as valid, b.leftover, o.pid as builder, pg_stat_get_numscans(b.indexrelid) as scans,
  case when row_number() over (order by t.relname desc) <= 500 and l.relation is null then pg_relation_size(b.indexrelid) end as bytes,
       l.relation is not null as locked
from belongs b join pg_catalog.pg_class t on t.oid = b.inhrelid join pg_catalog.pg_class c on c.oid = b.indexrelid
join pg_catalog.pg_index x on x.indexrelid = b.indexrelid left join locked l on l.relation = b.indexrelid
left join building o on o.indexrelid = b.indexrelid
order by t.relname
\endif
