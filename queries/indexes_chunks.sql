-- What index $1 (int8, oid) is in each partition
-- · chunk, range_start, range_end (microseconds or the integer itself), axis, compressed, index (NULL: it lacks it), valid, leftover, scans,
--   bytes (of the newest 500 that are not locked), locked · public (a size takes a moment's lock) · 20 us a chunk
with recursive root as materialized (
  select x.indexrelid, x.indrelid as table_oid, c.relname as relname, null::int4 as hypertable_id, c.relkind = 'I' as partitioned
  from (select $1::int8 as id) w
  join pg_catalog.pg_index x on x.indexrelid = w.id::oid
  join pg_catalog.pg_class c on c.oid = x.indexrelid
),
-- An index of a partitioned table lives in its partitions' indexes.
leaf as materialized (
  select r.indexrelid as root, i.inhrelid as indexrelid from root r join pg_catalog.pg_inherits i on i.inhparent = r.indexrelid where r.partitioned
  union all
  select l.root, i.inhrelid from leaf l join pg_catalog.pg_inherits i on i.inhparent = l.indexrelid
),
belongs as materialized (
  select l.root, l.indexrelid, x.indrelid as inhrelid, false as leftover
  from leaf l
  cross join lateral (select x.indrelid from pg_catalog.pg_index x where x.indexrelid = l.indexrelid offset 0) x
  where (select c.relkind from pg_catalog.pg_class c where c.oid = l.indexrelid) = 'i'
  union all
  select r.indexrelid, r.indexrelid, r.table_oid, false from root r where r.hypertable_id is null and not r.partitioned
),
-- A size would be waited for: somebody holds such a lock on the index, or waits for it in front of us.
locked as materialized (
  select distinct l.relation from pg_catalog.pg_locks l
  where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_backend_pid()
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
)
select t.relname::text as chunk, null::int8 as range_start, null::int8 as range_end, null::text as axis, false as compressed,
  c.relname::text as index, x.indisvalid as valid, b.leftover, pg_stat_get_numscans(b.indexrelid) as scans,
  case when row_number() over (order by t.relname desc) <= 500 and l.relation is null then pg_relation_size(b.indexrelid) end as bytes, l.relation is not null as locked
from belongs b
join pg_catalog.pg_class t on t.oid = b.inhrelid
join pg_catalog.pg_class c on c.oid = b.indexrelid
join pg_catalog.pg_index x on x.indexrelid = b.indexrelid
left join locked l on l.relation = b.indexrelid
order by t.relname
