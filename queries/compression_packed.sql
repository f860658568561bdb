-- For the hypertables in $1 (int8[]): old and drifted chunks. Old chunks were compressed with other settings than the table has now. The
-- present size of drifted chunks is more than twice or less than half of the recorded size (checked: the newest 100 partial or unordered
-- chunks, and the newest 20 other chunks)
-- · columns: id, old_chunks (without frozen chunks), drifted_chunks, drifted_recorded_bytes, drifted_bytes, old_packed (old chunks
-- including frozen chunks), old_before_bytes, old_after_bytes, old_rows, old_batches (as recorded when the chunks in old_packed were
-- compressed). Up to 2.13 there are no old chunks: settings can change only while no chunk is compressed
-- · access: any role · cost: about 0.1 ms per present size; each locks the chunk for a moment
with locked as materialized :locked,
packed as materialized (
\if :since_2_19
  select c.hypertable_id, c.id, r.oid as relid, x.compress_relid::oid as companion, x.segmentby, x.orderby, x.orderby_desc,
         x.orderby_nullsfirst,
\elif :since_2_14
  select c.hypertable_id, c.id, r.oid as relid, k.oid as companion, x.segmentby, x.orderby, x.orderby_desc, x.orderby_nullsfirst,
\else
  select c.hypertable_id, c.id, r.oid as relid, c.companion,
\endif
         c.status & 4 = 4 as frozen, c.status & 10 <> 0 as loose,
         row_number() over (partition by c.hypertable_id, c.status & 10 <> 0 order by c.id desc) as nth
    from :chunk c :chunk_class
\if :since_2_19
    left join _timescaledb_catalog.compression_settings x on x.relid = r.oid
\elif :since_2_14
    cross join lateral (select c.companion as oid offset 0) k
    left join _timescaledb_catalog.compression_settings x on x.relid = k.oid
\endif
   where not c.osm_chunk and c.hypertable_id = any ($1) and c.status & 1 = 1),
\if :since_2_14
old as materialized (
  -- Old: the chunk's orderby differs from the table's (if the table has one), or the chunk's segmentby differs (none counts as '{}'). From
  -- 2.22 on, segmentby is compared only if the table has a segmentby or an orderby.
  select p.hypertable_id, count(*) filter (where not p.frozen) as chunks, count(*) as packed,
         sum(z.before_bytes::float8)::int8 as before_bytes, sum(z.after_bytes::float8)::int8 as after_bytes,
         sum(z.rows::float8)::int8 as rows, sum(z.batches::float8)::int8 as batches
    from packed p join _timescaledb_catalog.hypertable h on h.id = p.hypertable_id
    join pg_namespace n on n.nspname = h.schema_name join pg_class r on r.relnamespace = n.oid and r.relname = h.table_name
    join _timescaledb_catalog.compression_settings x on x.relid = r.oid
    left join :recorded_size z on z.chunk_id = p.id
\endif
\if :since_2_22
   where ((x.segmentby is not null or x.orderby is not null) and coalesce(p.segmentby, '{}') <> coalesce(x.segmentby, '{}')
\elif :since_2_14
   where (coalesce(p.segmentby, '{}') <> coalesce(x.segmentby, '{}')
\endif
\if :since_2_14
      or x.orderby is not null and (p.orderby, p.orderby_desc, p.orderby_nullsfirst) is distinct
        from (x.orderby, x.orderby_desc, x.orderby_nullsfirst)) and (p.segmentby is not null or p.orderby is not null)
   group by 1),
\endif
size as materialized (
  select p.hypertable_id, z.recorded, pg_total_relation_size(p.relid) + pg_total_relation_size(p.companion) as bytes
    from packed p join lateral (select s.after_bytes as recorded from :recorded_size s where s.chunk_id = p.id limit 1) z on true
   where p.nth <= case when p.loose then 100 else 20 end and not exists (select from locked l where l.relation in (p.relid, p.companion))),
drift as materialized (
  -- A difference of up to 1 MB is ignored, because it may be empty pages of the chunk.
  select s.hypertable_id, count(*) as chunks, sum(s.recorded)::int8 as recorded, sum(s.bytes)::int8 as bytes
    from size s where abs(s.bytes - s.recorded) > 1048576 and (s.bytes > 2 * s.recorded or 2 * s.bytes < s.recorded) group by 1)
\if :since_2_14
select w.id, coalesce(o.chunks, 0) as old_chunks, coalesce(f.chunks, 0) as drifted_chunks, f.recorded as drifted_recorded_bytes,
       f.bytes as drifted_bytes, coalesce(o.packed, 0) as old_packed, o.before_bytes as old_before_bytes, o.after_bytes as old_after_bytes,
       o.rows as old_rows, o.batches as old_batches
  from unnest($1::int8[]) w(id) join _timescaledb_catalog.hypertable h on h.id = w.id left join old o on o.hypertable_id = w.id
\else
select w.id, 0::int8 as old_chunks, coalesce(f.chunks, 0) as drifted_chunks, f.recorded as drifted_recorded_bytes, f.bytes as drifted_bytes,
       0::int8 as old_packed, null::int8 as old_before_bytes, null::int8 as old_after_bytes, null::int8 as old_rows,
       null::int8 as old_batches
  from unnest($1::int8[]) w(id) join _timescaledb_catalog.hypertable h on h.id = w.id
\endif
  left join drift f on f.hypertable_id = w.id
