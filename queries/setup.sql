-- What a policy file describes: every hypertable and every aggregate, with its chunk interval, compression settings and policies
-- · columns: id, name (quoted; of an aggregate the view's), aggregate, time_column, axis, interval_length, integer_now (function; NULL:
-- none), compression (jsonb; NULL: not enabled), source, materialized_only, definition (of an aggregate; NULL also if another session locks
-- the view or a relation that it reads), jobs (jsonb), chunks (whether there are any), comment (of an aggregate on its view) · access: any
-- role
-- · cost: catalogue lookups, nothing per chunk; pg_get_viewdef() locks each aggregate's view, and what it reads, for a moment
with dim as materialized (
  select d.hypertable_id, d.column_name::text as column_name, d.column_type::text as axis, d.interval_length,
         case when d.integer_now_func is not null then format('%I.%I', d.integer_now_func_schema, d.integer_now_func) end as integer_now
    from :time_dimension d
), job as materialized (
  select b.hypertable_id, jsonb_agg(jsonb_build_object('id', b.id, 'proc_name', b.proc_name, 'every', b.schedule_interval::text,
           'scheduled', b.scheduled, 'config', b.config, 'fixed', b.fixed_schedule,
           'initial', (extract(epoch from b.initial_start) * 1000000)::int8, 'zone', b.timezone) order by b.id) as jobs
    from _timescaledb_config.bgw_job b
   where b.proc_name in ('policy_compression', 'policy_retention', 'policy_refresh_continuous_aggregate', 'policy_reorder')
   group by b.hypertable_id
)
\if :since_2_14
\else
, setting as materialized (
  select x.hypertable_id, jsonb_build_object(
           'segment_by', jsonb_agg(x.attname order by x.segmentby_column_index) filter (where x.segmentby_column_index > 0),
           'order_by', jsonb_agg(x.attname order by x.orderby_column_index) filter (where x.orderby_column_index > 0),
           'desc', jsonb_agg(not x.orderby_asc order by x.orderby_column_index) filter (where x.orderby_column_index > 0),
           'nulls_first', jsonb_agg(x.orderby_nullsfirst order by x.orderby_column_index)
                filter (where x.orderby_column_index > 0)) as whole
    from _timescaledb_catalog.hypertable_compression x group by x.hypertable_id
)
\endif
select h.id::int8 as id, format('%I.%I', coalesce(a.user_view_schema, h.schema_name), coalesce(a.user_view_name, h.table_name)) as name,
       a.mat_hypertable_id is not null as aggregate, d.column_name as time_column, d.axis, d.interval_length, d.integer_now,
\if :since_2_14
       (select jsonb_build_object('segment_by', to_jsonb(s.segmentby), 'order_by', to_jsonb(s.orderby), 'desc', to_jsonb(s.orderby_desc),
                                  'nulls_first', to_jsonb(s.orderby_nullsfirst))
          from _timescaledb_catalog.compression_settings s where s.relid = c.oid) as compression,
\else
       s.whole as compression,
\endif
       case when a.mat_hypertable_id is not null
            then format('%I.%I', coalesce(p.user_view_schema, r.schema_name), coalesce(p.user_view_name, r.table_name)) end as source,
       a.materialized_only,
       case when not exists (
         select from pg_rewrite w join pg_depend p on p.classid = 'pg_rewrite'::regclass and p.objid = w.oid
          where w.ev_class = v.oid and p.refclassid = 'pg_class'::regclass and p.refobjid in (select l.relation from :locked l)
       ) then pg_get_viewdef(v.oid, true) end as definition,
       coalesce(j.jobs, '[]') as jobs, exists (select from pg_inherits i where i.inhparent = c.oid) as chunks,
       obj_description(case when a.mat_hypertable_id is null then c.oid
                            else (select w.oid from pg_class w join pg_namespace q on q.oid = w.relnamespace
                                   where q.nspname = a.user_view_schema and w.relname = a.user_view_name) end, 'pg_class') as comment
  from _timescaledb_catalog.hypertable h
  join dim d on d.hypertable_id = h.id
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
  left join _timescaledb_catalog.continuous_agg p on p.mat_hypertable_id = a.raw_hypertable_id
  left join _timescaledb_catalog.hypertable r on r.id = a.raw_hypertable_id
  left join pg_namespace n on n.nspname = h.schema_name left join pg_class c on c.relnamespace = n.oid and c.relname = h.table_name
  left join pg_namespace vn on vn.nspname = a.direct_view_schema
  left join pg_class v on v.relnamespace = vn.oid and v.relname = a.direct_view_name
\if :since_2_14
\else
  left join setting s on s.hypertable_id = h.id
\endif
  left join job j on j.hypertable_id = h.id
 where h.compression_state <> 2 and (a.mat_hypertable_id is not null or h.schema_name !~ '^_timescaledb_')
 order by 2
