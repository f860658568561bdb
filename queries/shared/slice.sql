-- The ranges of dimensions: dimension_id, range_start, range_end. To 2.27 chunks share them, and to 2.14 those of dropped chunks may stay.
-- Their chunks: slice_chunk.sql and chunk_slice.sql
\if :since_2_28
(select s.id, s.chunk_id, s.dimension_id, s.range_start, s.range_end from _timescaledb_catalog.dimension_slice s)
\else
(select s.id, s.dimension_id, s.range_start, s.range_end from _timescaledb_catalog.dimension_slice s)
\endif
