-- Invalidated ranges of the aggregate with the materialization hypertable $1 (int8), at most 200 from each of the two logs
-- · columns: log, lowest, greatest (internal units) · access: any role · cost: index scans on the two logs
(select 'source' as log, l.lowest_modified_value as lowest, l.greatest_modified_value as greatest
   from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
   join _timescaledb_catalog.continuous_agg a on a.raw_hypertable_id = l.hypertable_id
  where a.mat_hypertable_id = $1::int8 order by 2 limit 200)
union all
(select 'aggregate', l.lowest_modified_value, l.greatest_modified_value
   from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
  where l.materialization_id = $1::int8 order by 2 limit 200)
