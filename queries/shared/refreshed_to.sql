-- End of the refreshed range of the aggregate y (id, watermark, source_dimension: the time dimension of its source)
\if :since_2_22
-- A refresh takes its range away from the end of the log. If it runs or was interrupted, the range is in the table of materialization
-- ranges, or in parts in the log. Parts where the source has no chunks stay in the log for good, so they do not count
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
