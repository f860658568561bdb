-- The cluster's system identifier, which its physical copies share · system · EXECUTE on pg_control_system() (act_place returns whether
-- this role has it) · reads the control file
select system_identifier::text as system from pg_control_system()
