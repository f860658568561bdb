-- The server and the database that this session is connected to
-- · columns: database, database_oid, standby (whether the server is a standby), pid and role of this session, reads_system (whether this
-- role may run act_system), started (start of the server, UTC), address (NULL: a Unix socket), timeline and wal (bytes; both columns are
-- NULL on a standby) · access: any role · cost: one row of pg_database
select d.datname::text as database, d.oid::int8 as database_oid, pg_is_in_recovery() as standby, pg_backend_pid() as pid,
       current_user::text as role, has_function_privilege('pg_control_system()', 'execute') as reads_system,
       to_char(pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as started,
       host(inet_server_addr()) || ':' || inet_server_port() as address,
       -- The timeline is read from the name of the WAL file: after a promotion the control file has the old timeline for some time.
       case when not pg_is_in_recovery() then ('x' || left(pg_walfile_name(pg_current_wal_flush_lsn()), 8))::bit(32)::int8 end as timeline,
       case when not pg_is_in_recovery() then (pg_current_wal_flush_lsn() - '0/0')::int8 end as wal
from pg_database d where d.datname = current_database()
