-- of x, an aggregate that reads raw: whether the source still has chunks there, and which of them were made again (g)
     and exists (select from _timescaledb_catalog.dimension_slice s
                  where s.dimension_id = raw.dimension_id and s.range_end > w.low
\if :since_2_29
                       and (s.range_start < w.high or s.range_start <= w.low))) r on true
-- where chunks from there on were made after newer ones (the newest: after its time was over), and after the materialization of the
-- same time:
-- so it is where a late row makes a chunk again that was dropped; with the holes beside them
\else
                       and (s.range_start < w.high or s.range_start <= w.low)
                    and exists (select from _timescaledb_catalog.chunk_constraint y
                      join _timescaledb_catalog.chunk c on c.id = y.chunk_id
                                 where y.dimension_slice_id = s.id
                                      and not coalesce((to_jsonb(c) ->> 'dropped')::bool, false)))) r on true
-- where chunks from there on were made after newer ones (the newest: after its time was over), and after the materialization of the
-- same time:
-- so it is where a late row makes a chunk again that was dropped; with the holes beside them. To 2.14 such a chunk keeps its id
\endif
left join lateral (
  select min(coalesce(q.before, q.low)) as remade_from, max(coalesce(q.after, q.high)) as remade_to
    from (select s.*, lag(s.high) over o as before, lead(s.low) over o as after,
         min(s.made) filter (where m.axis in ('bigint', 'integer', 'smallint')
              or s.low <= (extract(epoch from now()) * 1000000)::int8) over (o rows between 1 following
              and unbounded following) as next
\if :since_2_15
            from (select s.range_start as low, s.range_end as high, min(c.id) as made,
\else
            from (select s.range_start as low, s.range_end as high, min(s.id) as slice,
                 min(to_regclass(format('%I.%I', c.schema_name, c.table_name))::oid::int8) as made,
\endif
                         min((extract(epoch from case when m.axis = 'timestamp with time zone'
                              then (to_jsonb(c) ->> 'creation_time')::timestamptz
                                                      else (to_jsonb(c) ->> 'creation_time')::timestamptz::timestamp at time zone
                                                           'UTC' end) * 1000000)::int8) as at
\if :since_2_29
                    from _timescaledb_catalog.dimension_slice s join _timescaledb_catalog.chunk c on c.id = s.chunk_id
                   where s.dimension_id = raw.dimension_id and s.range_end > case when r.cut_to is null then r.low else f.oldest end
                        group by s.range_start, s.range_end) s window o as (order by s.low) offset 0) q
   cross join lateral (
     select min(ms.chunk_id) filter (where ms.range_start < q.high) as inside,
            min(ms.chunk_id) filter (where ms.range_start >= q.high
                 and (m.axis in ('bigint', 'integer', 'smallint')
                      or ms.range_start <= (extract(epoch from now()) * 1000000)::int8)) as newer
       from _timescaledb_catalog.dimension md join _timescaledb_catalog.dimension_slice ms on ms.dimension_id = md.id
\else
                    from _timescaledb_catalog.dimension_slice s
                      join _timescaledb_catalog.chunk_constraint y on y.dimension_slice_id = s.id
                        join _timescaledb_catalog.chunk c on c.id = y.chunk_id
                             and not coalesce((to_jsonb(c) ->> 'dropped')::bool, false)
                   where s.dimension_id = raw.dimension_id and s.range_end > case when r.cut_to is null then r.low else f.oldest end
                        group by s.range_start, s.range_end) s window o as (order by s.low) offset 0) q
   cross join lateral (
     select min(case when to_regclass('_timescaledb_internal.bgw_job_stat_history') is null
          then to_regclass(format('%I.%I', mc.schema_name, mc.table_name))::oid::int8 else mc.id end)
               filter (where ms.range_start < q.high) as inside,
               min(case when to_regclass('_timescaledb_internal.bgw_job_stat_history') is null
                    then to_regclass(format('%I.%I', mc.schema_name, mc.table_name))::oid::int8 else mc.id end)
                         filter (where ms.range_start >= q.high
                 and (m.axis in ('bigint', 'integer', 'smallint')
                      or ms.range_start <= (extract(epoch from now()) * 1000000)::int8)) as newer
       from _timescaledb_catalog.dimension md join _timescaledb_catalog.dimension_slice ms on ms.dimension_id = md.id
         join _timescaledb_catalog.chunk_constraint my on my.dimension_slice_id = ms.id
           join _timescaledb_catalog.chunk mc on mc.id = my.chunk_id
\endif
      where md.hypertable_id = x.mat_hypertable_id and md.interval_length is not null and ms.range_end > q.low) o
   where o.inside < q.made and ((q.next < q.made or q.next is null)
        and (least(q.next, o.newer) < q.made or not m.axis in ('bigint', 'integer', 'smallint') and q.next is null and q.at >= q.high)
\if :since_2_15
        )
\else
        or :made_again)
\endif
) g on r.low is not null or r.cut_to is not null
