-- due_since: the time at which the first of the oldest 20 due chunks became due. It is computed from the length of a unit of integer time,
-- if this length is known. Otherwise it is the creation of the first chunk that starts later than the due chunk's end by at least the
-- policy's length plus one interval. It is never before the creation of the due chunk itself. NULL: unknown
since as materialized (
  select d.id, min(greatest(d.made, case
       when b.unit is not null then now() - ((b.boundary - d.range_end) * b.unit)::float8 * interval '1 second' else w.made end))
           filter (where b.unit is not null or d.made is not null and w.made is not null) as due_since
    from due d join bound b on b.id = d.id
    left join lateral (
      select min(c.made) as made
        from (select s.* from :slice s
               where s.dimension_id = b.dimension_id
                    and s.range_start >= least(d.range_end::numeric + b.after + (d.range_end::numeric - d.range_start),
                         9223372036854775807)::int8 and s.range_start <= b.at
               order by s.range_start limit 5) s
        cross join lateral (select case when c.creation_time > '2015-01-01' then c.creation_time end as made
                              from :slice_chunk c where not c.osm_chunk offset 0) c
       where b.unit is null) w on true
   where d.nth <= 20
   group by 1)
