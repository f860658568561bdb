-- The chunks: id, hypertable_id, relid, name (of the table; up to 2.28 also schema_name and table_name), companion (oid of the table with
-- the compressed rows; NULL: none), status (bits: 1 compressed, 2 unordered, 4 frozen, 8 partial), osm_chunk (whether the chunk is tiered),
-- creation_time (NULL before 2.13), serial (larger for each newly created chunk; up to 2.14 a recreated chunk keeps its id but gets a new
-- serial). Columns that a query does not use cost nothing, but c.* in a materialized CTE uses all. Queries over many chunks should join
-- chunk_class.sql instead of looking up relid
\if :since_2_29
(select c.id, c.hypertable_id, c.status, c.osm_chunk, c.creation_time, c.id::int8 as serial, c.relid::oid as relid,
        (select r.relname from pg_class r where r.oid = c.relid) as name,
        (select x.compress_relid::oid from _timescaledb_catalog.compression_settings x where x.relid = c.relid) as companion
   from _timescaledb_catalog.chunk c)
\else
(select c.id, c.hypertable_id, c.status, c.osm_chunk, c.schema_name, c.table_name, c.table_name as name,
        (select r.oid from pg_namespace n join pg_class r on r.relnamespace = n.oid where n.nspname = c.schema_name
            and r.relname = c.table_name) as relid,
        (select r.oid from _timescaledb_catalog.chunk z join pg_namespace n on n.nspname = z.schema_name
           join pg_class r on r.relnamespace = n.oid and r.relname = z.table_name where z.id = c.compressed_chunk_id) as companion,
\endif
\if :since_2_29
\elif :since_2_26
        c.creation_time, c.id::int8 as serial from _timescaledb_catalog.chunk c)
\elif :since_2_15
        c.creation_time, c.id::int8 as serial from _timescaledb_catalog.chunk c where not c.dropped)
\elif :since_2_13
        c.creation_time, to_regclass(format('%I.%I', c.schema_name, c.table_name))::oid::int8 as serial
   from _timescaledb_catalog.chunk c where not c.dropped)
\else
        null::timestamptz as creation_time, to_regclass(format('%I.%I', c.schema_name, c.table_name))::oid::int8 as serial
   from _timescaledb_catalog.chunk c where not c.dropped)
\endif
