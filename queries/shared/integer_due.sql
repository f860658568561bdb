-- The chunks that are due for the policy in bound, neither tiered nor frozen, with the time of their creation (made; NULL: unknown)
due as materialized (
  select b.id, s.range_start, s.range_end, c.made, row_number() over (partition by b.id order by s.range_end) as nth,
         count(*) over (partition by b.id) as chunks
    from bound b
    cross join lateral (select s.* from :slice s
                         where s.dimension_id = b.dimension_id and s.range_start < b.boundary and s.range_end <= b.boundary offset 0) s
    -- The update to 2.13 gave existing chunks a creation_time before 2015, which is not their real creation time.
    cross join lateral (select case when c.creation_time > '2015-01-01' then c.creation_time end as made
                          from :slice_chunk c where not c.osm_chunk and c.status & 4 = 0
