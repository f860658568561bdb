-- The chunks of hypertable $1 (int8), oldest first: place on the time axis, state, recorded bytes, true bytes of the newest 500
-- chunk, range_start, range_end, status, creation_time, before_bytes, after_bytes, bytes · public (a size takes a moment's lock) · 0.1 ms for each of 500
select c.table_name::text as chunk, s.range_start, s.range_end, c.status, c.creation_time, z.before_bytes, z.after_bytes,
       case when row_number() over (order by s.range_start desc, c.id desc) <= 500
            then pg_total_relation_size((select r.oid from pg_class r join pg_namespace n on n.oid = r.relnamespace where n.nspname = c.schema_name and r.relname = c.table_name)) + coalesce(pg_total_relation_size((select r.oid from _timescaledb_catalog.chunk z join pg_namespace n on n.nspname = z.schema_name join pg_class r on r.relnamespace = n.oid and r.relname = z.table_name where z.id = c.compressed_chunk_id)), 0) end as bytes
  from (select x.* from _timescaledb_catalog.dimension x where x.hypertable_id = $1 and x.interval_length is not null order by x.id limit 1) d
  cross join lateral (select c.* from (select false as dropped, null::timestamptz as creation_time) absent cross join lateral (select id, hypertable_id, status, creation_time, schema_name, table_name, compressed_chunk_id from _timescaledb_catalog.chunk where not dropped and not osm_chunk and hypertable_id = $1) c) c
  join _timescaledb_catalog.chunk_constraint k on k.chunk_id = c.id
  join _timescaledb_catalog.dimension_slice s on s.id = k.dimension_slice_id and s.dimension_id = d.id
  left join lateral (select z.uncompressed_heap_size + z.uncompressed_toast_size + z.uncompressed_index_size as before_bytes,
                            z.compressed_heap_size + z.compressed_toast_size + z.compressed_index_size as after_bytes
                       from _timescaledb_catalog.compression_chunk_size z where z.chunk_id = c.id limit 1) z on true
 order by s.range_start, c.id
