-- The list of compression's other half, by hypertable: settings, what was recorded of its compressed chunks, a policy that waits for a lock
-- id (int8), enabled, segment_by, order_by, before_bytes, after_bytes, compressed_rows, batches (NULL: not recorded), … · public · ~0.7 µs
-- a compressed chunk
\if :since_2_14
with hyper as materialized (
  select h.id, h.schema_name, h.table_name from _timescaledb_catalog.hypertable h where h.compression_state <> 2),
settings as materialized (
  select h.id as hypertable_id,
         (select string_agg(quote_ident(a), ', ' order by nth) from unnest(x.segmentby) with ordinality u(a, nth)) as segment_by,
         (select string_agg(quote_ident(a) || case when x.orderby_desc[nth] then ' DESC' else '' end
                            || case when x.orderby_nullsfirst[nth] = x.orderby_desc[nth] then ''
                                 when x.orderby_nullsfirst[nth] then ' NULLS FIRST' else ' NULLS LAST' end,
                            ', ' order by nth) from unnest(x.orderby) with ordinality u(a, nth)) as order_by,
         -- left to TimescaleDB until a chunk is compressed (2.22+); beside an order no segment-by is none
         x.segmentby is null and x.orderby is null as open
    from hyper h join pg_namespace n on n.nspname = h.schema_name
    join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
    join _timescaledb_catalog.compression_settings x on x.relid = t.oid),
\else
with settings as materialized (
  select x.hypertable_id,
         string_agg(quote_ident(x.attname), ', ' order by x.segmentby_column_index)
              filter (where x.segmentby_column_index > 0) as segment_by,
         string_agg(quote_ident(x.attname) || case when x.orderby_asc then '' else ' DESC' end
                    || case when x.orderby_nullsfirst = not x.orderby_asc then '' when x.orderby_nullsfirst then ' NULLS FIRST'
                         else ' NULLS LAST' end,
                    ', ' order by x.orderby_column_index) filter (where x.orderby_column_index > 0) as order_by,
         false as open
    from _timescaledb_catalog.hypertable_compression x group by x.hypertable_id),
\endif
recorded as materialized (
  -- float8 sums bytes exactly up to 9 PB, and much faster than numeric
  select c.hypertable_id, sum(z.before_bytes)::int8 as before_bytes, sum(z.after_bytes)::int8 as after_bytes,
         sum(z.rows)::int8 as compressed_rows, sum(z.batches)::int8 as batches
    from :chunk c
    join (select z.chunk_id, (z.uncompressed_heap_size + z.uncompressed_toast_size + z.uncompressed_index_size)::float8 as before_bytes,
                 (z.compressed_heap_size + z.compressed_toast_size + z.compressed_index_size)::float8 as after_bytes,
                 z.numrows_pre_compression::float8 as rows, z.numrows_post_compression::float8 as batches
            from _timescaledb_catalog.compression_chunk_size z) z on z.chunk_id = c.id
   where c.status & 1 = 1 and not c.osm_chunk group by 1),
-- a policy's worker that waits for a lock, and who is at the head of its queue; that is asked only where one waits. Of a session that
-- this role may not see, the lock table knows
waiting as materialized (
  select distinct on (w.hypertable_id) w.hypertable_id, l.pid, l.relation, (to_jsonb(l) ->> 'waitstart')::timestamptz as since, q.blocker
    from (select a.pid, j.hypertable_id
            from (select distinct on (j.hypertable_id) j.hypertable_id, j.application_name from _timescaledb_config.bgw_job j
                   where j.proc_name = 'policy_compression' and j.hypertable_id is not null order by j.hypertable_id, j.id) j
            join pg_stat_activity a on a.application_name = j.application_name
           where a.datname = current_database() and (a.wait_event_type = 'Lock' or a.backend_type is null)) w
    join pg_locks l on l.pid = w.pid and not l.granted
    left join lateral :queue_head q on true
   order by w.hypertable_id, l.pid)
\if :since_2_14
select h.id::int8 as id, o.hypertable_id is not null as enabled, o.segment_by, o.order_by, coalesce(o.open, false) as open,
\else
select h.id::int8 as id, h.compression_state = 1 as enabled, o.segment_by, o.order_by, coalesce(o.open, false) as open,
\endif
       c.before_bytes, c.after_bytes, c.compressed_rows, c.batches,
       v.pid as blocked_pid, v.blocker, :blocker_name as blocker_name,
       (select format('%I.%I', y.nspname, z.relname) from pg_class z join pg_namespace y on y.oid = z.relnamespace
         where z.oid = v.relation) as blocked_on, v.since as blocked_since
\if :since_2_14
  from hyper h
\else
  from (select id, compression_state from _timescaledb_catalog.hypertable where compression_state <> 2) h
\endif
  left join settings o on o.hypertable_id = h.id
  left join recorded c on c.hypertable_id = h.id
  left join waiting v on v.hypertable_id = h.id
