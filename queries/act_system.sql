-- The cluster's system identifier; its physical copies have the same · system · EXECUTE on pg_control_system() (act_place asks for this
-- right first) · reads the control file
select system_identifier::text as system from pg_control_system()
