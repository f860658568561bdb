-- Outcome of transaction $1 · status (committed, aborted, in progress; NULL: no longer in the commit log) · public · reads the commit log
select pg_xact_status($1::text::xid8) as status
