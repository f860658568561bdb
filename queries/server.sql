-- What the server is, asked once a connection, before its version is known · one row · public · constant
select current_database()::text as database,
       current_user::text as role,
       pg_is_in_recovery() as standby,
       current_setting('server_version_num')::int4 as postgres,
       e.extversion::text as timescaledb,
       -- The demo's stand-in for TimescaleDB says its version in a comment on its marker table.
       obj_description(to_regclass('_timescaledb_catalog.hypertop_stand_in'), 'pg_class') as stand_in,
       -- NULL where the library is not loaded: then the server lacks shared_preload_libraries = 'timescaledb'.
       current_setting('timescaledb.license', true) as license,
       coalesce(r.rolsuper, false) as superuser,
       pg_has_role('pg_read_all_stats', 'member') as reads_all_stats,
       pg_has_role(d.datdba, 'member') as owns_database,
       current_setting('track_counts')::bool as track_counts,
       coalesce(current_setting('timescaledb.enable_job_execution_logging', true)::bool, false) as logs_job_successes,
       (select s.stats_reset from pg_stat_database s where s.datid = d.oid) as stats_reset,
       pg_postmaster_start_time() as started,
       clock_timestamp() as clock,
       -- Background workers take the database's setting, else the server's; this session's own may come from the client.
       coalesce(
         (select substring(item from 10) from pg_db_role_setting x, unnest(x.setconfig) item
           where x.setdatabase = d.oid and x.setrole = 0 and item ilike 'timezone=%' limit 1),
         (select case when s.source in ('configuration file', 'default', 'command line', 'environment variable', 'global')
                      then s.setting else s.reset_val end
            from pg_settings s where s.name = 'TimeZone')) as time_zone
  from pg_database d
  left join pg_roles r on r.rolname = current_user
  left join pg_extension e on e.extname = 'timescaledb'
 where d.datname = current_database()
