-- Hypertable $1 (id; it may be an aggregate's materialization) for compression actions
-- · columns: facts (settings, columns, chunks with the settings they were compressed with, policies), state (what an undo restores:
-- settings, state of each chunk, policy) · access: any role; integer time: EXECUTE on integer_now_func, which is called only if its owner
-- is trusted (see shared/trusted.sql) · cost: catalogue lookups, about 45 µs per chunk
-- A subquery `absent` gives NULL for catalogue columns that older versions do not have.
with trusted as materialized :trusted,
target as materialized (
  select h.id, h.schema_name, h.table_name, t.oid as table_oid, v.oid as view_oid, a.mat_hypertable_id is not null as aggregate,
         format('%I.%I', h.schema_name, h.table_name) as table_name_quoted,
         format('%I.%I', coalesce(a.user_view_schema, h.schema_name), coalesce(a.user_view_name, h.table_name)) as relation,
         d.id as dimension_id, d.column_name, d.column_type::text as axis, d.interval_length,
         coalesce(d.compress_interval_length, 0) > 0 as rolls_up, d.integer_now_func_schema, d.integer_now_func, f.trusted as code_trusted,
         :now_code as code, d.column_type::text in ('bigint', 'integer', 'smallint') as integer_time
  from _timescaledb_catalog.hypertable h join pg_namespace n on n.nspname = h.schema_name
  join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id left join pg_namespace vn on vn.nspname = a.user_view_schema
  left join pg_class v on v.relnamespace = vn.oid and v.relname = a.user_view_name left join :time_dimension d on d.hypertable_id = h.id
  left join lateral (select d.integer_now_func_schema as schema, d.integer_now_func as function) k on true
  left join lateral :now_function f on true
  where h.id = $1::int8
\if :since_2_14
\else
), setting as materialized (
  select jsonb_build_object(
           'segment_by', jsonb_agg(x.attname order by x.segmentby_column_index) filter (where x.segmentby_column_index > 0),
           'order_by', jsonb_agg(x.attname order by x.orderby_column_index) filter (where x.orderby_column_index > 0),
           'desc', jsonb_agg(not x.orderby_asc order by x.orderby_column_index) filter (where x.orderby_column_index > 0),
           'nulls_first', jsonb_agg(x.orderby_nullsfirst order by x.orderby_column_index)
                filter (where x.orderby_column_index > 0)) as whole
  from target t join _timescaledb_catalog.hypertable_compression x on x.hypertable_id = t.id
  having count(*) > 0
\endif
), chunk as materialized (
  select c.id, c.status, r.oid, n.nspname as schema_name, r.relname as table_name, b.range_start, b.range_end, z.before_bytes,
         z.after_bytes, c.creation_time, k.oid as companion,
         case when c.status & 1 = 1 then z.rows when r.reltuples >= 0 then r.reltuples::int8 end as rows,
         case when n.nspname = '_timescaledb_internal' then format('%I', r.relname) else format('%I.%I', n.nspname, r.relname) end as key,
         case when c.status & 9 = 0 then 'not compressed' when c.status & 8 = 8 then 'partially compressed' else 'compressed' end
\if :since_2_14
           || coalesce(', segment by ' || coalesce(own.segmentby::text, '{}') || ', order by ' || coalesce(own.orderby::text, '{}')
                       || ' desc ' || coalesce(own.orderby_desc::text, '{}') || ' nulls first '
                            || coalesce(own.orderby_nullsfirst::text, '{}'), '') as state, own.whole
\else
           as state, null::jsonb as whole
\endif
  from target t join :chunk c on c.hypertable_id = t.id and not c.osm_chunk :chunk_class
  join :chunk_slice b on b.chunk_id = c.id and b.dimension_id = t.dimension_id
  cross join lateral (select c.companion as oid offset 0) k
\if :since_2_14
  -- compression_settings.relid is up to 2.18 the table with the chunk's compressed rows, from 2.19 on the chunk.
  left join lateral (
    select s.segmentby, s.orderby, s.orderby_desc, s.orderby_nullsfirst,
           jsonb_build_object('segment_by', to_jsonb(s.segmentby), 'order_by', to_jsonb(s.orderby), 'desc', to_jsonb(s.orderby_desc),
                              'nulls_first', to_jsonb(s.orderby_nullsfirst), 'index', s.index) as whole
    from (select null::jsonb as index) absent
    cross join lateral (
      select x.segmentby, x.orderby, x.orderby_desc, x.orderby_nullsfirst, index
      from _timescaledb_catalog.compression_settings x where x.relid in (r.oid, k.oid)
    ) s limit 1
  ) own on c.status & 1 = 1
\endif
  left join lateral (select s.before_bytes, s.after_bytes, s.rows from :recorded_size s where s.chunk_id = c.id limit 1) z on true
), policy as materialized (
  select b.id, to_jsonb(b) || jsonb_build_object('owner', b.owner::regrole::text, 'next_start', s.next_start::text) as whole,
         :job_state as state,         b.config, b.proc_name, b.scheduled, a.mat_hypertable_id is not null and b.hypertable_id = t.id as own,
         case when a.mat_hypertable_id is not null then format('%I.%I', a.user_view_schema, a.user_view_name) end as view
  from target t cross join _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id
  where b.proc_name in ('policy_compression', 'policy_retention', 'policy_refresh_continuous_aggregate')
    and (b.hypertable_id = t.id or a.raw_hypertable_id = t.id and b.proc_name = 'policy_refresh_continuous_aggregate')
)
select jsonb_build_object(
         'relation', t.relation, 'table', t.table_name_quoted, 'table_oid', t.table_oid::int8, 'view_oid', t.view_oid::int8,
         'aggregate', t.aggregate, 'enabled', o.whole is not null, 'settings', o.whole,
         'axis', coalesce(t.axis, ''), 'integer_time', coalesce(t.integer_time, false), 'time_column', t.column_name,
         'chunk_interval', t.interval_length, 'rolls_up', coalesce(t.rolls_up, false),
         -- Current time in the time column's unit. For integer time: the value of the integer_now_func that the hypertable itself has.
         'now', case when not t.integer_time then case
              when t.axis = 'timestamp with time zone' then (extract(epoch from now()) * 1000000)::int8
              when z.owner_zone is null or z.zone is not null
                   then (extract(epoch from coalesce(now() at time zone z.zone, now()::timestamp)) * 1000000)::int8 end
                     when t.code_trusted then :now_value end,
         'code', t.code, 'now_utc', (extract(epoch from now()) * 1000000)::int8,
         'zone', coalesce(z.owner_zone, current_setting('TimeZone')), 'zone_owners', z.owner_zone is not null,
         'expression_index', exists (select from pg_index i where i.indrelid = t.table_oid and i.indexprs is not null),
         'columns', (select jsonb_agg(x.attname order by x.attnum) from pg_attribute x
                     where x.attrelid = t.table_oid and x.attnum > 0 and not x.attisdropped),
         'uniques', coalesce((select jsonb_agg((select jsonb_agg(x.attname order by x.attnum) from pg_attribute x
                                              where x.attrelid = i.indexrelid and x.attnum <= i.indnkeyatts) order by i.indexrelid)
                              from pg_index i where i.indrelid = t.table_oid and i.indisunique and i.indexprs is null), '[]'),
         'aggregates', coalesce((select jsonb_agg(format('%I.%I', a.user_view_schema, a.user_view_name)
              order by a.user_view_schema, a.user_view_name)
                                 from _timescaledb_catalog.continuous_agg a where a.raw_hypertable_id = t.id), '[]'),
         'chunks', coalesce((
           select jsonb_agg(jsonb_build_object(
                    'key', c.key, 'relation', format('%I.%I', c.schema_name, c.table_name), 'oid', c.oid::int8, 'status', c.status,
                    'from', c.range_start, 'to', c.range_end, 'before_bytes', c.before_bytes, 'after_bytes', c.after_bytes, 'rows', c.rows,
                    'companion', c.companion::int8, 'settings', c.whole,
                    'created', (extract(epoch from c.creation_time) * 1000000)::int8) order by c.range_start, c.id)
           from chunk c), '[]'),
         'sized', coalesce((select jsonb_agg(c.oid::int8) from chunk c where c.status & 9 <> 1), '[]'),
         'job', (select p.whole || jsonb_build_object('relation', t.relation, 'integer_time', t.integer_time)
                 from policy p where p.proc_name = 'policy_compression' order by p.id limit 1),
         'refreshes', coalesce((select jsonb_agg(jsonb_build_object('id', p.id, 'view', p.view, 'own', p.own, 'start_offset',
              p.config ->> 'start_offset') order by p.id)
                                from policy p where p.proc_name = 'policy_refresh_continuous_aggregate'), '[]'),
         'retention', (select jsonb_build_object('id', p.id, 'drop_after', p.config ->> 'drop_after', 'scheduled', p.scheduled)
                       from policy p where p.proc_name = 'policy_retention' order by p.id limit 1)
       ) as facts,
       jsonb_build_object(
         'settings', o.whole, 'chunks', coalesce((select jsonb_object_agg(c.key, c.state) from chunk c), '{}'),
         'jobs', coalesce((select jsonb_object_agg(p.proc_name, p.state) from policy p where p.proc_name = 'policy_compression'), '{}')
       ) as state
from target t
left join lateral (select t.integer_now_func_schema as schema, t.integer_now_func as function) k on true
-- z: the time zone of the compression policy's owner, if one is set. A new policy is owned by the table's owner.
cross join lateral (select coalesce((select b.owner::oid from _timescaledb_config.bgw_job b
                                      where b.hypertable_id = t.id and b.proc_name = 'policy_compression' order by b.id limit 1),
                                    (select y.relowner from pg_class y where y.oid = t.table_oid)) as owner) j
left join lateral :owner_zone z on true
\if :since_2_27
left join lateral (
  select jsonb_build_object('segment_by', to_jsonb(s.segmentby), 'order_by', to_jsonb(s.orderby), 'desc', to_jsonb(s.orderby_desc),
                            'nulls_first', to_jsonb(s.orderby_nullsfirst), 'index', s.index) as whole
  from _timescaledb_catalog.compression_settings s where s.relid = t.table_oid
) o on true
\elif :since_2_14
left join lateral (
  -- With an orderby, a missing segmentby means none. For an aggregate it is returned as '{}', because an undo cannot unset a segmentby.
  select jsonb_build_object('segment_by',
       to_jsonb(case when t.aggregate and s.orderby is not null then coalesce(s.segmentby, '{}') else s.segmentby end),
                            'order_by', to_jsonb(s.orderby), 'desc', to_jsonb(s.orderby_desc),
                            'nulls_first', to_jsonb(s.orderby_nullsfirst), 'index', s.index) as whole
  from (select null::jsonb as index) absent
  cross join lateral (
    select x.segmentby, x.orderby, x.orderby_desc, x.orderby_nullsfirst, index
    from _timescaledb_catalog.compression_settings x where x.relid = t.table_oid
  ) s
) o on true
\else
left join setting o on true
\endif
