-- The name of the relation v.relation (an oid), for a lock on which the session of v waits
(select format('%I.%I', y.nspname, z.relname) from pg_class z join pg_namespace y on y.oid = z.relnamespace where z.oid = v.relation)
