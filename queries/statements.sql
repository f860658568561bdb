-- Statements of this database by pg_stat_statements: the heaviest, the most frequent, those that read or spill most · one row
-- a statement; one row without a statement where there is none (installed, loaded, readable say why) · public (other roles'
-- texts: pg_read_all_stats) · by pg_stat_statements.max, 50 ms at 5000
with here as materialized (
  select d.oid from pg_database d where d.datname = current_database()
), tool as materialized (
  select n.nspname as schema, e.extversion as version,
         -- a setting that postgresql.conf merely mentions is none of pg_settings': only the preloaded library makes it one
         exists (select from pg_settings g where g.name = 'pg_stat_statements.max') as loaded,
         coalesce(has_schema_privilege(n.oid, 'usage') and has_table_privilege(v.oid, 'select'), false) as readable,
         i.oid is not null as informs
  from here
  left join pg_extension e on e.extname = 'pg_stat_statements'
  left join pg_namespace n on n.oid = e.extnamespace
  left join pg_class v on v.relnamespace = n.oid and v.relname = 'pg_stat_statements'
  left join pg_class i on i.relnamespace = n.oid and i.relname = 'pg_stat_statements_info'
), told as materialized (
  -- the extension may be in any schema or in none, so its view is named at run time; base64 keeps the XML whole
  select t.schema, t.version, t.loaded, t.readable, case when t.schema is not null and t.loaded and t.readable then query_to_xml(format($outer$
    select encode(convert_to(jsonb_build_object('info', %2$s, 'lines', (
      select coalesce(jsonb_agg(to_jsonb(k) order by k.total desc), '[]') from (
        select q.*, row_number() over (order by q.total desc) as by_total, row_number() over (order by q.calls desc) as by_calls,
               row_number() over (order by q.blocks_read + q.blocks_hit desc) as by_blocks,
               row_number() over (order by q.temp_written desc) as by_temp, sum(q.total) over () as whole, count(*) over () as many
        from (
          select s.queryid, case when s.queryid is null then s.userid end as hidden_of, min(left(s.query, 4000)) as query,
                 min(length(s.query)) as length, array_agg(distinct s.userid::regrole::text) as roles,
                 sum(r.calls) as calls, sum(coalesce(r.total_exec_time, r.total_time)) as total,
                 min(coalesce(r.min_exec_time, r.min_time)) as shortest, max(coalesce(r.max_exec_time, r.max_time)) as longest,
                 sum(r.total_plan_time) as planning, sum(r.rows) as rows,
                 sum(r.shared_blks_hit) as blocks_hit, sum(r.shared_blks_read) as blocks_read,
                 sum(r.shared_blks_dirtied) as blocks_dirtied, sum(r.shared_blks_written) as blocks_written,
                 sum(r.temp_blks_read) as temp_read, sum(r.temp_blks_written) as temp_written,
                 sum(coalesce(r.shared_blk_read_time, r.blk_read_time)) as read_time, sum(r.wal_bytes) as wal
          from %1$I.pg_stat_statements s
          cross join lateral jsonb_to_record(to_jsonb(s) - 'query') as r(
            calls int8, rows int8, total_exec_time float8, total_time float8, min_exec_time float8, min_time float8,
            max_exec_time float8, max_time float8, total_plan_time float8, shared_blks_hit int8, shared_blks_read int8,
            shared_blks_dirtied int8, shared_blks_written int8, temp_blks_read int8, temp_blks_written int8,
            blk_read_time float8, shared_blk_read_time float8, wal_bytes numeric)
          where s.dbid = (select d.oid from pg_database d where d.datname = current_database())
          group by s.queryid, case when s.queryid is null then s.userid end
        ) q
      ) k where k.by_total <= 100 or k.by_calls <= 50 or k.by_blocks <= 50 or k.by_temp <= 20
    ))::text, getdatabaseencoding()), 'base64') as j
  $outer$, t.schema, case when t.informs then format('(select to_jsonb(i) from %I.pg_stat_statements_info i)', t.schema) else 'null::jsonb' end),
    false, false, '')::text end as xml
  from tool t
), read as materialized (
  select t.schema, t.version, t.loaded, t.readable,
         convert_from(decode(split_part(split_part(t.xml, '<j>', 2), '</j>', 1), 'base64'), getdatabaseencoding())::jsonb as j
  from told t
), example as materialized (
  -- the statistics leave literals out; a session that ran the statement last still has them (PostgreSQL 14 and later)
  select distinct on (x.queryid) x.queryid, x.query
  from (
    select (to_jsonb(a) ->> 'query_id')::int8 as queryid, left(a.query, 4000) as query, a.query_start
    from pg_stat_activity a join here h on h.oid = a.datid
    where a.query <> '<insufficient privilege>'
  ) x
  where x.queryid is not null
  order by x.queryid, x.query_start desc
)
select clock_timestamp() as clock, r.schema is not null as installed, r.version, r.loaded, r.readable,
       current_setting('pg_stat_statements.track', true) as track,
       exists (select from pg_available_extensions v where v.name = 'pg_stat_statements') as available,
       (r.j -> 'info' ->> 'stats_reset')::timestamptz as stats_reset, (r.j -> 'info' ->> 'dealloc')::int8 as dropped,
       current_setting('block_size')::int8 as block, l.queryid, l.hidden_of::regrole::text as hidden_of, l.query, l.length, l.roles,
       l.calls, l.total, l.shortest, l.longest, l.planning, l.rows, l.blocks_hit, l.blocks_read, l.blocks_dirtied,
       l.blocks_written, l.temp_read, l.temp_written, l.read_time, l.wal::int8 as wal, l.whole, l.many, e.query as example,
       case when row_number() over (order by l.total desc) = 1 then '[]'::jsonb end as catalog
from read r
left join lateral jsonb_to_recordset(r.j -> 'lines') as l(
  queryid int8, hidden_of oid, query text, length int4, roles text[], calls int8, total float8, shortest float8, longest float8,
  planning float8, rows int8, blocks_hit int8, blocks_read int8, blocks_dirtied int8, blocks_written int8, temp_read int8,
  temp_written int8, read_time float8, wal numeric, whole float8, many int8) on true
left join example e on e.queryid = l.queryid
order by l.total desc, l.queryid
