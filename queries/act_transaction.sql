-- Outcome of transaction $1 · status (committed, aborted, in progress; NULL: too long ago) · public · the commit log
select pg_xact_status($1::text::xid8) as status
