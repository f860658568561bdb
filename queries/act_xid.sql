-- Id of the open transaction, which gets one if it has none · xid · public
select pg_current_xact_id()::text as xid
