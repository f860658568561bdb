-- Statements of this database in pg_stat_statements: the statements with most time, calls, blocks or temporary blocks
-- · one row per statement, or one row without a statement (the columns installed, loaded and readable show why) · access: any role; other
-- roles' texts: pg_read_all_stats · cost: linear in the number of statements and the length of their texts: 20 ms for a few, 200 ms for
-- 3000 with 8 MB
with here as materialized (
  select d.oid from pg_database d where d.datname = current_database()
), tool as materialized (
  select n.nspname as schema, e.extversion as version,
         -- pg_settings has the settings of pg_stat_statements only if its library is preloaded, even if postgresql.conf sets them.
         exists (select from pg_settings g where g.name = 'pg_stat_statements.max') as loaded,
         coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(v.oid, 'select'), false) as readable,
         i.oid is not null as informs
  from here left join pg_extension e on e.extname = 'pg_stat_statements' left join pg_namespace n on n.oid = e.extnamespace
  left join pg_class v on v.relnamespace = n.oid and v.relname = 'pg_stat_statements'
  left join pg_class i on i.relnamespace = n.oid and i.relname = 'pg_stat_statements_info'
), told as materialized (
  -- The extension may be in any schema or missing, so its view is named at run time; base64 protects the text inside the XML.
  select t.schema, t.version, t.loaded, t.readable, case when t.schema is not null and t.loaded
       and t.readable then query_to_xml(format($outer$
with line as (
      select s.queryid, case when s.queryid is null then s.userid end as hidden_of, s.userid, r.calls, r.rows,
             coalesce(r.total_exec_time, r.total_time) as total, coalesce(r.min_exec_time, r.min_time) as shortest,
             coalesce(r.max_exec_time, r.max_time) as longest, r.total_plan_time as planning, r.shared_blks_hit as hit,
             r.shared_blks_read as read, r.shared_blks_dirtied as dirtied, r.shared_blks_written as written,
             r.temp_blks_read as temp_read, r.temp_blks_written as temp_written,
             coalesce(r.shared_blk_read_time, r.blk_read_time) as read_time, r.wal_bytes as wal
      -- false: pg_stat_statements is read without the texts; the CTE body reads the texts of the statements shown.
      from %1$I.pg_stat_statements(false) s
      cross join lateral jsonb_to_record(to_jsonb(s)) as r(
        calls int8, rows int8, total_exec_time float8, total_time float8, min_exec_time float8, min_time float8,
        max_exec_time float8, max_time float8, total_plan_time float8, shared_blks_hit int8, shared_blks_read int8,
        shared_blks_dirtied int8, shared_blks_written int8, temp_blks_read int8, temp_blks_written int8,
        blk_read_time float8, shared_blk_read_time float8, wal_bytes numeric)
      where s.dbid = (select d.oid from pg_database d where d.datname = current_database())
    ), statement as (
      select l.queryid, l.hidden_of, array_agg(distinct l.userid::regrole::text) as roles, sum(l.calls) as calls,
             sum(l.total) as total, min(l.shortest) as shortest, max(l.longest) as longest, sum(l.planning) as planning,
             sum(l.rows) as rows, sum(l.hit) as blocks_hit, sum(l.read) as blocks_read, sum(l.dirtied) as blocks_dirtied,
             sum(l.written) as blocks_written, sum(l.temp_read) as temp_read, sum(l.temp_written) as temp_written,
             sum(l.read_time) as read_time, sum(l.wal) as wal
      from line l
      group by l.queryid, l.hidden_of
    ), ranked as (
      select s.*, sum(s.total) over () as whole, count(*) over () as many, row_number() over (order by s.total desc) as by_total,
             row_number() over (order by s.calls desc) as by_calls,
             row_number() over (order by s.blocks_read + s.blocks_hit desc) as by_blocks,
             row_number() over (order by s.temp_written desc) as by_temp
      from statement s
    ), shown as materialized (
      select r.* from ranked r
      where r.by_total <= 100 or r.by_calls <= 50 or r.by_blocks <= 50 or r.by_temp <= 20
    ), body as materialized (
      select s.queryid, min(left(s.query, 4000)) as query, min(length(s.query)) as length
      from %1$I.pg_stat_statements(true) s
      where s.queryid = any (array(select k.queryid from shown k))
        and s.dbid = (select d.oid from pg_database d where d.datname = current_database())
      group by s.queryid
    )
    select encode(convert_to(jsonb_build_object('info', %2$s, 'lines', (
      select coalesce(jsonb_agg(to_jsonb(k) || jsonb_build_object('query', b.query, 'length', b.length)), '[]')
      from shown k left join body b on b.queryid = k.queryid
    ))::text, getdatabaseencoding()), 'base64') as j
  $outer$, t.schema, case when t.informs then format('(select to_jsonb(i) from %I.pg_stat_statements_info i)', t.schema)
       else 'null::jsonb' end),
    false, false, '')::text end as xml
  from tool t
), read as materialized (
  select t.schema, t.version, t.loaded, t.readable,
         convert_from(decode(split_part(split_part(t.xml, '<j>', 2), '</j>', 1), 'base64'), getdatabaseencoding())::jsonb as j
  from told t
), tool_told as materialized (
  select r.schema, r.version, r.loaded, r.readable, (r.j -> 'info' ->> 'stats_reset')::timestamptz as stats_reset,
         (r.j -> 'info' ->> 'dealloc')::int8 as dropped
  from read r
), line as materialized (
  -- The list is in a separate CTE, because otherwise every sorted row would contain the whole list.
  select l.* from read r, jsonb_to_recordset(r.j -> 'lines') as l(
    queryid int8, hidden_of oid, query text, length int4, roles text[], calls int8, total float8, shortest float8, longest float8,
  planning float8, rows int8, blocks_hit int8, blocks_read int8, blocks_dirtied int8, blocks_written int8, temp_read int8,
  temp_written int8, read_time float8, wal numeric, whole float8, many int8, by_total int8)
), example as materialized (
  -- pg_stat_statements replaces literals; pg_stat_activity still has the literals for a session that ran the statement last (PostgreSQL
  -- 14+).
  select distinct on (x.queryid) x.queryid, x.query
  from (
    select (to_jsonb(a) ->> 'query_id')::int8 as queryid, left(a.query, 4000) as query, a.query_start
    from pg_stat_activity a join here h on h.oid = a.datid
    where a.query <> '<insufficient privilege>'
  ) x
  where x.queryid is not null order by x.queryid, x.query_start desc
)
select clock_timestamp() as clock, r.schema is not null as installed, r.version, r.loaded, r.readable,
       current_setting('pg_stat_statements.track', true) as track, current_setting('pg_stat_statements.max', true) as most,
       exists (select from pg_available_extensions v where v.name = 'pg_stat_statements') as available, r.stats_reset, r.dropped,
       current_setting('block_size')::int8 as block, l.queryid, l.hidden_of::regrole::text as hidden_of, l.query, l.length, l.roles,
       l.calls, l.total, l.shortest, l.longest, l.planning, l.rows, l.blocks_hit, l.blocks_read, l.blocks_dirtied,
       l.blocks_written, l.temp_read, l.temp_written, l.read_time, l.wal::int8 as wal, l.whole, l.many, e.query as example,
\if :since_2_11
       case when coalesce(l.by_total, 1) = 1 then (
         select coalesce(jsonb_agg(to_jsonb(k)), '[]') from (
           select h.schema_name as schema, h.table_name as name, 'hypertable' as kind, null as bucket, null as source_schema, null as source
           from _timescaledb_catalog.hypertable h
           where not exists (select from _timescaledb_catalog.continuous_agg a where a.mat_hypertable_id = h.id)
             and h.schema_name <> '_timescaledb_internal'
           union all
           select a.user_view_schema, a.user_view_name, 'aggregate',
                  coalesce(to_jsonb(b) ->> 'bucket_width',
                    -- Before 2.15 the width is in microseconds, or in units of integer time.
                    case when d.integer_time then to_jsonb(a) ->> 'bucket_width'
                         else ((to_jsonb(a) ->> 'bucket_width')::int8 * interval '1 microsecond')::text end),
                  coalesce(p.user_view_schema, h.schema_name), coalesce(p.user_view_name, h.table_name)
           from _timescaledb_catalog.continuous_agg a join _timescaledb_catalog.hypertable h on h.id = a.raw_hypertable_id
           left join _timescaledb_catalog.continuous_agg p on p.mat_hypertable_id = a.raw_hypertable_id
           left join _timescaledb_catalog.continuous_aggs_bucket_function b on b.mat_hypertable_id = a.mat_hypertable_id
           left join lateral (
             select x.column_type::oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) as integer_time
             from :time_dimension x where x.hypertable_id = a.mat_hypertable_id
           ) d on true
         ) k
       ) end as catalog
\else
       case when coalesce(l.by_total, 1) = 1 then '[]'::jsonb end as catalog
\endif
from tool_told r left join line l on true left join example e on e.queryid = l.queryid
order by l.total desc, l.queryid, l.hidden_of
