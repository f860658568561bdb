-- Id of the open transaction; assigns an id if the transaction has none yet
-- · columns: xid · access: any role · cost: none
select pg_current_xact_id()::text as xid
