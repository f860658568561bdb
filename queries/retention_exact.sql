-- Present size of the chunks that the next retention run would drop, for the hypertables and aggregates in $1 (int8[])
-- · columns: id, eligible_bytes (NULL: unknown which chunks are dropped) · access: any role; integer time: EXECUTE on integer_now_func,
-- which is called only if its owner is trusted (see shared/trusted.sql) · cost: about 0.1 ms per chunk that is dropped; each is locked for
-- a moment
with recursive trusted as materialized :trusted,
\ir shared/integer_clock.sql
policy as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.config ->> 'drop_after' as after_text,
         j.config ->> 'drop_created_before' as created_text, o.owner_zone, o.zone
    from _timescaledb_config.bgw_job j left join lateral :owner_zone o on true
   where j.hypertable_id = any ($1::int8[]) and j.proc_name = 'policy_retention' order by j.hypertable_id, j.id),
\ir shared/exact_bound.sql
due as materialized (
  select b.hypertable_id, sum(pg_total_relation_size(c.relid) + coalesce(pg_total_relation_size(c.companion), 0))::int8 as bytes
    from bound b
    cross join lateral (
      -- Few chunks are usually due by their range, so they are found by index, from the oldest on.
      select c.* from (select s.* from :slice s
                        where s.dimension_id = b.dimension_id and s.range_start < b.boundary and s.range_end <= b.boundary offset 0) s
       cross join lateral (select c.relid, c.companion from :slice_chunk c where not c.osm_chunk and c.status & 4 = 0 offset 0) c
      union all
      select c.relid, c.companion from :chunk c
       where b.boundary is null and b.made_before is not null and c.hypertable_id = b.hypertable_id and c.creation_time < b.made_before
         and not c.osm_chunk and c.status & 4 = 0) c
   group by 1)
select b.hypertable_id::int8 as id,
       case when b.boundary is not null or b.made_before is not null then coalesce(e.bytes, 0) end as eligible_bytes
  from bound b left join due e using (hypertable_id)
