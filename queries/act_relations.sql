-- Relations by name ($1: schemas, $2: names in the same order) or by oid ($3)
-- · columns: nth (position in $1; NULL: asked by oid), oid, schema, name, kind (relkind), table_oid (table of an index), parent (the table
-- above a chunk or partition; for an index, above the index's chunk or partition), hypertable (id; for a continuous aggregate: id of its
-- materialization hypertable) · access: any role · cost: catalogue lookups by key
select w.nth, c.oid::int8 as oid, n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind,
\if :since_2_11
  x.indrelid::int8 as table_oid, p.oid as parent, coalesce(h.id, a.mat_hypertable_id)::int8 as hypertable
\else
  x.indrelid::int8 as table_oid, p.oid as parent, null::int8 as hypertable
\endif
from (
  select b.nth, k.oid
  from unnest($1::text[], $2::text[]) with ordinality b(schema, name, nth) join pg_namespace m on m.nspname = b.schema
  join pg_class k on k.relnamespace = m.oid and k.relname = b.name
  union all
  select null, o.oid::oid from unnest($3::int8[]) o(oid)
) w
join pg_class c on c.oid = w.oid join pg_namespace n on n.oid = c.relnamespace
left join pg_index x on x.indexrelid = c.oid
left join lateral (select min(i.inhparent::int8) as oid from pg_inherits i where i.inhrelid = coalesce(x.indrelid, c.oid)) p on true
\if :since_2_11
left join pg_class t on t.oid = coalesce(p.oid, x.indrelid::int8, c.oid::int8)::oid left join pg_namespace tn on tn.oid = t.relnamespace
left join _timescaledb_catalog.hypertable h on h.schema_name = tn.nspname and h.table_name = t.relname
left join _timescaledb_catalog.continuous_agg a on a.user_view_schema = n.nspname and a.user_view_name = c.relname
\endif
