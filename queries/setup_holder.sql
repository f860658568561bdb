-- Session that has the lock which only one `hypertop apply` per database can have
-- · columns: holder (pid; NULL: no apply is running) · access: any role · cost: none
select
  :apply_holder as holder
