-- The two open ranges of aggregate y (column: id) that were never refreshed. tail: start of the range that ends at +infinity; never_before:
-- end of the range that starts at -infinity (the minimum of int8, or of timestamptz)
(select min(l.lowest_modified_value) filter (where l.greatest_modified_value = 9223372036854775807) as tail,
        max(l.greatest_modified_value) filter (where l.lowest_modified_value in (-9223372036854775808, -210866803200000000)
                                                 and l.greatest_modified_value < 9223372036854775807) as never_before
   from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l where l.materialization_id = y.id)
