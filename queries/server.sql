-- The server, the database, this role and TimescaleDB in the database
-- · one row, on PostgreSQL 13 to 18, with TimescaleDB (whether its library is preloaded or not), without it, or with the demo's stand-in
-- for it · access: any role · cost: once per connection, 2 ms
select coalesce(x.extversion, case when m.oid is not null then coalesce(obj_description(m.oid, 'pg_class'), '2.28.0') end) as version,
       n.nspname::text as extension_schema, m.oid is not null as simulated,
       -- pg_settings has the settings of TimescaleDB's library only if the library is loaded, even if postgresql.conf sets them.
       x.oid is null or t.loaded as preloaded,
       case current_setting('timescaledb.license', true) when 'apache' then 'Apache' else 'Community' end as edition,
       coalesce(current_setting('timescaledb.enable_job_execution_logging', true) in ('on', 'true', 'yes', '1'), false)
         as logs_job_successes,
       current_setting('server_version_num')::int4 as postgres, current_database()::text as database, current_user::text as role,
       pg_is_in_recovery() as standby, coalesce(u.rolsuper, false) as superuser,
       pg_has_role('pg_read_all_stats', 'usage') as reads_all_stats, pg_has_role(d.datdba, 'member') as owns_database,
       coalesce(has_table_privilege(h.oid, 'select'), false) as reads_job_history, current_setting('track_counts') = 'on' as track_counts,
       pg_stat_get_db_stat_reset_time(d.oid) as stats_reset, pg_postmaster_start_time() as started, clock_timestamp() as clock,
       coalesce(z.time_zone, f.time_zone, t.reset_val) as time_zone,
       case when z.time_zone is null and f.time_zone is null and t.hidden then case when t.source = 'client' then 'connection'
            else 'role' end end as time_zone_hidden_by
from pg_database d left join pg_roles u on u.rolname = current_user left join pg_extension x on x.extname = 'timescaledb'
left join pg_namespace n on n.oid = x.extnamespace
-- The demo's stand-in for TimescaleDB has this table, but no extension. The comment on the table is the simulated version.
left join lateral (
  select c.oid from pg_class c join pg_namespace s on s.oid = c.relnamespace
  where x.oid is null and s.nspname = '_timescaledb_catalog' and c.relname = 'hypertop_stand_in'
) m on true
left join lateral (
  select c.oid from pg_class c join pg_namespace s on s.oid = c.relnamespace
  where s.nspname = '_timescaledb_internal' and c.relname in ('bgw_job_stat_history', 'job_errors') and c.relkind = 'r'
  order by c.relname limit 1
) h on true
-- The time zone of background workers whose owner has none. First source: ALTER DATABASE or ALTER ROLE ALL.
left join lateral (
  select split_part(e.entry, '=', 2) as time_zone
  from pg_db_role_setting s, unnest(s.setconfig) e(entry)
  where s.setrole = 0 and s.setdatabase in (d.oid, 0) and lower(split_part(e.entry, '=', 1)) = 'timezone'
  order by s.setdatabase desc limit 1
) z on true
-- Third source: this session's default (reset_val). hidden: reset_val is a time zone set for this role or this connection, which the
-- workers do not have.
left join lateral (
  select max(g.reset_val) filter (where g.name = 'TimeZone') as reset_val, max(g.boot_val) filter (where g.name = 'TimeZone') as boot_val,
         max(g.source) filter (where g.name = 'TimeZone') as source, bool_or(g.name = 'timescaledb.license') as loaded,
         bool_or(g.name = 'TimeZone' and g.source not in ('default', 'environment variable', 'configuration file', 'command line', 'global',
              'database')) as hidden
  from pg_settings g where g.name in ('TimeZone', 'timescaledb.license')
) t on true
-- Second source, used if hidden: the configuration files, if this role may read them.
left join lateral (
  select coalesce((
    select replace(replace((xpath('/row/n/text()', query_to_xml($q$
      select f.setting as n from pg_show_all_file_settings() f
      where lower(f.name) = 'timezone' and f.applied order by f.seqno desc limit 1$q$, false, true, '')))[1]::text, '&lt;', '<'), '&gt;',
           '>')
  ), t.boot_val) as time_zone
  where z.time_zone is null and t.hidden and has_function_privilege('pg_show_all_file_settings()', 'execute')
) f on true
where d.datname = current_database()
