-- End of the refreshed range of aggregate y (columns: id, watermark, source_dimension: id of the time dimension of the aggregate's source)
\if :since_2_22
-- A refresh removes its range from the last entry of the aggregate's log. While the refresh runs, or after it was interrupted, its range is
-- in continuous_aggs_materialization_ranges, or in parts in the log. Parts without source chunks stay in the log for ever and do not count.
least(
  (select min(l.lowest_modified_value) from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
    where l.materialization_id = y.id and l.greatest_modified_value = 9223372036854775807),
  (select min(r.lowest_modified_value) from _timescaledb_catalog.continuous_aggs_materialization_ranges r
    where r.materialization_id = y.id and r.greatest_modified_value >= y.watermark),
  (select min(l.lowest_modified_value) from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
    where l.materialization_id = y.id and l.greatest_modified_value > y.watermark
      and l.lowest_modified_value not in (-9223372036854775808, -210866803200000000)
      and exists (select from :slice s where s.dimension_id = y.source_dimension
                    and s.range_start <= l.greatest_modified_value and s.range_end > l.lowest_modified_value)))
\else
(select min(l.lowest_modified_value) from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
  where l.materialization_id = y.id and l.greatest_modified_value = 9223372036854775807)
\endif
