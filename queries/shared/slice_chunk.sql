-- The chunks of slice s (a row of slice.sql)
\if :since_2_28
(select c.* from :chunk c where c.id = s.chunk_id)
\else
(select c.* from _timescaledb_catalog.chunk_constraint k join :chunk c on c.id = k.chunk_id where k.dimension_slice_id = s.id)
\endif
