-- Hypertables, materializations of aggregates, and large plain tables with a time column: sizes, growth, policies, limits of the lock table
-- · columns: id (of a plain table: -oid), schema, name, … · access: any role; reads catalogues and statistics, locks no user relation ·
-- cost: about 10 µs per chunk
with dim as materialized (
  \ir shared/dimension_now.sql
    from :time_dimension d),
hyper as materialized (
  select h.id, h.schema_name, h.table_name, t.oid
    from _timescaledb_catalog.hypertable h join pg_namespace n on n.nspname = h.schema_name
    join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name where h.compression_state is distinct from 2),
live as materialized (
  select c.id, c.hypertable_id, c.status from :chunk c where not c.osm_chunk and c.hypertable_id in (select h.id from hyper h)),
recorded as materialized (
  -- float8 sums bytes exactly up to 9 PB, and is much faster than numeric.
  select z.chunk_id, z.before_bytes::float8 as before_bytes, z.after_bytes::float8 as after_bytes from :recorded_size z),
counts as materialized (
  select c.hypertable_id, count(*) as chunks, count(*) filter (where c.status & 1 = 1) as compressed,
         count(*) filter (where c.status & 8 = 8) as partial, sum(z.after_bytes) filter (where c.status & 1 = 1) as after_bytes
    from live c left join recorded z on z.chunk_id = c.id group by 1),
tiered as materialized (select c.hypertable_id, count(*) as chunks from :chunk c where c.osm_chunk group by 1),
-- Pages of the chunks with uncompressed rows, by the last VACUUM or ANALYZE of each, plus 4 for the free space map and visibility map of a
-- vacuumed chunk. unknown: number of chunks without VACUUM and ANALYZE.
loose as materialized (
  select c.hypertable_id, count(*) as chunks, count(*) filter (where r.reltuples < 0) as unknown,
         sum((r.relpages + 4 * (r.relallvisible > 0)::int4
             + coalesce((select x.relpages from pg_class x where x.oid = r.reltoastrelid), 0)
             + coalesce((select sum(i.relpages) from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = r.oid),
                  0))::float8) as pages
    from :chunk c :chunk_class
   where c.status & 9 <> 1 and not c.osm_chunk and c.hypertable_id in (select h.id from hyper h) group by 1),
\ir shared/full_intervals.sql
filled as materialized (
  select e.hypertable_id, s.range_start, s.range_end, s.chunk_id
    from edge e join :chunk_slice s on s.dimension_id = e.id and s.range_start < e.window_end
         and s.range_end <= e.window_end and s.range_end > e.window_start),
-- Size before compression of the chunks in filled: recorded for compressed chunks, and for others computed from their pages at the last
-- VACUUM or ANALYZE.
written as materialized (
  select s.hypertable_id, min(s.range_start) as window_start, max(s.range_end) as window_end, count(distinct s.range_start) as ranges,
         count(*) as chunks, bool_or(case when s.status & 1 = 1 then z.before_bytes is null else r.reltuples < 0 end) as unknown,
         sum(case when s.status & 1 = 1 then z.before_bytes
                  else ((r.relpages + 4 * (r.relallvisible > 0)::int4
                    + coalesce((select x.relpages from pg_class x where x.oid = r.reltoastrelid), 0)
                    + coalesce((select sum(i.relpages) from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = r.oid),
                         0)) * current_setting('block_size')::int8)::float8 end) as bytes
    from (select f.*, c.status, (select k.relid from :chunk k where k.id = c.id) as relid
            from filled f join live c on c.id = f.chunk_id offset 0) s
    -- offset 0 forces a nested loop, because the planner overestimates the rows of s.
    cross join lateral (select r.* from pg_class r where r.oid = s.relid offset 0) r
    left join recorded z on z.chunk_id = s.chunk_id group by 1),
ends as materialized (
  select d.hypertable_id, (select s.range_start from :used_slice s where s.dimension_id = d.id order by s.range_start limit 1) as oldest,
         (select s.range_end from :slice s where s.dimension_id = d.id order by s.range_start desc limit 1) as newest
    from dim d),
-- state: 0 scheduled and not failing, 1 paused, 2 the last run failed
job as materialized (
  select j.hypertable_id, j.id, j.proc_name, case when not j.scheduled then 1 when not st.last_run_success
       and (st.last_finish > '-infinity' or st.consecutive_failures > 0) then 2 else 0 end as state,
         case when jsonb_typeof(j.config -> 'compress_after') = 'number'
              and j.config ->> 'compress_after' ~ '^\d{1,18}$' then (j.config ->> 'compress_after')::int8
              when j.config ->> 'compress_after' ~ :is_interval
                        then (extract(epoch from (j.config ->> 'compress_after')::interval) * 1000000)::int8 end as compress_after,
         case when jsonb_typeof(j.config -> 'drop_after') = 'number'
              and j.config ->> 'drop_after' ~ '^\d{1,18}$' then (j.config ->> 'drop_after')::int8
              when j.config ->> 'drop_after' ~ :is_interval
                        then (extract(epoch from (j.config ->> 'drop_after')::interval) * 1000000)::int8 end as drop_after,
         case when j.proc_name = 'policy_retention' and j.config ? 'drop_created_before' and not j.config ? 'drop_after'
              then :creation || jsonb_build_object('job', j.id) end as by_creation
    from _timescaledb_config.bgw_job j left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
      where j.hypertable_id is not null),
jobs as materialized (
  select hypertable_id, max(state) filter (where proc_name = 'policy_refresh_continuous_aggregate') as refresh,
         max(state) filter (where proc_name = 'policy_compression') as compress,
         max(state) filter (where proc_name = 'policy_retention') as retain,
         max(state) filter (where proc_name = 'policy_reorder') as reorder, min(compress_after) as compress_after,
         min(drop_after) as drop_after,
         array_agg(id order by id) filter (where state = 2) as failing, array_agg(id order by id) filter (where state = 1) as paused,
         jsonb_agg(by_creation) filter (where by_creation is not null) as by_creation
    from job group by 1),
space as materialized (
  select d.hypertable_id, array_agg(d.column_name::text order by d.id) as columns, array_agg(d.num_slices::int8 order by d.id) as slices
    from _timescaledb_catalog.dimension d where d.id not in (select x.id from dim x) group by 1),
readers as materialized (
  select a.raw_hypertable_id as hypertable_id, array_agg(format('%I.%I', a.user_view_schema, a.user_view_name) order by 1) as names
    from _timescaledb_catalog.continuous_agg a group by 1),
big as materialized (
  select t.oid, n.nspname, t.relname, t.relpages, t.reltoastrelid, greatest(t.reltuples, pg_stat_get_live_tuples(t.oid))::int8 as tuples
    from pg_class t join pg_namespace n on n.oid = t.relnamespace
   where t.relkind = 'r' and t.relpersistence = 'p' and not t.relispartition
     and t.relnamespace = any (array(select s.oid from pg_namespace s
       where s.nspname !~ '^(pg_|_timescaledb_)'
            and s.nspname not in ('information_schema', 'timescaledb_information', 'timescaledb_experimental')))
     and (t.relpages::int8 * current_setting('block_size')::int8 >= 1073741824
          or greatest(t.reltuples, pg_stat_get_live_tuples(t.oid)) >= 10000000) and t.oid <> all (array(select h.oid from hyper h))
     -- Plain tables are neither chunks nor partitions nor parent tables.
\if :since_2_29
     and not exists (select from pg_inherits i where t.oid in (i.inhrelid, i.inhparent))
     and not exists (select from _timescaledb_catalog.compression_settings x where x.compress_relid = t.oid)),
\else
     and not exists (select from pg_inherits i where t.oid in (i.inhrelid, i.inhparent))),
\endif
candidate as materialized (
  select b.*, a.attname::text as column_name, a.atttypid::regtype::text as axis, a.attnotnull,
         array(select c.relname::text from pg_index x join pg_class c on c.oid = x.indexrelid
           where x.indrelid = b.oid and x.indisunique and a.attnum <> all (x.indkey::int2[]) order by 1) as unique_without,
         (select count(*) from pg_constraint f where f.confrelid = b.oid and f.contype = 'f') as referenced,
         b.relpages + coalesce((select x.relpages from pg_class x where x.oid = b.reltoastrelid), 0)
           + coalesce((select sum(i.relpages) from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = b.oid), 0) as pages
    from big b cross join lateral (
      select a.attname, a.atttypid, a.attnotnull, a.attnum from pg_attribute a
       where a.attrelid = b.oid and a.attnum > 0 and not a.attisdropped
            and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
         and (a.attnotnull or exists (select from pg_index x where x.indrelid = b.oid and a.attnum = any (x.indkey::int2[])))
       order by not exists (select from pg_index x where x.indrelid = b.oid and x.indkey[0] = a.attnum), not a.attnotnull, a.attnum
            limit 1) a)
select y.*, s.* from (
select h.id::int8 as id, coalesce(a.user_view_schema, h.schema_name)::text as schema,
       coalesce(a.user_view_name, h.table_name)::text as name,
       case when a.mat_hypertable_id is null then 'hypertable' else 'aggregate' end as kind, coalesce(d.axis, '') as axis, d.column_name,
            d.interval_length, d.now_raw,
       p.columns as space_columns, p.slices as space_slices, coalesce(c.chunks, 0) as chunks, coalesce(c.compressed, 0) as compressed,
       coalesce(c.partial, 0) as partial, coalesce(o.chunks, 0) as tiered,
       case when coalesce(l.unknown, 0) * 2 <= coalesce(l.chunks, 0)
            then (coalesce(c.after_bytes, 0) + coalesce(l.pages, 0) * current_setting('block_size')::int8)::int8 end as about_bytes,
       w.window_start, w.window_end, w.ranges as window_ranges, case when not w.unknown then w.bytes::int8 end as window_bytes,
       case when c.chunks > 0 then f.oldest end as oldest, case when c.chunks > 0 then f.newest end as newest,
       (select count(*) from pg_index x where x.indrelid = h.oid) as indexes,
       j.refresh, j.compress, j.retain, j.reorder, j.compress_after, j.drop_after, j.failing, j.paused, j.by_creation, r.names as readers,
       null::bool as not_null, null::int8 as tuples, null::text[] as unique_without, null::int8 as referenced,
       -- to_regclass() would be an error for a role without USAGE on the schema.
       obj_description(case when a.mat_hypertable_id is null then h.oid
                            else (select v.oid from pg_class v join pg_namespace q on q.oid = v.relnamespace
                                   where q.nspname = a.user_view_schema and v.relname = a.user_view_name) end, 'pg_class') as comment
  from hyper h left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id left join dim d on d.hypertable_id = h.id
  left join counts c on c.hypertable_id = h.id left join tiered o on o.hypertable_id = h.id
  left join loose l on l.hypertable_id = h.id left join written w on w.hypertable_id = h.id
  left join ends f on f.hypertable_id = h.id left join jobs j on j.hypertable_id = h.id
  left join space p on p.hypertable_id = h.id left join readers r on r.hypertable_id = h.id
union all
select -b.oid::int8, b.nspname::text, b.relname::text, 'candidate', b.axis, b.column_name, null, null, null, null, null, null, null, null,
       (b.pages * current_setting('block_size')::int8)::int8, null, null, null, null, null, null,
       (select count(*) from pg_index x where x.indrelid = b.oid), null, null, null, null, null, null, null, null, null, null,
       b.attnotnull, nullif(b.tuples, -1), b.unique_without, b.referenced, obj_description(b.oid, 'pg_class')
  from candidate b) y
-- Settings that limit the size and number of chunks.
cross join (select current_setting('max_locks_per_transaction')::int8 as locks_each,
     current_setting('max_connections')::int8 as connections, current_setting('max_prepared_transactions')::int8 as prepared,
       pg_size_bytes(current_setting('effective_cache_size')) as memory_bytes,
       (select g.source = 'default' from pg_settings g where g.name = 'effective_cache_size') as memory_default) s
 order by y.kind = 'candidate', 2, 3
