-- The name of relation v.relation (an oid), for whose lock the session of v waits
(select format('%I.%I', y.nspname, z.relname) from pg_class z join pg_namespace y on y.oid = z.relnamespace where z.oid = v.relation)
