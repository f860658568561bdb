-- The cluster's system identifier, which its copies have too · system · public, where EXECUTE on pg_control_system() was
-- not revoked: that is checked before the statement begins, so that no condition within it helps · reads the control file
select system_identifier::text as system from pg_control_system()
