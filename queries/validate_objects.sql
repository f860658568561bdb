-- The objects that have the names in a policy file, and whether this role may change them: the schemas $1 and the names $2 (text[], in
-- pairs)
-- · columns: schema, name, schema_there, usable and creatable (whether this role has USAGE and CREATE on the schema), kind
-- (pg_class.relkind; NULL: no relation has this name), owner, owned (whether this role has the owner's rights), chunks · access: any
-- role · cost: catalogue lookups by name, and one per chunk of these tables
select w.schema, w.name, n.oid is not null as schema_there, coalesce(has_schema_privilege(n.oid, 'usage'), false) as usable,
       coalesce(has_schema_privilege(n.oid, 'create'), false) as creatable, c.relkind::text as kind,
       pg_get_userbyid(c.relowner)::text as owner, coalesce(pg_has_role(c.relowner, 'usage'), false) as owned,
       (select count(*) from pg_inherits i where i.inhparent = coalesce(t.oid, c.oid)) as chunks
  from unnest($1::text[], $2::text[]) as w(schema, name)
  left join pg_namespace n on n.nspname = w.schema left join pg_class c on c.relnamespace = n.oid and c.relname = w.name
  left join _timescaledb_catalog.continuous_agg a on a.user_view_schema = w.schema and a.user_view_name = w.name
  left join _timescaledb_catalog.hypertable h on h.id = a.mat_hypertable_id
  left join pg_namespace m on m.nspname = h.schema_name left join pg_class t on t.relnamespace = m.oid and t.relname = h.table_name
