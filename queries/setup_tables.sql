-- Plain tables that a policy file wants as hypertables: the tables with the schemas $1 and the names $2 (text[], in pairs)
-- · columns: schema, name, columns (jsonb: type by name), filled (false: the table has no rows; true also if another session locks the
-- table), comment, unfit (why the table cannot be a hypertable; NULL: it can be a hypertable)
-- · access: any role · cost: catalogue lookups by name
select n.nspname::text as schema, c.relname::text as name,
       (select coalesce(jsonb_object_agg(a.attname, a.atttypid::regtype::text), '{}') from pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
       c.oid in (select l.relation from :locked l) or pg_relation_size(c.oid) > 0 as filled,
       obj_description(c.oid, 'pg_class') as comment, :unfit_table as unfit
  from unnest($1::text[], $2::text[]) as w(schema, name)
  join pg_namespace n on n.nspname = w.schema join pg_class c on c.relnamespace = n.oid and c.relname = w.name and c.relkind = 'r'
