-- Present size of all uncompressed chunks of the hypertables in $1 (int8[]), due or not
-- · columns: id, uncompressed_bytes · access: any role · cost: about 0.1 ms per uncompressed chunk; each is locked for a moment
select w.id, coalesce(sum(pg_total_relation_size(c.relid)), 0)::int8 as uncompressed_bytes
  from unnest($1::int8[]) w(id)
  left join :chunk c on c.hypertable_id = w.id and not c.osm_chunk and c.status & 9 = 0
 group by 1
