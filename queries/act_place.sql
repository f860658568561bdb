-- Which database of which server · system (NULL: this role may not read it), database, database_oid, standby · public
-- · reads the control file
select case when has_function_privilege('pg_control_system()', 'execute')
            then (select s.system_identifier::text from pg_control_system() s) end as system,
       d.datname::text as database, d.oid::int8 as database_oid, pg_is_in_recovery() as standby, pg_backend_pid() as pid,
       current_user::text as role
from pg_database d where d.datname = current_database()
