-- Whether all chunks of the slice q.slice were made again after they had been dropped. To 2.14 their rows and the slice stay when they go,
-- so that the slice is older than their tables; and no index of theirs is (after pg_upgrade, which makes every table again, they are).
-- A table's own columns (-6: tableoid) are written once.
(select bool_and(age(s.xmin) > age(t.xmin)
    and exists (select from _timescaledb_catalog.chunk_index i where i.chunk_id = c.id)
    and not exists (select from _timescaledb_catalog.chunk_index i where i.chunk_id = c.id and age(i.xmin) > age(t.xmin)))
   from _timescaledb_catalog.dimension_slice s cross join lateral :slice_chunk c
   join pg_attribute t on t.attrelid = c.relid and t.attnum = -6
  where s.id = q.slice)
