-- The range of each chunk in each of its dimensions: chunk_id, dimension_id, range_start, range_end
\if :since_2_28
 :slice
\else
(select k.chunk_id, s.id, s.dimension_id, s.range_start, s.range_end
   from _timescaledb_catalog.chunk_constraint k join :slice s on s.id = k.dimension_slice_id)
\endif
