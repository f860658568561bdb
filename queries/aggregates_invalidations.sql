-- Invalidated ranges of the aggregate with the materialization hypertable $1 (int8), at most 200 from each log
-- · columns: log, lowest, greatest (internal units), has_chunks (whether the source has chunks in the range) · access: any role · cost:
-- index scans on the two logs, and one on the source's chunks for each range
(select 'source' as log, l.lowest_modified_value as lowest, l.greatest_modified_value as greatest, true as has_chunks
   from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
   join _timescaledb_catalog.continuous_agg a on a.raw_hypertable_id = l.hypertable_id
  where a.mat_hypertable_id = $1::int8 order by 2 limit 200)
union all
(select 'aggregate', l.lowest_modified_value, l.greatest_modified_value,
        exists (select from _timescaledb_catalog.continuous_agg a
                  join :time_dimension d on d.hypertable_id = a.raw_hypertable_id
                  join :used_slice s on s.dimension_id = d.id
                 where a.mat_hypertable_id = l.materialization_id
                   and s.range_start <= l.greatest_modified_value and s.range_end > l.lowest_modified_value)
   from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
  where l.materialization_id = $1::int8 order by 2 limit 200)
\if :since_2_22
union all
-- Ranges that an interrupted refresh has not finished
(select 'aggregate', r.lowest_modified_value, r.greatest_modified_value, true
   from _timescaledb_catalog.continuous_aggs_materialization_ranges r
  where r.materialization_id = $1::int8 order by 2 limit 200)
\endif
