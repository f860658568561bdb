-- Whether all chunks of the slice q.slice were dropped and recreated. Up to 2.14 a drop keeps the catalogue's rows of chunk and slice. The
-- slice is then older than the table (whose age is that of its column tableoid, attnum -6), but the rows in chunk_index are not. After
-- pg_upgrade, which creates every table again, the rows in chunk_index are older too
(select bool_and(age(s.xmin) > age(t.xmin)
    and exists (select from _timescaledb_catalog.chunk_index i where i.chunk_id = c.id)
    and not exists (select from _timescaledb_catalog.chunk_index i where i.chunk_id = c.id and age(i.xmin) > age(t.xmin)))
   from _timescaledb_catalog.dimension_slice s cross join lateral :slice_chunk c
   join pg_attribute t on t.attrelid = c.relid and t.attnum = -6
  where s.id = q.slice)
