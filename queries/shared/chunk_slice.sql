-- The range of each chunk in each dimension of its hypertable: chunk_id, serial (see chunk.sql), dimension_id, range_start, range_end
\if :since_2_28
(select s.chunk_id, s.chunk_id::int8 as serial, s.dimension_id, s.range_start, s.range_end from :slice s)
\elif :since_2_15
(select k.chunk_id, k.chunk_id::int8 as serial, s.dimension_id, s.range_start, s.range_end
   from _timescaledb_catalog.chunk_constraint k join :slice s on s.id = k.dimension_slice_id)
\else
(select k.chunk_id, (select c.serial from :chunk c where c.id = k.chunk_id) as serial, s.dimension_id, s.range_start, s.range_end
   from _timescaledb_catalog.chunk_constraint k join :slice s on s.id = k.dimension_slice_id)
\endif
