-- Hypertable $1, which may be an aggregate's materialization. relation: the name of the hypertable itself; name: the name that users use
-- (of an aggregate: the view's)
target as materialized (
  select h.id, c.oid, c.relowner, a.mat_hypertable_id is not null as aggregate, format('%I.%I', h.schema_name, h.table_name) as relation,
         format('%I.%I', coalesce(a.user_view_schema, h.schema_name), coalesce(a.user_view_name, h.table_name)) as name
  from _timescaledb_catalog.hypertable h join pg_namespace n on n.nspname = h.schema_name
  join pg_class c on c.relnamespace = n.oid and c.relname = h.table_name
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id where h.id = $1::int8
),
