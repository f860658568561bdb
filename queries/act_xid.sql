-- The id of the open transaction; it is assigned if there is none yet · xid · public
select pg_current_xact_id()::text as xid
