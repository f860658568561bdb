-- Bytes of tables with their chunks, and where they are: the schemas $1 and the names $2 (text[], in pairs)
-- · columns: schema, name, heap_bytes (rows that are not compressed), total_bytes (with indexes and TOAST), tablespaces (folders; empty:
-- the data directory) · access: any role · cost: opens each chunk of these tables
select w.schema, w.name, sum(pg_relation_size(p.oid))::int8 as heap_bytes, sum(pg_total_relation_size(p.oid))::int8 as total_bytes,
       array_agg(distinct pg_tablespace_location(coalesce(nullif(p.reltablespace, 0), d.dattablespace))) as tablespaces
  from unnest($1::text[], $2::text[]) as w(schema, name)
  join pg_namespace n on n.nspname = w.schema join pg_class c on c.relnamespace = n.oid and c.relname = w.name
  left join _timescaledb_catalog.continuous_agg a on a.user_view_schema = w.schema and a.user_view_name = w.name
  left join _timescaledb_catalog.hypertable h on h.id = a.mat_hypertable_id
  left join pg_namespace m on m.nspname = h.schema_name left join pg_class t on t.relnamespace = m.oid and t.relname = h.table_name
  join pg_database d on d.datname = current_database()
  cross join lateral (
    select coalesce(t.oid, c.oid) as oid
    union all
    select i.inhrelid from pg_inherits i where i.inhparent = coalesce(t.oid, c.oid)
  ) x join pg_class p on p.oid = x.oid
 group by w.schema, w.name
