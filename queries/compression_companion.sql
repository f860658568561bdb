-- More columns for the rows of compression.sql: settings, recorded sizes of compressed chunks, a policy that waits for a lock
-- · columns: id (int8), enabled, segment_by, order_by, before_bytes, after_bytes, compressed_rows, batches (NULL: not recorded), … ·
-- access: any role · cost: about 0.7 µs per compressed chunk
with hyper as materialized (
  select h.id, h.schema_name, h.table_name, h.compression_state from _timescaledb_catalog.hypertable h where h.compression_state <> 2),
\if :since_2_14
settings as materialized (
  select h.id as hypertable_id,
         (select string_agg(quote_ident(a), ', ' order by nth) from unnest(x.segmentby) with ordinality u(a, nth)) as segment_by,
         (select string_agg(quote_ident(a) || case when x.orderby_desc[nth] then ' DESC' else '' end
                            || case when x.orderby_nullsfirst[nth] = x.orderby_desc[nth] then ''
                                 when x.orderby_nullsfirst[nth] then ' NULLS FIRST' else ' NULLS LAST' end,
                            ', ' order by nth) from unnest(x.orderby) with ordinality u(a, nth)) as order_by,
         -- open: neither segmentby nor orderby is set, so TimescaleDB chooses both when it compresses a chunk (from 2.22 on). If only
         -- orderby is set, TimescaleDB uses no segmentby.
         x.segmentby is null and x.orderby is null as open
    from hyper h join pg_namespace n on n.nspname = h.schema_name join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
    join _timescaledb_catalog.compression_settings x on x.relid = t.oid),
\else
settings as materialized (
  select x.hypertable_id, string_agg(quote_ident(x.attname), ', ' order by x.segmentby_column_index)
              filter (where x.segmentby_column_index > 0) as segment_by,
         string_agg(quote_ident(x.attname) || case when x.orderby_asc then '' else ' DESC' end
                    || case when x.orderby_nullsfirst = not x.orderby_asc then '' when x.orderby_nullsfirst then ' NULLS FIRST'
                         else ' NULLS LAST' end,
                    ', ' order by x.orderby_column_index) filter (where x.orderby_column_index > 0) as order_by,
         false as open
    from _timescaledb_catalog.hypertable_compression x group by x.hypertable_id),
\endif
recorded as materialized (
  -- float8 sums bytes exactly up to 9 PB, and is much faster than numeric.
  select c.hypertable_id, sum(z.before_bytes::float8)::int8 as before_bytes, sum(z.after_bytes::float8)::int8 as after_bytes,
         sum(z.rows::float8)::int8 as compressed_rows, sum(z.batches::float8)::int8 as batches
    from :chunk c join :recorded_size z on z.chunk_id = c.id
   where c.status & 1 = 1 and not c.osm_chunk group by 1),
job as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.application_name from _timescaledb_config.bgw_job j
   where j.proc_name = 'policy_compression' and j.hypertable_id is not null order by j.hypertable_id, j.id),
\ir shared/policy_waits.sql
\if :since_2_14
select h.id::int8 as id, o.hypertable_id is not null as enabled, o.segment_by, o.order_by, coalesce(o.open, false) as open,
\else
select h.id::int8 as id, h.compression_state = 1 as enabled, o.segment_by, o.order_by, coalesce(o.open, false) as open,
\endif
       c.before_bytes, c.after_bytes, c.compressed_rows, c.batches, v.pid as blocked_pid, v.blocker, :blocker_name as blocker_name,
       :blocked_on as blocked_on, v.since as blocked_since
  from hyper h left join settings o on o.hypertable_id = h.id left join recorded c on c.hypertable_id = h.id
  left join waiting v on v.hypertable_id = h.id
