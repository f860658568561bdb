-- The cluster's system identifier, which its copies share · system · public, unless EXECUTE on pg_control_system() was revoked
-- (checked when the statement starts, so a condition inside it would not help) · reads the control file
select system_identifier::text as system from pg_control_system()
