-- Present size of all uncompressed chunks of the hypertables in $1 (int8[]), due or not
-- · columns: id, uncompressed_bytes (NULL: another session locks a chunk) · access: any role · cost: about 0.1 ms per uncompressed chunk;
-- each is locked for a moment
with locked as materialized :locked
select w.id, case when count(l.relation) = 0
         then coalesce(sum(case when l.relation is null then pg_total_relation_size(c.relid) end), 0)::int8 end as uncompressed_bytes
  from unnest($1::int8[]) w(id)
  left join :chunk c on c.hypertable_id = w.id and not c.osm_chunk and c.status & 9 = 0
  left join locked l on l.relation = c.relid
 group by 1
