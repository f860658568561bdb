-- The range of the chunks that were dropped and then created again by a late row, from v.since on, together with the gaps beside these
-- chunks (raw.dimension_id: their dimension; m.axis: its type). Such a chunk is younger than the chunks of later ranges (if there are none:
-- than the end of its own range) and than the chunks of aggregate x in the same range
select min(coalesce(q.before, q.low)) as remade_from, max(coalesce(q.after, q.high)) as remade_to
  from (select s.*, lag(s.high) over o as before, lead(s.low) over o as after,
               min(s.made) filter (where m.axis in ('bigint', 'integer', 'smallint')
                                     or s.low <= (extract(epoch from now()) * 1000000)::int8) over (o rows between 1 following
                 and unbounded following) as next
          from (select s.range_start as low, s.range_end as high, min(s.id) as slice, min(c.serial) as made,
                       min((extract(epoch from case when m.axis = 'timestamp with time zone' then c.creation_time
                                                    else c.creation_time::timestamp at time zone 'UTC' end) * 1000000)::int8) as at
                  from :slice s cross join lateral :slice_chunk c
                 where s.dimension_id = raw.dimension_id and s.range_end > v.since
                 group by s.range_start, s.range_end) s window o as (order by s.low) offset 0) q
 cross join lateral (
   select min(s.serial) filter (where s.range_start < q.high) as inside,
          min(s.serial) filter (where s.range_start >= q.high and (m.axis in ('bigint', 'integer', 'smallint')
                                  or s.range_start <= (extract(epoch from now()) * 1000000)::int8)) as newer
     from _timescaledb_catalog.dimension d join :chunk_slice s on s.dimension_id = d.id
    where d.hypertable_id = x.mat_hypertable_id and d.interval_length is not null and s.range_end > q.low) o
 where o.inside < q.made and ((q.next < q.made or q.next is null)
   and (least(q.next, o.newer) < q.made or not m.axis in ('bigint', 'integer', 'smallint') and q.next is null and q.at >= q.high)
\if :since_2_15
   )
\else
   or :chunk_made_again)
\endif
