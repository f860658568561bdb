-- Takes the lock that only one `hypertop apply` per database can have, until the session ends
-- · columns: locked, holder (pid of the session that has the lock; NULL: this session, or hidden) · access: any role · cost: none
select w.locked, case when not w.locked then
  :apply_holder end as holder
  from (select pg_try_advisory_lock(1752787316, 1634757753) as locked offset 0) w
