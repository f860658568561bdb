-- Present size of the uncompressed chunks past compress_after, for the hypertables in $1 (int8[])
-- · columns: id, backlog_bytes (NULL: unknown which chunks are due) · access: any role; integer time: EXECUTE on integer_now_func, which is
-- called only if its owner is trusted (see shared/trusted.sql) · cost: about 0.1 ms per chunk of the backlog; each is locked for a moment
with trusted as materialized :trusted,
\ir shared/own_clock.sql
policy as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.config ->> 'compress_after' as after_text,
         j.config ->> 'compress_created_before' as created_text, o.owner_zone, o.zone
    from _timescaledb_config.bgw_job j left join lateral :owner_zone o on true
   where j.hypertable_id = any ($1::int8[]) and j.proc_name = 'policy_compression' order by j.hypertable_id, j.id),
\ir shared/exact_bound.sql
due as materialized (
  select b.hypertable_id, sum(pg_total_relation_size(c.relid))::int8 as bytes
    from bound b join :chunk c on c.hypertable_id = b.hypertable_id and not c.osm_chunk and c.status & 9 = 0 and c.status & 4 = 0
    join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = b.dimension_id
         and (s.range_end <= b.boundary or c.creation_time < b.made_before)
   group by 1)
select w.id, case when b.boundary is not null or b.made_before is not null then coalesce(e.bytes, 0) end as backlog_bytes
  from unnest($1::int8[]) w(id) left join bound b on b.hypertable_id = w.id left join due e on e.hypertable_id = w.id
