\if :since_2_11
-- What index $1 (int8, oid) is in each chunk or partition
\else
-- What index $1 (int8, oid) is in each partition
\endif
-- · chunk, range_start, range_end (microseconds or the integer itself), axis, compressed, index (NULL: it lacks it), valid, leftover,
-- scans,
--   bytes (of the newest 500 that are not locked), locked · public (a size takes a moment's lock) · 20 us a chunk
with recursive wanted as (select $1::int8 as id),
\ir shared/index_roots.sql
\if :since_2_22
-- An expression or partial index of a chunk goes by the name it was made from, as in the list: against all of the table's of that kind.
\ir shared/index_fitting.sql
belongs as materialized (
  select r.indexrelid as root, m.indexrelid, m.inhrelid, m.leftover
  from root r join member m on m.inhparent = r.table_oid and m.sig = r.sig and (m.leftover or not m.special)
  where r.hypertable_id is not null
  union all
  select f.root, f.indexrelid, f.inhrelid, false
  from fitting f
  where f.fits or (not f.fits_any and not exists (select from fitting o where o.root = f.root and o.inhrelid = f.inhrelid and o.fits))
  union all
  select l.root, l.indexrelid, x.indrelid, false
\elif :since_2_11
belongs as materialized (
  select r.indexrelid as root, p.oid as indexrelid, x.indrelid as inhrelid, false as leftover
  from root r
  join _timescaledb_catalog.chunk_index ci on ci.hypertable_id = r.hypertable_id and ci.hypertable_index_name = r.relname
  join :chunk c on c.id = ci.chunk_id
  join pg_catalog.pg_namespace n on n.nspname = c.schema_name
  join pg_catalog.pg_class p on p.relname = ci.index_name and p.relnamespace = n.oid
  join pg_catalog.pg_index x on x.indexrelid = p.oid
  union all
  select l.root, l.indexrelid, x.indrelid, false
\else
belongs as materialized (
  select l.root, l.indexrelid, x.indrelid as inhrelid, false as leftover
\endif
  from leaf l
  cross join lateral (select x.indrelid from pg_catalog.pg_index x where x.indexrelid = l.indexrelid offset 0) x
  where (select c.relkind from pg_catalog.pg_class c where c.oid = l.indexrelid) = 'i'
  union all
  select r.indexrelid, r.indexrelid, r.table_oid, false from root r where r.hypertable_id is null and not r.partitioned
\if :since_2_11
),
chunk as materialized (
  select t.oid, t.relname as chunk_name, d.column_type::text as axis, c.status & 1 = 1 as is_compressed, s.range_start, s.range_end
  from root r
  cross join lateral (
    select d.id, d.column_type from _timescaledb_catalog.dimension d
    where d.hypertable_id = r.hypertable_id and d.interval_length is not null order by d.id limit 1
  ) d
  join :chunk c on c.hypertable_id = r.hypertable_id
  join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = d.id
  cross join lateral (select t.oid, t.relname from pg_catalog.pg_class t where t.oid = c.relid and t.relkind = 'r' offset 0) t
\endif
),
-- A size would be waited for: somebody holds such a lock on the index, or waits for it in front of us.
locked as materialized (
  select distinct l.relation from pg_catalog.pg_locks l
  where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_backend_pid()
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
)
\if :since_2_11
select coalesce(k.chunk_name, t.relname)::text as chunk, k.range_start, k.range_end, k.axis, coalesce(k.is_compressed, false) as compressed,
  c.relname::text as index, x.indisvalid as valid, coalesce(b.leftover, false) as leftover, pg_stat_get_numscans(b.indexrelid) as scans,
  case when row_number() over (order by k.range_start desc nulls last, b.inhrelid desc) <= 500
       and l.relation is null then pg_relation_size(b.indexrelid) end as bytes, l.relation is not null as locked
from chunk k
full join belongs b on b.inhrelid = k.oid
left join lateral (select t.relname from pg_catalog.pg_class t where t.oid = b.inhrelid offset 0) t on true
left join lateral (select c.relname from pg_catalog.pg_class c where c.oid = b.indexrelid offset 0) c on true
left join lateral (select x.indisvalid from pg_catalog.pg_index x where x.indexrelid = b.indexrelid offset 0) x on true
left join locked l on l.relation = b.indexrelid
order by k.range_start, chunk
\else
select t.relname::text as chunk, null::int8 as range_start, null::int8 as range_end, null::text as axis, false as compressed,
  c.relname::text as index, x.indisvalid as valid, b.leftover, pg_stat_get_numscans(b.indexrelid) as scans,
  case when row_number() over (order by t.relname desc) <= 500 and l.relation is null then pg_relation_size(b.indexrelid) end as bytes,
       l.relation is not null as locked
from belongs b
join pg_catalog.pg_class t on t.oid = b.inhrelid
join pg_catalog.pg_class c on c.oid = b.indexrelid
join pg_catalog.pg_index x on x.indexrelid = b.indexrelid
left join locked l on l.relation = b.indexrelid
order by t.relname
\endif
