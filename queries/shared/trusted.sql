-- Whose code looking may run: a superuser's, one's own, and that of trusted_owners in config.toml (6171: pg_database_owner)
(select array_agg(r.oid) || array_agg(6171::oid) filter (where r.oid = d.datdba) as roles
   from pg_roles r join pg_database d on d.datname = current_database()
  where r.rolsuper or r.rolname = current_user
     or r.rolname = any (coalesce(nullif(current_setting('hypertop.trusted_owners', true), ''), '{}')::name[]))
