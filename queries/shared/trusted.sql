-- The roles whose code a read may run: superusers, this role, the trusted_owners of config.toml, and pg_database_owner (oid 6171) if the
-- database's owner is one of these
(select array_agg(r.oid) || array_agg(6171::oid) filter (where r.oid = d.datdba) as roles
   from pg_roles r join pg_database d on d.datname = current_database()
  where r.rolsuper or r.rolname = current_user
     or r.rolname = any (coalesce(nullif(current_setting('hypertop.trusted_owners', true), ''), '{}')::name[]))
