-- The name of the relation v.relation (an oid); the session of v waits for a lock on it
(select format('%I.%I', y.nspname, z.relname) from pg_class z join pg_namespace y on y.oid = z.relnamespace where z.oid = v.relation)
