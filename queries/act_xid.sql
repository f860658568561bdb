-- The number of the transaction that is open · xid · public · gives it one
select pg_current_xact_id()::text as xid
