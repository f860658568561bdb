-- Process id of the session that has the lock which only one `hypertop apply` per database can have; NULL: no session, or hidden
(select l.pid from pg_locks l where l.locktype = 'advisory' and l.classid = 1752787316 and l.objid = 1634757753 and l.granted
    and l.database = (select d.oid from pg_database d where d.datname = current_database()) limit 1)
