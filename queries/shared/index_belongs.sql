\if :since_2_22
-- A chunk's expression or partial index is matched by name, among all such indexes of the table and not only those in the CTE wanted.
\ir shared/index_fitting.sql
\endif
-- The indexes on chunks or partitions that belong to each root; if the root's table has neither, the root itself.
belongs as materialized (
\if :since_2_22
  select r.indexrelid as root, m.indexrelid, m.inhrelid, m.leftover
  from root r join member m on m.inhparent = r.table_oid and m.sig = r.sig and (m.leftover or not m.special)
  where r.hypertable_id is not null
  union all
  select f.root, f.indexrelid, f.inhrelid, false from fitting f
  where f.fits or (not f.fits_any and not exists (select from fitting o where o.root = f.root and o.inhrelid = f.inhrelid and o.fits))
  union all
\elif :since_2_11
  select r.indexrelid as root, p.oid as indexrelid, x.indrelid as inhrelid, false as leftover
  from root r join _timescaledb_catalog.chunk_index ci on ci.hypertable_id = r.hypertable_id and ci.hypertable_index_name = r.relname
  join :chunk c on c.id = ci.chunk_id join pg_catalog.pg_namespace n on n.nspname = c.schema_name
  join pg_catalog.pg_class p on p.relname = ci.index_name and p.relnamespace = n.oid
  join pg_catalog.pg_index x on x.indexrelid = p.oid
  union all
\endif
  select l.root, l.indexrelid, x.indrelid as inhrelid, false as leftover from leaf l
  cross join lateral (select x.indrelid from pg_catalog.pg_index x where x.indexrelid = l.indexrelid offset 0) x
  where (select c.relkind from pg_catalog.pg_class c where c.oid = l.indexrelid) = 'i'
  union all
  select r.indexrelid, r.indexrelid, r.table_oid, false from root r where r.hypertable_id is null and not r.partitioned
),
