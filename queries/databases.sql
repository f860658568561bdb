-- The databases of this server that this role may connect to
-- · columns: name · access: any role, on PostgreSQL 13 to 18 · cost: 0.2 ms, no lock
select d.datname::text as name
from pg_database d
where d.datallowconn and not d.datistemplate and has_database_privilege(d.oid, 'connect')
order by d.datname = current_database() desc, d.datname
