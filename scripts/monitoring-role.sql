-- Makes the role that hypertop monitors with, and gives it no more than that wants; run it again after an upgrade.
--   psql -d DATABASE -f scripts/monitoring-role.sql
--   \password hypertop_monitor
-- It owns nothing, writes nothing, and reads no table's rows. What that hides is said on the screens:
--   GRANT SELECT ON schema.table TO hypertop_monitor   shows the newest row of that table, hence the lag of its aggregates
do $$ begin
  if to_regrole('hypertop_monitor') is null then
    create role hypertop_monitor login;
  end if;
end $$;
alter role hypertop_monitor nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 10;
-- other roles' sessions, locks and statements, settings and WAL; no rows
grant pg_monitor to hypertop_monitor;
-- hypertop sets these itself; they hold for whoever else connects as this role
alter role hypertop_monitor set default_transaction_read_only = on;
alter role hypertop_monitor set statement_timeout = '30s';
alter role hypertop_monitor set lock_timeout = '1s';
alter role hypertop_monitor set search_path = pg_catalog;
