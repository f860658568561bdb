-- What compression saved, by hypertable or materialization, of the chunks whose range ended before the interval $1 (text; empty: of all
-- chunks)
-- · columns: id, compressed (number of chunks), chunks (number of all that are old enough), before_bytes, after_bytes · access: any role
-- · cost: about 10 µs per chunk
select h.id::int8 as id, count(*) filter (where c.status & 1 = 1)::int8 as compressed, count(*)::int8 as chunks,
       coalesce(sum(z.before_bytes), 0)::int8 as before_bytes, coalesce(sum(z.after_bytes), 0)::int8 as after_bytes
  from _timescaledb_catalog.hypertable h join :time_dimension d on d.hypertable_id = h.id
  join :chunk c on c.hypertable_id = h.id and not c.osm_chunk
  join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = d.id
  left join :recorded_size z on z.chunk_id = c.id
 where h.compression_state <> 2
   and ($1::text = '' or d.column_type in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
        or s.range_end < (extract(epoch from now() - nullif($1::text, '')::interval) * 1000000)::int8)
 group by h.id
