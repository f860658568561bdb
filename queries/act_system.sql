-- The cluster's system identifier, which physical copies of the cluster share
-- · columns: system · access: EXECUTE on pg_control_system() (act_place returns whether this role has it) · cost: reads the control file
select system_identifier::text as system from pg_control_system()
