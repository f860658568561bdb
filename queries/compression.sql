-- Compression of every hypertable and aggregate: chunk counts, policy, backlog (settings and sizes: compression_companion)
-- · columns: id, schema, name, kind, … · access: any role; reads catalogues only, locks no user relation · cost: about 1 µs per chunk
with trusted as materialized :trusted,
dim as materialized (
  select d.hypertable_id, d.id, d.column_type::text as axis, d.integer_now_func is not null as has_now from :time_dimension d),
hyper as materialized (select h.id, h.schema_name, h.table_name from _timescaledb_catalog.hypertable h where h.compression_state <> 2),
job as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.id, j.scheduled, j.schedule_interval, o.owner_zone, o.zone,
         j.config ->> 'compress_after' as after_text,
         case when jsonb_typeof(j.config -> 'compress_after') = 'string' and j.config ->> 'compress_after' ~ :is_interval
              then (j.config ->> 'compress_after')::interval end as after_interval,
         case when jsonb_typeof(j.config -> 'compress_after') = 'number' and j.config ->> 'compress_after' ~ '^\d{1,18}$'
              then (j.config ->> 'compress_after')::int8 end as after_number, j.config ->> 'recompress' as recompress,
              j.config ->> 'maxchunks_to_compress' as most_chunks,
         j.config ->> 'compress_created_before' as created_text,
         case when j.config ->> 'compress_created_before' ~ :is_interval then now()
                   - (j.config ->> 'compress_created_before')::interval end as made_before
    from _timescaledb_config.bgw_job j left join lateral :owner_zone o on true
   where j.proc_name = 'policy_compression' and j.hypertable_id is not null order by j.hypertable_id, j.id),
-- The name of each integer_now_func that is not called because its owner is not trusted.
code as materialized (
  select k.hypertable_id, format('%I.%I()', k.schema, k.function) as code, f.owner
    from (select d.hypertable_id, d.integer_now_func_schema as schema, d.integer_now_func as function
          from job j join _timescaledb_catalog.dimension d on d.hypertable_id = j.hypertable_id and d.interval_length is not null
               and d.integer_now_func is not null
         where j.after_number is not null) k
    left join lateral :now_function f on true
   where f.trusted is not true),
drops as materialized (
  select distinct on (j.hypertable_id) j.hypertable_id, j.config ->> 'drop_after' as drop_text,
         case when j.config ->> 'drop_after' ~ :is_interval then (j.config ->> 'drop_after')::interval end as drop_interval,
         case when j.config ->> 'drop_after' ~ '^-?\d{1,18}$' then (j.config ->> 'drop_after')::int8 end as drop_number
    from _timescaledb_config.bgw_job j where j.proc_name = 'policy_retention' and j.scheduled order by j.hypertable_id, j.id),
-- One pass over all chunks; one row per hypertable and status. ids: the chunks that are not fully compressed.
piece as materialized (
  select c.hypertable_id, c.status, count(*) as chunks, array_agg(c.id) filter (where c.status & 9 <> 1) as ids
    from :chunk c where not c.osm_chunk group by 1, 2),
counts as materialized (
  select p.hypertable_id, sum(p.chunks)::int8 as chunks, coalesce(sum(p.chunks) filter (where p.status & 9 = 1), 0)::int8 as compressed,
         coalesce(sum(p.chunks) filter (where p.status & 8 = 8), 0)::int8 as partial,
         coalesce(sum(p.chunks) filter (where p.status & 9 = 0), 0)::int8 as uncompressed,
         coalesce(sum(p.chunks) filter (where p.status & 4 = 4), 0)::int8 as frozen,
         coalesce(sum(p.chunks) filter (where p.status & 2 = 2), 0)::int8 as unordered
    from piece p group by 1),
bound as materialized (
  select hypertable_id, id as dimension_id, boundary from (
    select d.hypertable_id, d.id, case when d.axis not in ('bigint', 'integer', 'smallint') and j.after_interval is not null
                                            and (j.owner_zone is null or j.zone is not null) then :time_before end as boundary
      from job j join dim d on d.hypertable_id = j.hypertable_id
      cross join lateral (select now() as at, j.zone, j.after_interval as length, d.axis = 'timestamp with time zone' as zoned) p) b
   where boundary is not null),
-- A policy with compress_created_before compares the creation_time of chunks (since 2.13), not their range.
made as materialized (
  select j.hypertable_id, count(*) filter (where c.creation_time < j.made_before and c.status & 9 = 0) as backlog,
         count(*) filter (where c.creation_time < j.made_before and c.status & 8 = 8) as partial_due,
         extract(epoch from min(j.made_before) - min(c.creation_time)
              filter (where c.creation_time < j.made_before and c.status & 9 = 0)) as overdue_seconds,
         extract(epoch from min(c.creation_time) filter (where c.creation_time >= j.made_before) - min(j.made_before)) as next_due_seconds
    from job j join :chunk c on c.hypertable_id = j.hypertable_id and not c.osm_chunk and c.status in (0, 2, 8, 9, 10, 11)
   where j.made_before is not null group by 1),
due as materialized (
  select b.hypertable_id, sum(s.backlog)::int8 as backlog, sum(s.partial_due)::int8 as partial_due,
         (min(b.boundary) - min(s.oldest[1])) / 1e6::float8 as overdue_seconds, min(s.oldest) as oldest, max(s.ids) as ids,
         (min(s.next_end) - min(b.boundary)) / 1e6::float8 as next_due_seconds
    from bound b
    -- Chunks that are neither fully compressed nor frozen.
    join piece p on p.hypertable_id = b.hypertable_id and p.status & 4 = 0 and p.status & 9 <> 1
    cross join lateral (
      select count(*) filter (where p.status & 9 = 0 and s.range_end <= b.boundary) as backlog,
             count(*) filter (where p.status & 8 = 8 and s.range_end <= b.boundary) as partial_due,
             min(array[s.range_end, s.range_start, c.id]) filter (where p.status & 9 = 0 and s.range_end <= b.boundary) as oldest,
             array_agg(c.id) filter (where p.status & 9 = 0 and s.range_end <= b.boundary) as ids,
             min(s.range_end) filter (where s.range_end > b.boundary) as next_end
        from unnest(p.ids) c(id)
        join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = b.dimension_id) s
   group by 1),
-- Estimated size of the backlog, from relpages, plus 4 pages for the free space map and visibility map of a vacuumed chunk. NULL: relpages
-- of a chunk is 0 (neither VACUUM nor ANALYZE yet, or empty), or there are more than 2000 chunks.
about as materialized (
  select d.hypertable_id, case when count(r.pages) = max(d.backlog)
       then (sum(r.pages) * current_setting('block_size')::int8)::int8 end as bytes
    from (select d.hypertable_id, d.backlog, unnest(d.ids) as id from due d limit 2000) d
    join :chunk c on c.id = d.id
    left join lateral (
      select r.relpages + 4 * (r.relallvisible > 0)::int4
             + coalesce((select t.relpages from pg_class t where t.oid = r.reltoastrelid), 0)
             + (select coalesce(sum(x.relpages), 0) from pg_index i join pg_class x on x.oid = i.indexrelid
               where i.indrelid in (r.oid, r.reltoastrelid)) as pages
        from pg_class r where r.oid = c.relid and r.relpages > 0 offset 0) r on true
   group by 1),
-- The oldest chunk that the last run should have compressed but did not. (A run reports success even if it skips a locked chunk.) There is
-- no row if the last run succeeded and the policy has maxchunks_to_compress, because the run may have reached this limit before the chunk.
gap as materialized (
  select b.hypertable_id, b.dimension_id, b.boundary, e.oldest[2] as range_start, e.oldest[1] as range_end, e.oldest[3]::int4 as id,
         st.last_finish
    from due e join bound b on b.hypertable_id = e.hypertable_id join job j on j.hypertable_id = b.hypertable_id
    join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id and st.last_finish > '-infinity' and st.last_start > '-infinity'
   where (not st.last_run_success or coalesce(j.most_chunks, '0') = '0')
     and e.oldest[1] <= b.boundary - greatest(0, (extract(epoch from now() - st.last_start) * 1000000)::int8)),
stuck as materialized (
  select g.hypertable_id, case when n.nspname = '_timescaledb_internal' then format('%I', r.relname)
       else format('%I.%I', n.nspname, r.relname) end as chunk, l.pid, l.name, l.mode, l.since
    from gap g join :chunk c on c.id = g.id :chunk_class
    left join lateral (
      select coalesce(l.pid, 0) as pid,
             case when l.pid is null
                  then (select min(quote_literal(p.gid)) from pg_prepared_xacts p
                    join pg_locks t on t.transactionid = p.transaction and t.pid is null and t.virtualtransaction = l.virtualtransaction)
                  else coalesce(nullif(a.application_name, ''), a.backend_type) end as name, l.mode, a.xact_start as since
        from pg_locks l left join pg_stat_activity a on a.pid = l.pid
       where l.locktype = 'relation' and l.relation = r.oid and l.granted
            and l.database = (select d.oid from pg_database d where d.datname = current_database())
         and (l.pid is null or a.xact_start < g.last_finish)
       order by a.xact_start nulls first limit 1) l on true
   where exists (select from (select s.* from :slice s
                               where s.dimension_id = g.dimension_id and s.range_start >= g.range_end and s.range_end <= g.boundary
                               order by s.range_start limit 1000) s
                  cross join lateral :slice_chunk c where c.status & 1 = 1))
select h.id, coalesce(a.user_view_schema, h.schema_name)::text as schema, coalesce(a.user_view_name, h.table_name)::text as name,
       a.mat_hypertable_id is not null as aggregate, coalesce(d.axis, '') as axis, d.has_now,
       coalesce(c.chunks, 0) as chunks, coalesce(c.compressed, 0) as compressed, coalesce(c.partial, 0) as partial,
       coalesce(c.uncompressed, 0) as uncompressed, coalesce(c.frozen, 0) as frozen, coalesce(c.unordered, 0) as unordered,
       r.drop_text as drop_after, case when r.drop_number is not null then r.drop_number <= j.after_number
                                       else now() - r.drop_interval >= now() - j.after_interval end as drops_first,
       j.id as job_id, own.code, own.owner as code_owner, case when own.code is not null then current_user::text end as code_role,
       j.scheduled, j.owner_zone, j.after_text, extract(epoch from j.after_interval)::float8 as after_seconds, j.after_number,
       j.recompress, j.most_chunks, extract(epoch from j.schedule_interval)::float8 as schedule_seconds, j.created_text, j.made_before,
       b.boundary, case when b.boundary is not null or j.made_before is not null then coalesce(e.backlog, m.backlog, 0) end as backlog,
       case when b.boundary is not null or j.made_before is not null then coalesce(e.partial_due, m.partial_due, 0) end as partial_due,
       y.bytes as about_backlog_bytes, coalesce(e.overdue_seconds, m.overdue_seconds)::float8 as overdue_seconds,
       coalesce(e.next_due_seconds, m.next_due_seconds)::float8 as next_due_seconds,
       -- For the rate of compression, only if there is a backlog. run_chunks: chunks that the last or present run compressed; due_chunks:
       -- chunks that became due during ten runs.
\if :since_2_29
       nullif(st.last_start, '-infinity') as run_begun, null::int8 as run_chunks,
\else
       nullif(st.last_start, '-infinity') as run_begun, case when coalesce(e.backlog, m.backlog) > 0 and st.last_start > '-infinity'
            -- creation_time exists from 2.13 on.
            then (select case when count(c.creation_time) = count(*)
                              then count(*) filter (where c.creation_time between st.last_start
                                   and coalesce(nullif(st.last_finish, '-infinity'), now())) end
                    from :chunk c
                   where c.hypertable_id = (select y.compressed_hypertable_id from _timescaledb_catalog.hypertable y
                                             where y.id = h.id)) end as run_chunks,
\endif
       u.due_chunks, u.due_over_seconds,
       case when coalesce(e.backlog, m.backlog) > 0 or j.after_number is not null then :job_changed end as changed_since,
       k.chunk as stuck_chunk, k.pid as holder, k.name as holder_name, k.mode as holder_mode, k.since as holder_since,
       st.last_run_success, nullif(st.last_finish, '-infinity') as last_finish, st.next_start, st.consecutive_failures, now() as asked
  from hyper h left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id left join dim d on d.hypertable_id = h.id
  left join counts c on c.hypertable_id = h.id left join job j on j.hypertable_id = h.id
  left join code own on own.hypertable_id = h.id left join bound b on b.hypertable_id = h.id
  left join drops r on r.hypertable_id = h.id left join made m on m.hypertable_id = h.id
  left join due e on e.hypertable_id = h.id left join about y on y.hypertable_id = h.id
  left join lateral (
    select count(*) as due_chunks, ((b.boundary - min(s.range_start)) / 1e6)::float8 as due_over_seconds
      from :chunk_slice s where e.backlog > 0 and s.dimension_id = b.dimension_id and s.range_end <= b.boundary
       and s.range_end > b.boundary - (extract(epoch from 10 * j.schedule_interval) * 1000000)::int8) u on true
  left join stuck k on k.hypertable_id = h.id left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
 order by 2, 3
