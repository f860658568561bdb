-- Session that has the lock which only one `hypertop apply` per database can have
-- · columns: holder (pid; no row: no apply is running) · access: any role · cost: none
select l.pid as holder from pg_locks l
 where l.locktype = 'advisory' and l.classid = 1752787316 and l.objid = 1634757753 and l.granted
   and l.database = (select d.oid from pg_database d where d.datname = current_database())
 limit 1
