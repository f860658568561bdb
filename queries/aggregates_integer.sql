-- For the aggregates with integer time in $1 (int8[]): start of their refresh windows at the next run, and the changes before that start
-- · columns: id, clocks (0: no integer_now_func), reach_from (the earliest start of a window; NULL: no policy, a window without a start, or
-- the function was not called), unreached, unreached_to, unread_from, unread_next, cut_to (see shared/unreached.sql), code, code_owner
-- (only if the owner of integer_now_func is not trusted: the function, and a role that could replace its code)
-- · access: EXECUTE on integer_now_func, which is called only if its owner is trusted (see shared/trusted.sql) · cost: about 1 ms and one
-- call of integer_now_func per aggregate
with recursive trusted as materialized :trusted,
\ir shared/integer_clock.sql
told as materialized (
  select k.id, f.trusted is true as trusted, format('%I.%I()', k.schema, k.function) as code, f.owner,
         case when f.trusted then :now_value end as at
    from clock k
    left join lateral :now_function f on true),
reach as materialized (
  select w.id, t.trusted, t.code, t.owner, a.raw_hypertable_id as raw_id, e.id as source_dimension, b.longest,
         case when j.closed then (t.at::numeric - j.back) end as since
    from unnest($1::int8[]) w(id) join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = w.id left join told t on t.id = w.id
    left join _timescaledb_catalog.continuous_aggs_bucket_function bf on bf.mat_hypertable_id = w.id
    -- Up to 2.14 bucket_width is a column of continuous_agg.
    cross join lateral (select coalesce(to_jsonb(a) ->> 'bucket_width', to_jsonb(bf) ->> 'bucket_width') as width) v
    cross join lateral (select case when v.width ~ '^\d{1,18}$' then v.width::int8 else 0 end as longest) b
    left join :time_dimension e on e.hypertable_id = a.raw_hypertable_id
    left join lateral (select bool_and(coalesce(x.config ->> 'start_offset' ~ '^-?\d{1,18}$', false)) as closed,
                             max(case when x.config ->> 'start_offset' ~ '^-?\d{1,18}$'
                                  then (x.config ->> 'start_offset')::int8 end) as back
                             from _timescaledb_config.bgw_job x
                               where x.hypertable_id = w.id and x.proc_name = 'policy_refresh_continuous_aggregate') j on true)
select y.id, (select count(*) from clock c where c.id = y.id) as clocks, y.since as reach_from,
       x.unreached, x.unreached_to, x.unread_from, x.unread_next, x.cut_to,
       case when y.trusted is false then y.code end as code, case when y.trusted is false then y.owner end as code_owner
  from (select r.id, r.trusted, r.code, r.owner, r.raw_id, r.source_dimension,
               greatest(least(r.since, 9223372036854775807), -9223372036854775807)::int8 as since,
               greatest(least(r.since + r.longest, 9223372036854775807), -9223372036854775807)::int8 as upto from reach r) y
  left join lateral (select s.range_start from :used_slice s where s.dimension_id = y.source_dimension
                      order by s.range_start limit 1) f on true
  left join lateral :log_ends t on true
  \ir shared/unreached.sql
