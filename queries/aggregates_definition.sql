-- The user's definition of the aggregate with the materialization hypertable $1 (int8)
-- · columns: definition · access: any role · cost: catalogue lookups by key; locks the view for a moment
select :cut_text as definition
  from _timescaledb_catalog.continuous_agg a join pg_namespace n on n.nspname = a.direct_view_schema
  join pg_class v on v.relnamespace = n.oid and v.relname = a.direct_view_name
  cross join lateral (select pg_get_viewdef(v.oid, true) as text offset 0) t
 where a.mat_hypertable_id = $1::int8
