-- The text of one statement ($1: its queryid), and its figures by role
-- · columns: role, query, calls, … · access: any role; other roles' texts: pg_read_all_stats · cost: reads all of pg_stat_statements once
-- The extension may be in any schema, so its view is named at run time.
with tool as (
  select n.nspname as schema
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace
  where e.extname = 'pg_stat_statements' and exists (select from pg_settings g where g.name = 'pg_stat_statements.max')
), read as materialized (
  select convert_from(decode(split_part(split_part(query_to_xml(format($outer$
    select encode(convert_to((select coalesce(jsonb_agg(to_jsonb(s) || jsonb_build_object('role', s.userid::regrole::text)), '[]')
      from %I.pg_stat_statements s
      where s.queryid = %s and s.dbid = (select d.oid from pg_database d where d.datname = current_database()))::text,
      getdatabaseencoding()), 'base64') as j
  $outer$, t.schema, $1::int8), false, false, '')::text, '<j>', 2), '</j>', 1), 'base64'), getdatabaseencoding())::jsonb as j
  from tool t
)
select l.role, :cut_text as query, l.toplevel, l.calls, coalesce(l.total_exec_time, l.total_time) as total,
       coalesce(l.max_exec_time, l.max_time) as longest, l.rows, l.shared_blks_read as blocks_read, l.temp_blks_written as temp_written
from read r, jsonb_to_recordset(r.j) as l(
  role text, query text, toplevel bool, calls int8, total_exec_time float8, total_time float8, max_exec_time float8,
  max_time float8, rows int8, shared_blks_read int8, temp_blks_written int8)
cross join lateral (select l.query as text) t
order by 5 desc limit 50
