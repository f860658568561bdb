-- Bytes before and after compression, by hypertable or materialization, of the chunks whose range ended longer ago than the interval $1
-- (text; empty: of all chunks)
-- · columns: id, compressed (number of chunks), chunks (number of all that are old enough), before_bytes, after_bytes, due (when the oldest
-- chunk becomes or became old enough; NULL: integer time, or no interval) · access: any role · cost: about 10 µs per chunk
select h.id::int8 as id, count(*) filter (where o.is_old and c.status & 1 = 1)::int8 as compressed,
       count(*) filter (where o.is_old)::int8 as chunks, coalesce(sum(z.before_bytes) filter (where o.is_old), 0)::int8 as before_bytes,
       coalesce(sum(z.after_bytes) filter (where o.is_old), 0)::int8 as after_bytes,
       to_timestamp(min(s.range_end) filter (where not o.is_integer and s.range_end between -62135596800000000 and 253402214400000000)
                    / 1000000.0) + nullif($1::text, '')::interval as due
  from _timescaledb_catalog.hypertable h join :time_dimension d on d.hypertable_id = h.id
  join :chunk c on c.hypertable_id = h.id and not c.osm_chunk
  join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = d.id
  cross join lateral (
    select i.is_integer, $1::text = '' or i.is_integer
           or s.range_end < (extract(epoch from now() - nullif($1::text, '')::interval) * 1000000)::int8 as is_old
      from (select d.column_type in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) as is_integer) i
  ) o
  left join :recorded_size z on z.chunk_id = c.id
 where h.compression_state <> 2
 group by h.id
