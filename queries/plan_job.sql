-- A job as an undo needs it · facts (all of its row, next_start, what it works on), state (what an undo brings back) · public
-- · catalogue lookups. $1: the job's id
select to_jsonb(b) || jsonb_build_object(
         'owner', b.owner::regrole::text,
         'config_text', b.config::text,
         'next_start', s.next_start::text,
         'last_run_success', s.last_run_success, 'total_runs', s.total_runs,
         'relation', case when a.mat_hypertable_id is not null then format('%I.%I', a.user_view_schema, a.user_view_name)
                          when h.id is not null then format('%I.%I', h.schema_name, h.table_name) end,
         'integer_time', d.integer_time, 'axis_type', d.axis_type,
         'hierarchical', b.proc_name = 'policy_refresh_continuous_aggregate' and p.mat_hypertable_id is not null,
         -- what the server asks for before it alters, runs or deletes a job: a membership that is not inherited is not enough,
         -- and from 2.28 on the database's owner may, too (up to PostgreSQL 15 not one that does not inherit)
         'owned', pg_has_role(b.owner::oid, 'usage'), 'member', pg_has_role(b.owner::oid, 'member'),
         'owns_database', coalesce(pg_has_role(to_regrole('pg_database_owner')::oid, 'usage'), false),
         -- SET ROLE asks the role that logged in; the option of its membership is there from PostgreSQL 16 on
         'becomes', pg_has_role(session_user, b.owner::oid,
                      case when current_setting('server_version_num')::int4 < 160000 then 'member' else 'set' end),
         'role', quote_ident(current_user), 'session_role', quote_ident(session_user),
         'has_proc', exists (select from pg_proc r join pg_namespace n on n.oid = r.pronamespace
                              where n.nspname = b.proc_schema and r.proname = b.proc_name and r.proargtypes = '23 3802'::oidvector),
         -- where a worker that runs it finds unqualified names: its owner's setting, the database's, else PostgreSQL's own
         'search_path', coalesce((select substr(c.setting, 13) from pg_db_role_setting s, unnest(s.setconfig) c(setting)
                                   where s.setdatabase in (0, (select oid from pg_database where datname = current_database()))
                                     and s.setrole in (0, b.owner::oid) and c.setting like 'search\_path=%'
                                   order by s.setrole = 0, s.setdatabase = 0 limit 1), '"$user", public'),
         -- what the source of a refresh policy keeps
         'source', case when r.id is not null then format('%I.%I', coalesce(p.user_view_schema, r.schema_name), coalesce(p.user_view_name, r.table_name)) end,
         'source_drop_after', (select min(x.config ->> 'drop_after') from _timescaledb_config.bgw_job x
                                where x.proc_name = 'policy_retention' and x.hypertable_id = a.raw_hypertable_id),
         'indexes', (select jsonb_agg(x.relname order by x.relname) from pg_index i join pg_class x on x.oid = i.indexrelid
                      join pg_class t on t.oid = i.indrelid join pg_namespace n on n.oid = t.relnamespace
                      where b.proc_name = 'policy_reorder' and n.nspname = h.schema_name and t.relname = h.table_name),
         -- the catalogue's tables that alter_job and delete_job write
         'job_table', coalesce(to_regclass('_timescaledb_catalog.bgw_job'), to_regclass('_timescaledb_config.bgw_job'))::oid::int8,
         'stat_table', to_regclass('_timescaledb_internal.bgw_job_stat')::oid::int8,
         'pid', w.pid
       ) as facts,
       (to_jsonb(b) - 'id') || jsonb_build_object(
         'owner', b.owner::regrole::text,
         'application_name', regexp_replace(b.application_name::text, ' \[\d+\]$', '')
       ) as state
from _timescaledb_config.bgw_job b
left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
left join _timescaledb_catalog.hypertable h on h.id = b.hypertable_id
left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = b.hypertable_id
left join _timescaledb_catalog.hypertable r on r.id = a.raw_hypertable_id
-- the parent, where the aggregate's source is itself an aggregate
left join _timescaledb_catalog.continuous_agg p on p.mat_hypertable_id = a.raw_hypertable_id
left join lateral (
  select x.column_type::oid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) as integer_time, x.column_type::text as axis_type
  from _timescaledb_catalog.dimension x where x.hypertable_id = b.hypertable_id and x.interval_length is not null
  order by x.id limit 1
) d on true
left join lateral (
  select min(v.pid) as pid from pg_stat_activity v
  where v.datname = current_database() and v.application_name = b.application_name::text
) w on true
where b.id = $1::int8
