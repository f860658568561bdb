-- A hypertable as a new index of it needs it ($1: its id) · facts (columns, partitioning columns, chunks, indexes), state (the indexes) · public
-- · catalogue lookups, linear in its chunks; pg_get_indexdef() takes a moment's lock (not asked where the table is locked)
with root as materialized (
  select h.id, t.oid, n.nspname::text as nspname, t.relname::text as relname, h.compression_state = 1 as compressing, a.mat_hypertable_id is not null as aggregate,
    case when a.mat_hypertable_id is null then format('%I.%I', n.nspname, t.relname) else format('%I.%I', a.user_view_schema, a.user_view_name) end as display,
    exists (select from pg_locks l where l.locktype = 'relation' and l.relation = t.oid and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid()
      and l.database = (select d.oid from pg_database d where d.datname = current_database())) as locked
  from _timescaledb_catalog.hypertable h
  join pg_namespace n on n.nspname = h.schema_name
  join pg_class t on t.relname = h.table_name and t.relnamespace = n.oid
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
  where h.id = $1::int8
), chunks as materialized (
  select t.oid, n.nspname, t.relname, t.reltuples
  from root r
  join pg_inherits i on i.inhparent = r.oid
  join pg_class t on t.oid = i.inhrelid and t.relkind = 'r'
  join pg_namespace n on n.oid = t.relnamespace
), indexes as materialized (
  select c.relname::text as name, x.indisunique, x.indpred is not null as partial,
    case when not r.locked then pg_get_indexdef(x.indexrelid) end as definition
  from root r join pg_index x on x.indrelid = r.oid join pg_class c on c.oid = x.indexrelid
)
select jsonb_build_object(
    'oid', r.oid::int8, 'schema', r.nspname, 'bare', r.relname, 'table', format('%I.%I', r.nspname, r.relname), 'display', r.display,
    'aggregate', r.aggregate, 'compressing', r.compressing,
    'compressed_chunks', (select count(*) from _timescaledb_catalog.chunk c where c.hypertable_id = r.id and c.status & 1 = 1),
    'columns', (select jsonb_agg(a.attname order by a.attnum) from pg_attribute a where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped),
    'dimensions', (select jsonb_agg(d.column_name order by d.id) from _timescaledb_catalog.dimension d where d.hypertable_id = r.id),
    'chunks', coalesce((select jsonb_agg(jsonb_build_object('oid', c.oid::int8, 'name', format('%I.%I', c.nspname, c.relname),
      'rows', case when c.reltuples >= 0 then c.reltuples::int8 end) order by c.oid) from chunks c), '[]'),
    'indexes', coalesce((select jsonb_agg(jsonb_build_object('name', i.name, 'unique', i.indisunique, 'partial', i.partial, 'definition', i.definition) order by i.name)
      from indexes i), '[]')
  ) as facts,
  jsonb_build_object('indexes', coalesce((select jsonb_object_agg(i.name, i.definition) from indexes i), '{}')) as state
from root r
