-- Plain table $1 (oid) that is to become a hypertable
-- · columns: facts (columns that can be its time, unique indexes, foreign keys that refer to it, why it cannot be a hypertable; sized: the
-- table, whose size plan_sizes reads), state (whether it is a hypertable) · access: any role · cost: catalogue lookups
with target as materialized (
  select c.oid, c.reltuples, format('%I.%I', n.nspname, c.relname) as name,
         exists (select from _timescaledb_catalog.hypertable h where h.schema_name = n.nspname and h.table_name = c.relname) as hypertable,
         c.oid in (select l.relation from :locked l) as locked, :unfit_table as unfit
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = ($1::int8)::oid
)
select jsonb_build_object(
         'oid', t.oid::int8, 'name', t.name,
         'unfit', case when t.hypertable then 'is a hypertable already' when t.unfit is not null then t.unfit
                       when t.locked then 'is locked by another session now, so nothing is known of its rows: try again' end,
         'times', (select coalesce(jsonb_agg(jsonb_build_object('name', a.attname, 'axis', a.atttypid::regtype::text,
                     'not_null', a.attnotnull) order by a.atttypid not in (1184, 1114, 1082), a.attnum), '[]')
                     from pg_attribute a where a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
                      and a.atttypid in (1184, 1114, 1082, 20, 21, 23)),
         'rows', case when t.reltuples >= 0 then t.reltuples::int8 end,
         'filled', t.locked or pg_relation_size(t.oid) > 0,
         'unique', (select coalesce(jsonb_agg(jsonb_build_object('name', i.relname, 'columns', (select coalesce(jsonb_agg(a.attname), '[]')
                      from pg_attribute a where a.attrelid = t.oid and a.attnum = any (x.indkey::int2[]))) order by i.relname), '[]')
                      from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = t.oid and x.indisunique),
         'referenced', (select coalesce(jsonb_agg(format('%I of %s', f.conname, f.conrelid::regclass) order by f.conname), '[]')
                          from pg_constraint f where f.confrelid = t.oid and f.contype = 'f'),
         'sized', jsonb_build_array(t.oid::int8)) as facts,
       jsonb_build_object('hypertable', t.hypertable) as state
  from target t
