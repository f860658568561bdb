-- Id of the open transaction; assigns one if the transaction has none yet · xid · public
select pg_current_xact_id()::text as xid
