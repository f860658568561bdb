-- The name of the relation v.relation, whose lock v waits for
(select format('%I.%I', y.nspname, z.relname) from pg_class z join pg_namespace y on y.oid = z.relnamespace where z.oid = v.relation)
