-- Takes the lock that only one `hypertop apply` per database can have, until the session ends
-- · columns: locked, holder (pid of the session that has it; NULL: this one, or hidden) · access: any role · cost: none
select w.locked, case when not w.locked then (select l.pid from pg_locks l where l.locktype = 'advisory' and l.classid = 1752787316
         and l.objid = 1634757753 and l.granted and l.database = (select d.oid from pg_database d where d.datname = current_database())
         limit 1) end as holder
  from (select pg_try_advisory_lock(1752787316, 1634757753) as locked offset 0) w
