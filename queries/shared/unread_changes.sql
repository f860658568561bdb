-- The changes of hypertable raw that aggregate x has not read. The including query declares x, raw and f (oldest: start of raw's first
-- chunk). This fragment declares k, t and r. k: the buckets of x (width, zone, origin; bf: the row of x in
-- continuous_aggs_bucket_function). t: the two ranges of x that were never refreshed (see log_ends.sql). r: the changed ranges that wait
-- for a refresh (low: start of the oldest range; cut_to: latest end of the ranges that start before f.oldest, which come from drops)
left join _timescaledb_catalog.continuous_aggs_bucket_function bf on bf.mat_hypertable_id = x.mat_hypertable_id
cross join lateral (
  select (to_jsonb(x) ->> 'bucket_width')::int8 as width, to_jsonb(bf) as bf,
         nullif(coalesce(to_jsonb(bf) ->> 'bucket_timezone', to_jsonb(bf) ->> 'timezone'), '') as zone,
         nullif(coalesce(to_jsonb(bf) ->> 'bucket_origin', to_jsonb(bf) ->> 'origin'), '') as origin) k
cross join lateral (select x.mat_hypertable_id as id) y
left join lateral :log_ends t on true
-- r: the oldest 1000 entries of raw's log are read, by index. From 2.22 to 2.25, ranges of an interrupted refresh count too.
left join lateral (
  select min(w.low) filter (where w.low >= f.oldest) as low, max(w.high) filter (where w.low < f.oldest) as cut_to
    from ((select l.lowest_modified_value as low, l.greatest_modified_value as high
      from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
            where l.hypertable_id = x.raw_hypertable_id and l.lowest_modified_value < t.tail order by l.lowest_modified_value
                 limit 1000)
           union all
          select l.lowest_modified_value, l.greatest_modified_value
            from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
           where l.materialization_id = x.mat_hypertable_id and l.greatest_modified_value < 9223372036854775807
             and l.lowest_modified_value not in (-9223372036854775808, -210866803200000000)
\if :since_2_26
\elif :since_2_22
           union all
          select l.lowest_modified_value, l.greatest_modified_value from _timescaledb_catalog.continuous_aggs_materialization_ranges l
           where l.materialization_id = x.mat_hypertable_id
\endif
         ) w
   where (t.never_before is null or w.high > t.never_before)
