-- edge: range of the newest full chunk intervals, as many as fit into a day, but at least 1 and at most 24. With integer time, edge is the
-- second newest interval, because the newest may not be full
edge as materialized (
  select d.*, e.range_end as window_end, e.range_end - d.interval_length
              * greatest(1, case when d.whole then 1 else least(24, 86400000000 / d.interval_length) end) as window_start
    from dim d cross join lateral (
      select max(x.range_end) as range_end from (
        select s.range_end from :slice s
         where s.dimension_id = d.id and (d.whole
              and s.range_end < (select max(y.range_end) from :slice y where y.dimension_id = d.id)
              or s.range_end <= d.now_raw)
         order by s.range_start desc limit 1) x) e
   where e.range_end is not null),
