-- Up to where y was refreshed (id; watermark; source_dimension: its source's dimension of time)
\if :since_2_22
-- What a refresh has begun (or was interrupted in) is gone from the log's end and not yet materialized: it is among the ranges, or in the
-- log again, in parts; what lies where the source has nothing stays there for good
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
