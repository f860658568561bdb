-- Whether all chunks of the slice with the id q.slice were dropped and created again. Up to 2.14 a drop keeps the catalogue rows of the
-- chunk and of the slice, but deletes the chunk's rows in chunk_index. So if a chunk was created again, the slice's row is older than the
-- chunk's table (t: pg_attribute row of the table's column tableoid), but no row in chunk_index is older than the table. After pg_upgrade,
-- which creates every table again, the rows in chunk_index are older, too
(select bool_and(age(s.xmin) > age(t.xmin)
    and exists (select from _timescaledb_catalog.chunk_index i where i.chunk_id = c.id)
    and not exists (select from _timescaledb_catalog.chunk_index i where i.chunk_id = c.id and age(i.xmin) > age(t.xmin)))
   from _timescaledb_catalog.dimension_slice s cross join lateral :slice_chunk c
   join pg_attribute t on t.attrelid = c.relid and t.attnum = -6
  where s.id = q.slice)
