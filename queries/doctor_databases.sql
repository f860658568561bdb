-- The other databases whose jobs share the workers · columns: name, opens (whether this role may connect) · access: any role, on PostgreSQL
-- 13 to 18 · cost: 1 ms
select d.datname::text as name, has_database_privilege(d.oid, 'connect') as opens
from pg_database d where d.datallowconn and not d.datistemplate and d.datname <> current_database()
order by d.datname
