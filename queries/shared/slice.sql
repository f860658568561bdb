-- Ranges in dimensions: dimension_id, range_start, range_end. Up to 2.27 several chunks may share a range; up to 2.14 ranges of dropped
-- chunks may stay. slice_chunk.sql has the chunks of a range, chunk_slice.sql the ranges of a chunk
\if :since_2_28
(select s.id, s.chunk_id, s.dimension_id, s.range_start, s.range_end from _timescaledb_catalog.dimension_slice s)
\else
(select s.id, s.dimension_id, s.range_start, s.range_end from _timescaledb_catalog.dimension_slice s)
\endif
