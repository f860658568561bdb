-- Hypertable $1 (id) for a new index on it, or for rebuilding all its indexes
-- · columns: facts (columns, dimensions, chunks, indexes of the chunks), state (the hypertable's indexes) · access: any role · cost:
-- catalogue lookups, linear in the chunks; pg_get_indexdef() locks the table for a moment (not called if another session locks the table)
with root as materialized (
  select h.id, t.oid, n.nspname::text as nspname, t.relname::text as relname,
    case when a.mat_hypertable_id is null then format('%I.%I', n.nspname, t.relname)
         else format('%I.%I', a.user_view_schema, a.user_view_name) end as display,
\if :since_2_22
\else
    h.compressed_hypertable_id,
\endif
    t.oid not in (select l.relation from :locked l) as open
  from _timescaledb_catalog.hypertable h join pg_namespace n on n.nspname = h.schema_name
  join pg_class t on t.relname = h.table_name and t.relnamespace = n.oid
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
  where h.id = $1::int8
), chunk as materialized (
  select t.oid, format('%I.%I', n.nspname, t.relname) as name
  from root r join pg_inherits i on i.inhparent = r.oid join pg_class t on t.oid = i.inhrelid and t.relkind = 'r'
  join pg_namespace n on n.oid = t.relnamespace
),
-- The tables with the compressed rows of the chunks.
inside as materialized (
\if :since_2_22
  select s.compress_relid::oid as oid from chunk k join _timescaledb_catalog.compression_settings s on s.relid::oid = k.oid
  where s.compress_relid is not null
\else
  select c.companion as oid from root r join :chunk c on c.hypertable_id = r.id where c.companion is not null
\endif
), copy as materialized (
  select x.indexrelid, x.indrelid, x.indisvalid, x.indisexclusion, format('%I.%I', n.nspname, c.relname) as name,
    c.relname::text ~ '_cc(new|old)[0-9]*$' and not x.indisvalid as leftover
  from (select k.oid from chunk k union all select z.oid from inside z) p
  join pg_index x on x.indrelid = p.oid
  join pg_class c on c.oid = x.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
), suspect as materialized (
  select m.indexrelid, false as of_hypertable from copy m
  union all select x.indexrelid, true from root r join pg_index x on x.indrelid = r.oid and not x.indisvalid
),
\ir shared/index_building.sql
, own as materialized (
  select c.relname::text as name, case when r.open then pg_get_indexdef(x.indexrelid) end as definition
  from root r join pg_index x on x.indrelid = r.oid join pg_class c on c.oid = x.indexrelid
)
select jsonb_build_object(
    'oid', r.oid::int8, 'schema', format('%I', r.nspname), 'bare', r.relname, 'table', format('%I.%I', r.nspname, r.relname), 'display',
    r.display,
\if :since_2_22
    'compressing', false,
\else
    'compressing', r.compressed_hypertable_id is not null,
\endif
    'compressed_chunks', (select count(*) from :chunk c where c.hypertable_id = r.id and c.status & 1 = 1),
    'dimensions', (select jsonb_agg(d.column_name order by d.id) from _timescaledb_catalog.dimension d where d.hypertable_id = r.id),
    'parts', coalesce((select jsonb_agg(jsonb_build_object('oid', k.oid::int8, 'name', k.name) order by k.oid) from chunk k), '[]'),
    'copies', coalesce((select jsonb_agg(jsonb_build_object('oid', m.indexrelid::int8, 'name', m.name, 'part', m.indrelid::int8, 'valid',
         m.indisvalid,
      'exclusion', m.indisexclusion) order by m.indrelid, m.indexrelid) from copy m where not m.leftover), '[]'),
    'leftovers', (select count(*) from copy m where m.leftover and m.indexrelid not in (select b.indexrelid from building b)),
    'builder', (select min(b.pid) from building b),
    'indexes', coalesce((select jsonb_object_agg(o.name, o.definition) from own o), '{}'),
    -- Names that a new index cannot have, except the names of chunks and of their indexes, which users do not choose.
    'names', coalesce((select jsonb_agg(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = r.nspname and c.relname !~ '^(_hyper_|compress_hyper_)'), '[]'),
    'sized', coalesce((select jsonb_agg(m.indexrelid::int8) from copy m where not m.leftover), '[]')
  ) as facts,
  jsonb_build_object('indexes', coalesce((select jsonb_object_agg(o.name, o.definition) from own o), '{}')) as state
from root r
