-- The hierarchy of the aggregate with the materialization hypertable $1 (int8): the hypertable at its root, and all aggregates built on
-- this hypertable
-- · columns: depth (0: the hypertable), name, itself (whether the row is the aggregate of $1) · access: any role · cost: a few catalogue
-- lookups per level
with recursive up as (
  select a.mat_hypertable_id as id, a.parent_mat_hypertable_id as parent_id, a.raw_hypertable_id as raw_id, 0 as depth
    from _timescaledb_catalog.continuous_agg a where a.mat_hypertable_id = $1::int8
  union all
  select a.mat_hypertable_id, a.parent_mat_hypertable_id, a.raw_hypertable_id, u.depth - 1
    from up u join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = u.parent_id where u.depth > -20),
root as (select id, raw_id, depth from up order by depth limit 1),
down as (
  select r.id, 1 as depth, array[0] as path from root r
  union all
  select a.mat_hypertable_id, d.depth + 1, d.path || a.mat_hypertable_id
    from down d join _timescaledb_catalog.continuous_agg a on a.parent_mat_hypertable_id = d.id where d.depth < 20)
select m.depth, m.name, m.itself
  from (
  select 0 as depth, format('%I.%I', h.schema_name, h.table_name) as name, false as itself, array[]::int4[] as path
    from root r join _timescaledb_catalog.hypertable h on h.id = r.raw_id
  union all
  select d.depth, format('%I.%I', a.user_view_schema, a.user_view_name), d.id = $1::int8, d.path
    from down d join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = d.id) m
 order by m.path
