-- TimescaleDB in this database and in the server's files · one row · access: any role; libraries (the libraries that the server preloads)
-- is NULL without pg_read_all_settings · PostgreSQL 13 to 18, with TimescaleDB (its library preloaded or not) or without · cost: reads the
-- control files, 5 ms
select x.extversion as installed,
       array(select v.version from pg_available_extension_versions() v where v.name = 'timescaledb') as versions,
       -- pg_settings has the library's settings only if the library is loaded, even if postgresql.conf sets them
       exists (select from pg_settings g where g.name = 'timescaledb.license') as loaded,
       -- a setting of the loader, which exists also in a database without the extension
       exists (select from pg_settings g where g.name = 'timescaledb.max_background_workers') as preloaded,
       (select g.setting from pg_settings g where g.name = 'shared_preload_libraries') as libraries,
       current_setting('timescaledb.license', true) as license,
       coalesce(current_setting('timescaledb.restoring', true) in ('on', 'true', 'yes', '1'), false) as restoring,
       -- the demo's stand-in for TimescaleDB
       x.oid is null and exists (select from pg_class c join pg_namespace s on s.oid = c.relnamespace
                                 where s.nspname = '_timescaledb_catalog' and c.relname = 'hypertop_stand_in') as simulated
from (select 1) one left join pg_extension x on x.extname = 'timescaledb'
