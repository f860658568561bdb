-- The chunks of hypertable $1 (int8), oldest first: range, state, recorded sizes, and present sizes of the newest 500; then the marks on
-- the time axis: now, compress_after, drop_after, refresh windows (name: the aggregate)
-- · columns: kind (NULL: a chunk), chunk, range_start, range_end, status, tiered, creation_time, before_bytes, after_bytes, bytes, locked,
-- name, job_id, note, scheduled, failing, watermark, made_before
-- · access: any role; integer_now_func is called if its owner is trusted and this role may read the hypertable · cost: 0.1 ms for each of
-- the 500 present sizes; each locks the chunk for a moment
with trusted as materialized :trusted,
d as materialized (
  select x.*, x.column_type::text in ('bigint', 'integer', 'smallint') as whole,
         x.column_type::text in ('timestamp without time zone', 'date') as naive
    from :time_dimension x where x.hypertable_id = $1),
o as materialized (
  select d.whole, d.naive, case when d.naive then (extract(epoch from now()::timestamp) * 1000000)::int8
              when not d.whole then (extract(epoch from now()) * 1000000)::int8
              -- Integer time: the value of the integer_now_func that the hypertable itself has.
              when f.trusted and has_schema_privilege(k.schema, 'usage') and has_function_privilege(f.oid, 'execute')
                   and has_table_privilege(t.oid, 'select') then :now_value end as now_raw
    from d join _timescaledb_catalog.hypertable h on h.id = d.hypertable_id
    left join pg_namespace n on n.nspname = h.schema_name left join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
    left join lateral (select d.integer_now_func_schema as schema, d.integer_now_func as function) k on true
    left join lateral :now_function f on true),
job as materialized (
  select j.id, j.hypertable_id, j.proc_name, j.config, j.scheduled,
         not st.last_run_success and (st.last_finish > '-infinity' or st.consecutive_failures > 0) as failing, o.owner_zone, o.zone
    from _timescaledb_config.bgw_job j left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
    left join lateral :owner_zone o on true
   where j.hypertable_id is not null),
mark as (
  select 'compress' as kind, null::text as name, j.id, j.scheduled, j.failing, null::text as start_text,
         j.config ->> 'compress_after' as end_text, j.config ->> 'compress_created_before' as created, null::int8 as watermark,
         j.owner_zone, j.zone
    from job j where j.hypertable_id = $1 and j.proc_name = 'policy_compression'
  union all
  select 'drop', null, j.id, j.scheduled, j.failing, null, j.config ->> 'drop_after', j.config ->> 'drop_created_before', null,
         j.owner_zone, j.zone
    from job j where j.hypertable_id = $1 and j.proc_name = 'policy_retention'
  union all
  -- Refresh windows of the aggregates on the hypertable; kind own: this hypertable is the materialization of the aggregate.
  select case when a.mat_hypertable_id = $1 then 'own' else 'refresh' end, format('%I.%I', a.user_view_schema, a.user_view_name), j.id,
         j.scheduled, j.failing,
         j.config ->> 'start_offset', case when j.id is not null then coalesce(j.config ->> 'end_offset', '0') end, null,
         (select nullif(w.watermark, case x.column_type::text when 'bigint' then -9223372036854775808 when 'integer' then -2147483648
              when 'smallint' then -32768 else -210866803200000000 end)
            from _timescaledb_catalog.continuous_aggs_watermark w
              join _timescaledb_catalog.dimension x on x.hypertable_id = w.mat_hypertable_id and x.interval_length is not null
           where w.mat_hypertable_id = a.mat_hypertable_id limit 1), j.owner_zone, j.zone
    from _timescaledb_catalog.continuous_agg a
      left join job j on j.hypertable_id = a.mat_hypertable_id and j.proc_name = 'policy_refresh_continuous_aggregate'
   where $1 in (a.raw_hypertable_id, a.mat_hypertable_id)),
-- Tables whose size cannot be read without waiting for a lock. A locked index counts as its table, a locked TOAST table as its main table.
held as materialized (
  select case when t.relnamespace = 'pg_toast'::regnamespace and t.relname ~ '^pg_toast_\d+$' then substr(t.relname, 10)::oid
       else t.oid end as relid
    from (select distinct coalesce(i.indrelid, l.relation) as relid from :locked l left join pg_index i on i.indexrelid = l.relation) l
    join pg_class t on t.oid = l.relid)
select y.kind, y.chunk, y.range_start, y.range_end, y.status, y.tiered, y.creation_time, y.before_bytes, y.after_bytes, y.bytes, y.locked,
       y.name, case when y.kind is not null then y.id end as job_id, y.note, y.scheduled, y.failing, y.watermark, y.made_before
  from (
select null::text as kind, c.name::text as chunk, c.range_start, c.range_end, c.status, c.osm_chunk as tiered, c.creation_time,
       z.before_bytes, z.after_bytes,
       case when not f.locked then pg_total_relation_size(f.main) + coalesce(pg_total_relation_size(f.companion), 0) end as bytes,
       f.locked, null::text as name, c.id, null::text as note, null::bool as scheduled, null::bool as failing, null::int8 as watermark,
       null::timestamptz as made_before
  from (select c.id, c.name, c.status, c.osm_chunk, c.creation_time, s.range_start, s.range_end,
               row_number() over (order by c.osm_chunk, s.range_start desc, c.id desc) as place
          from d join :chunk c on c.hypertable_id = $1 join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = d.id) c
  left join lateral (select f.main, f.companion, f.main in (select h.relid from held h) or f.companion is not null
       and f.companion in (select h.relid from held h) as locked
                       from (select k.relid as main, k.companion from :chunk k where k.id = c.id offset 0) f
                      where not c.osm_chunk and c.place <= 500 offset 0) f on true
  left join lateral (select z.before_bytes, z.after_bytes from :recorded_size z where z.chunk_id = c.id limit 1) z on true
union all
select 'now', null, o.now_raw, o.now_raw, null, null, null, null, null, null, null, null, null, null, null, null, null, null from o
union all
select m.kind, null, e.low, e.high, null, null, null, null, null, null, null, m.name, m.id,
       case m.kind when 'compress' then coalesce(m.end_text, 'created ' || m.created || ' ago')
            when 'drop' then coalesce(m.end_text, 'created ' || m.created || ' ago')
            else coalesce(m.start_text, '') || '|' || coalesce(m.end_text, '') end, m.scheduled, m.failing, m.watermark,
       case when m.created ~ :is_interval then now() - m.created::interval end
  from mark m cross join o cross join lateral (
    select max(x.raw) filter (where x.nth = 1) as low, max(x.raw) filter (where x.nth = 2) as high from (
      select l.nth, case when o.whole then case when l.text ~ '^-?\d{1,18}$' then o.now_raw - l.text::int8 end
                         when m.owner_zone is null or m.zone is not null then :time_before end as raw
        from (values (1, m.start_text), (2, m.end_text)) l(nth, text)
        cross join lateral (select now() as at, m.zone, not o.naive as zoned,
          case when l.text ~ :is_interval then l.text::interval end as length) p) x) e) y
 order by y.kind is not null, y.range_start, y.id
