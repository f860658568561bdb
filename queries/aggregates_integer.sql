-- Of the aggregates with integer time in $1 (int8[]): where the reach of their policies begins at their next run, and what waits before it
-- id, clocks (0: no integer_now_func), reach_from (NULL: a policy reaches over everything), unreached, unreached_to, unread_from,
-- unread_next, cut_to as in aggregates; code, code_owner (the function that was not run, and who could put other code in its place) ·
-- EXECUTE on integer_now_func, whose owner is trusted · ~1 ms and that function a row
with recursive trusted as materialized :trusted,
\ir shared/integer_clock.sql
told as materialized (
  select k.id, f.trusted is true as trusted, format('%I.%I()', k.schema, k.function) as code, f.owner,
         case when f.trusted then (xpath('/row/n/text()',
              query_to_xml(format('select %I.%I() as n', k.schema, k.function), false, true, '')))[1]::text::int8 end as at
    from clock k
    left join lateral :now_function f on true),
reach as materialized (
  select w.id, t.trusted, t.code, t.owner, a.raw_hypertable_id as raw_id, e.id as raw_dimension, b.longest,
         case when j.closed then (t.at::numeric - j.back) end as since
    from unnest($1::int8[]) w(id)
    join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = w.id
    left join told t on t.id = w.id
    left join _timescaledb_catalog.continuous_aggs_bucket_function bf on bf.mat_hypertable_id = w.id
    -- up to 2.14 the width stands with the aggregate
    cross join lateral (select coalesce(to_jsonb(a) ->> 'bucket_width', to_jsonb(bf) ->> 'bucket_width') as width) v
    cross join lateral (select case when v.width ~ '^\d{1,18}$' then v.width::int8 else 0 end as longest) b
    left join lateral (select x.id from _timescaledb_catalog.dimension x
      where x.hypertable_id = a.raw_hypertable_id and x.interval_length is not null order by x.id limit 1) e on true
    left join lateral (select bool_and(coalesce(x.config ->> 'start_offset' ~ '^-?\d{1,18}$', false)) as closed,
                             max(case when x.config ->> 'start_offset' ~ '^-?\d{1,18}$'
                                  then (x.config ->> 'start_offset')::int8 end) as back
                             from _timescaledb_config.bgw_job x
                               where x.hypertable_id = w.id and x.proc_name = 'policy_refresh_continuous_aggregate') j on true)
select o.id, (select count(*) from clock c where c.id = o.id) as clocks, o.from as reach_from,
       x.unreached, x.unreached_to, x.unread_from, x.unread_next, x.cut_to,
       case when o.trusted is false then o.code end as code, case when o.trusted is false then o.owner end as code_owner
  from (select r.*, greatest(least(r.since, 9223372036854775807), -9223372036854775807)::int8 as from,
               greatest(least(r.since + r.longest, 9223372036854775807), -9223372036854775807)::int8 as upto from reach r) o
  left join lateral (select s.range_start from :slice s
                      where s.dimension_id = o.raw_dimension order by s.range_start limit 1) f on true
  left join lateral (
    select min(l.lowest_modified_value) filter (where l.greatest_modified_value = 9223372036854775807) as tail,
           max(l.greatest_modified_value) filter (where l.lowest_modified_value in (-9223372036854775808, -210866803200000000)
                                                    and l.greatest_modified_value < 9223372036854775807) as never_before
      from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l where l.materialization_id = o.id) t on true
  -- changed ranges that begin before the policies' reach, where the source has chunks; of the source's log the oldest, by its index
  left join lateral (
    select count(*) filter (where r.low >= f.range_start and r.low < o.from) as unreached,
           max(r.high) filter (where r.low >= f.range_start and r.low < o.from) as unreached_to,
           min(r.low) filter (where r.low >= f.range_start) as unread_from, min(r.low) filter (where r.low >= o.from) as unread_next,
           max(r.high) filter (where r.low < f.range_start) as cut_to
      from ((select l.lowest_modified_value as low, l.greatest_modified_value as high
        from _timescaledb_catalog.continuous_aggs_hypertable_invalidation_log l
              where l.hypertable_id = o.raw_id and l.lowest_modified_value < least(o.upto, t.tail) and o.from is not null
              order by l.lowest_modified_value limit 1000)
             union all
            select l.lowest_modified_value, l.greatest_modified_value
              from _timescaledb_catalog.continuous_aggs_materialization_invalidation_log l
             where l.materialization_id = o.id and l.greatest_modified_value < 9223372036854775807
               and l.lowest_modified_value not in (-9223372036854775808, -210866803200000000) and o.from is not null) r
     where r.low < o.upto and (t.never_before is null or r.high > t.never_before)
       and exists (select from :slice s
                    where s.dimension_id = o.raw_dimension and s.range_end > r.low
                         and (s.range_start < r.high or s.range_start <= r.low))) x on true
