-- Of the hypertables with integer time in $1 (int8[]): chunks past compress-after that are not compressed, and since when
-- id, backlog_chunks (NULL: integer_now_func was not run), about_chunks (then: as if it said the newest chunk's end), due_since
-- (microseconds since 1970 UTC: then the oldest of them was due for sure; NULL: not known) · EXECUTE on integer_now_func, whose owner is
-- trusted · ~1 ms and that function a row, ~0.05 ms a chunk that is due
with trusted as materialized (
  \ir shared/trusted.sql
),
clock as materialized (
  -- that of the hypertable itself: a compression policy on an aggregate does not know its source's (2.11 to 2.28), and fails
  select distinct on (w.id) w.id, w.id as root, d.integer_now_func_schema as schema, d.integer_now_func as function
    from unnest($1::int8[]) w(id) join _timescaledb_catalog.dimension d on d.hypertable_id = w.id and d.interval_length is not null
         and d.integer_now_func is not null order by w.id, d.id),
told as materialized (
  select t.id, t.at, t.trusted,
         -- a function that reads the clock, and no table, counts units of time; how many seconds one has is seen by how far it has come
         -- since 1970
         case when f.body
              ~* '\m(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday) '
                 '*\(|\m(current_timestamp|current_date|current_time|localtimestamp|localtime)\M' and f.body !~* '\m(max|order +by|limit)\M'
              then (select u.seconds from (values (86400), (3600), (60), (1), (1e-3), (1e-6), (1e-9)) u(seconds)
                     where abs(t.at * u.seconds - extract(epoch from now())::numeric) < 2 * 86400) end as unit
    from (select c.id, f.oid, coalesce(f.trusted, false) as trusted,
                 case when f.trusted then (xpath('/row/n/text()',
                      query_to_xml(format('select %I.%I() as n', c.schema, c.function), false, true, '')))[1]::text::int8
                      else (select z.range_end from _timescaledb_catalog.dimension x
                        join _timescaledb_catalog.dimension_slice z on z.dimension_id = x.id
                             where x.hypertable_id = c.root and x.interval_length is not null order by x.id, z.range_start desc
                                  limit 1) end as at
            from clock c
            left join lateral (select p.oid, p.proowner = any (t.roles) and n.nspowner = any (t.roles) as trusted
                                     from trusted t join pg_namespace n on n.nspname = c.schema
                                       join pg_proc p on p.pronamespace = n.oid and p.proname = c.function and p.pronargs = 0
                                            and p.prokind = 'f') f on true) t
    left join lateral (select pg_get_functiondef(t.oid) as body where t.trusted) f on true),
bound as materialized (
  select t.id, d.id as dimension_id, t.at, t.trusted, t.unit, j.after, t.at - j.after as boundary
    from told t
    join lateral (select x.id from _timescaledb_catalog.dimension x where x.hypertable_id = t.id and x.interval_length is not null
         order by x.id limit 1) d on true
    join lateral (select case when x.config ->> 'compress_after' ~ '^\d{1,18}$' then (x.config ->> 'compress_after')::int8 end as after
      from _timescaledb_config.bgw_job x
                   where x.hypertable_id = t.id and x.proc_name = 'policy_compression' order by x.id limit 1) j on true),
due as materialized (
  select b.id, s.range_start, s.range_end, c.made, row_number() over (partition by b.id order by s.range_end) as nth,
         count(*) over (partition by b.id) as chunks
    from bound b
\if :since_2_29
    cross join lateral (select s.chunk_id, s.range_start, s.range_end from _timescaledb_catalog.dimension_slice s
\else
    cross join lateral (select s.id, s.range_start, s.range_end from _timescaledb_catalog.dimension_slice s
\endif
                         where s.dimension_id = b.dimension_id and s.range_start < b.boundary and s.range_end <= b.boundary offset 0) s
    -- since 2.13; a chunk that is older than its upgrade to that has a moment long ago
    cross join (select false as dropped, null::timestamptz as creation_time) absent
    cross join lateral (select case when creation_time > '2015-01-01' then creation_time end as made
\if :since_2_29
                          from _timescaledb_catalog.chunk
                            where id = s.chunk_id and not dropped and not osm_chunk and status & 9 = 0 and status & 4 = 0 offset 0) c),
\else
                          from _timescaledb_catalog.chunk_constraint k, _timescaledb_catalog.chunk
                            where k.dimension_slice_id = s.id and id = k.chunk_id and not dropped and not osm_chunk and status & 9 = 0
                                 and status & 4 = 0 offset 0) c),
\endif
-- a chunk was due when rows were written that lie by more than the policy's length, and a chunk, beyond it; and not before it was made
since as materialized (
  select d.id, min(greatest(d.made, case
       when b.unit is not null then now() - ((b.boundary - d.range_end) * b.unit)::float8 * interval '1 second' else w.made end))
           filter (where b.unit is not null or d.made is not null and w.made is not null) as due_since
    from due d join bound b on b.id = d.id
    left join lateral (
      select min(c.made) as made
\if :since_2_29
        from (select s.chunk_id, s.range_start from _timescaledb_catalog.dimension_slice s
\else
        from (select s.id, s.range_start from _timescaledb_catalog.dimension_slice s
\endif
               where s.dimension_id = b.dimension_id
                    and s.range_start >= least(d.range_end::numeric + b.after + (d.range_end::numeric - d.range_start),
                         9223372036854775807)::int8 and s.range_start <= b.at
               order by s.range_start limit 5) s
        cross join (select false as dropped, null::timestamptz as creation_time) absent
\if :since_2_29
        cross join lateral (select case when creation_time > '2015-01-01' then creation_time end as made from _timescaledb_catalog.chunk
          where id = s.chunk_id and not dropped and not osm_chunk offset 0) c
\else
        cross join lateral (select case when creation_time > '2015-01-01' then creation_time end as made
          from _timescaledb_catalog.chunk_constraint k, _timescaledb_catalog.chunk
            where k.dimension_slice_id = s.id and id = k.chunk_id and not dropped and not osm_chunk offset 0) c
\endif
       where b.unit is null) w on true
   where d.nth <= 20
   group by 1)
select w.id, case when b.trusted then n.chunks end as backlog_chunks, case when not b.trusted then n.chunks end as about_chunks,
       case when b.trusted then (extract(epoch from s.due_since) * 1000000)::int8 end as due_since
  from unnest($1::int8[]) w(id) left join bound b on b.id = w.id left join since s on s.id = w.id
  left join lateral (select coalesce((select max(d.chunks) from due d where d.id = w.id), 0) as chunks
    where b.boundary is not null) n on true
