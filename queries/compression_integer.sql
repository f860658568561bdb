-- For the hypertables with integer time in $1 (int8[]): number of uncompressed chunks past compress_after, and the time since which they
-- are due
-- · columns: id, backlog_chunks (NULL: no compress_after, or integer_now_func was not called), about_chunks (if backlog_chunks is NULL: the
-- number if the newest chunk's end were the current time), due_since (time at which the first of the oldest 20 due chunks became due, in
-- microseconds since 1970 UTC; NULL: unknown)
-- · access: EXECUTE on integer_now_func, which is called only if its owner is trusted (see shared/trusted.sql) · cost: about 1 ms and one
-- call of integer_now_func per hypertable, 0.05 ms per due chunk
with trusted as materialized :trusted,
\ir shared/own_clock.sql
\ir shared/integer_now.sql
    join lateral (select case when x.config ->> 'compress_after' ~ '^\d{1,18}$' then (x.config ->> 'compress_after')::int8 end as after
      from _timescaledb_config.bgw_job x
                   where x.hypertable_id = t.id and x.proc_name = 'policy_compression' order by x.id limit 1) j on true),
\ir shared/integer_due.sql
                            and c.status & 9 = 0 offset 0) c),
\ir shared/integer_since.sql
select w.id, case when b.trusted then n.chunks end as backlog_chunks, case when not b.trusted then n.chunks end as about_chunks,
       case when b.trusted then (extract(epoch from s.due_since) * 1000000)::int8 end as due_since
  from unnest($1::int8[]) w(id) left join bound b on b.id = w.id left join since s on s.id = w.id
  left join lateral (select coalesce((select max(d.chunks) from due d where d.id = w.id), 0) as chunks
    where b.boundary is not null) n on true
