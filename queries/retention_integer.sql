-- For the hypertables and aggregates with integer time in $1 (int8[]): chunks that the next run of the policy drops, and the time since
-- which they are due
-- · columns: id, clocks (0: no integer_now_func), eligible_chunks (NULL: no drop_after, or integer_now_func was not called), about_chunks
-- (if eligible_chunks is NULL: the number if the newest chunk's end were the current time), due_since (time at which the first of the
-- oldest 20 due chunks became due, in microseconds since 1970 UTC; NULL: unknown), is_now (value of integer_now_func), drop_edge (end of
-- the last dropped chunk)
-- · access: EXECUTE on integer_now_func, which is called only if its owner is trusted (see shared/trusted.sql) · cost: about 1 ms and one
-- call of integer_now_func per hypertable, 0.05 ms per due chunk
with recursive trusted as materialized :trusted,
\ir shared/integer_clock.sql
\ir shared/integer_now.sql
    join lateral (select case when x.config ->> 'drop_after' ~ '^\d{1,18}$' then (x.config ->> 'drop_after')::int8 end as after
      from _timescaledb_config.bgw_job x
                   where x.hypertable_id = t.id and x.proc_name = 'policy_retention' order by x.id limit 1) j on true),
\ir shared/integer_due.sql
  offset 0) c),
\ir shared/integer_since.sql
select w.id, (select count(*) from clock c where c.id = w.id) as clocks,
       case when b.trusted then n.chunks end as eligible_chunks, case when not b.trusted then n.chunks end as about_chunks,
       case when b.trusted then (extract(epoch from s.due_since) * 1000000)::int8 end as due_since,
       case when b.trusted then b.at end as is_now,
       case when b.trusted then (select max(d.range_end) from due d where d.id = w.id) end as drop_edge
  from unnest($1::int8[]) w(id) left join bound b on b.id = w.id left join since s on s.id = w.id
  left join lateral (select coalesce((select max(d.chunks) from due d where d.id = w.id), 0) as chunks
    where b.boundary is not null) n on true
