-- Outcome of transaction $1
-- · columns: status (committed, aborted, in progress; NULL: no longer in the commit log) · access: any role · cost: reads the commit log
select pg_xact_status($1::text::xid8) as status
