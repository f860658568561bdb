-- Joins chunk c with r and n: the pg_class row of the chunk's table, and the pg_namespace row of the table's schema
\if :since_2_29
join pg_class r on r.oid = c.relid join pg_namespace n on n.oid = r.relnamespace
\else
join pg_namespace n on n.nspname = c.schema_name join pg_class r on r.relnamespace = n.oid and r.relname = c.table_name
\endif
