-- Sizes of compressed chunks before and after compression, as recorded when the chunks were compressed
(select z.chunk_id, z.uncompressed_heap_size + z.uncompressed_toast_size + z.uncompressed_index_size as before_bytes,
        z.compressed_heap_size + z.compressed_toast_size + z.compressed_index_size as after_bytes,
        z.numrows_pre_compression as rows, z.numrows_post_compression as batches from _timescaledb_catalog.compression_chunk_size z)
