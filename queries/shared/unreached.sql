-- x: changes that start before y.since (the start of the refresh windows of aggregate y), in ranges where the source has chunks: unreached
-- (their number), unreached_to (the latest end); unread_from: start of the first change; unread_next: start of the first change at or after
-- y.since; cut_to: latest end of the ranges that start before the source's oldest chunk (f), which come from drops. y.upto: the latest
-- possible end of the bucket at y.since; changes from there on are not read. Of the source's log only the oldest 1000 entries are read, by
-- index
left join lateral (
  select count(*) filter (where r.low >= f.range_start and r.low < y.since) as unreached,
         max(r.high) filter (where r.low >= f.range_start and r.low < y.since) as unreached_to,
         min(r.low) filter (where r.low >= f.range_start) as unread_from, min(r.low) filter (where r.low >= y.since) as unread_next,
         max(r.high) filter (where r.low < f.range_start) as cut_to
    from ((select l.lowest_modified_value as low, l.greatest_modified_value as high
             from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
            where l.hypertable_id = y.raw_id and l.lowest_modified_value < least(y.upto, t.tail) and y.since is not null
            order by l.lowest_modified_value limit 1000)
           union all
          select l.lowest_modified_value, l.greatest_modified_value
            from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
           where l.materialization_id = y.id and l.greatest_modified_value < 9223372036854775807
             and l.lowest_modified_value not in (-9223372036854775808, -210866803200000000) and y.since is not null
\if :since_2_26
\elif :since_2_22
           union all
          select l.lowest_modified_value, l.greatest_modified_value from _timescaledb_catalog.continuous_aggs_materialization_ranges l
           where l.materialization_id = y.id and y.since is not null
\endif
         ) r
   where r.low < y.upto and (t.never_before is null or r.high > t.never_before)
     and exists (select from :used_slice s
                  where s.dimension_id = y.source_dimension and s.range_end > r.low
                    and (s.range_start < r.high or s.range_start <= r.low))) x on true
