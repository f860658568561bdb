-- Makes the role that hypertop monitors with, and gives it no more rights than monitoring needs; run it again after an upgrade.
--   psql -d DATABASE -f contrib/monitoring-role.sql
--   \password hypertop_monitor
-- The role owns nothing, writes nothing, and reads no rows of tables. The screens say what is therefore hidden, and which GRANT shows it:
--   GRANT USAGE ON SCHEMA schema TO hypertop_monitor; GRANT SELECT ON schema.table TO hypertop_monitor   shows the newest row of that
--   table, hence the lag of its aggregates; the table's owner must also be in trusted_owners of this role (docs/rights.md)
do $$ begin
  if to_regrole('hypertop_monitor') is null then
    create role hypertop_monitor login;
  end if;
end $$;
alter role hypertop_monitor nosuperuser nocreatedb nocreaterole noreplication nobypassrls connection limit 10;
-- Other roles' sessions, locks and statements, settings and WAL; no rows of tables.
grant pg_monitor to hypertop_monitor;
-- hypertop also sets these in its own sessions; here they hold for other programs that connect as this role, too.
alter role hypertop_monitor set default_transaction_read_only = on;
alter role hypertop_monitor set statement_timeout = '30s';
alter role hypertop_monitor set lock_timeout = '1s';
alter role hypertop_monitor set search_path = pg_catalog;
