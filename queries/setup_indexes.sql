-- The indexes of the hypertables and aggregates that a policy file may describe, without the indexes of constraints
-- · columns: relation (quoted; of an aggregate the view), name (quoted; NULL: another session locks the hypertable, and its indexes are
-- unknown), oid (NULL like name), columns (key columns and expressions as the server writes them), include, method, is_unique, predicate
-- (NULL: none), by_default (whether TimescaleDB makes the same index by itself, under the same name), valid, builder (pid of the session
-- that builds it now)
-- · access: any role · cost: catalogue lookups, nothing per chunk; pg_get_indexdef() locks the hypertable for a moment
with own as materialized (
  select h.id, a.mat_hypertable_id is not null as aggregate, d.column_name::text as time_column, t.oid, t.relname::text as table_name,
         format('%I.%I', coalesce(a.user_view_schema, h.schema_name), coalesce(a.user_view_name, h.table_name)) as relation,
         t.oid in (select l.relation from :locked l) as locked, v.oid as view
    from _timescaledb_catalog.hypertable h
    left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
    join :time_dimension d on d.hypertable_id = h.id
    join pg_namespace n on n.nspname = h.schema_name
    join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
    left join pg_namespace vn on vn.nspname = a.direct_view_schema
    left join pg_class v on v.relnamespace = vn.oid and v.relname = a.direct_view_name
   where h.compression_state <> 2 and (a.mat_hypertable_id is not null or h.schema_name !~ '^_timescaledb_')
), suspect as materialized (
  select x.indexrelid, true as of_hypertable from own o join pg_index x on x.indrelid = o.oid and not x.indisvalid
),
\ir shared/index_building.sql
select o.relation, case when i.oid is not null then format('%I.%I', n.nspname, i.relname) end as name, i.oid::int8 as oid,
       (select coalesce(array_agg(pg_get_indexdef(x.indexrelid, k, true)
          || case when x.indoption[k - 1] & 1 = 1 then ' DESC' else '' end
          || case x.indoption[k - 1] & 3 when 1 then ' NULLS LAST' when 2 then ' NULLS FIRST' else '' end order by k), '{}')
          from generate_series(1, x.indnkeyatts::int4) k) as columns,
       (select coalesce(array_agg(pg_get_indexdef(x.indexrelid, k, true) order by k), '{}')
          from generate_series(x.indnkeyatts::int4 + 1, x.indnatts::int4) k) as include,
       m.amname::text as method, x.indisunique as is_unique, pg_get_expr(x.indpred, x.indrelid, true) as predicate,
       -- TimescaleDB makes an index on (time DESC), and on an aggregate also on (column that it groups by, time DESC). PostgreSQL shortens
       -- the names to 63 bytes.
       m.amname = 'btree' and not x.indisunique and x.indpred is null and x.indnatts = x.indnkeyatts
         and e.attname = o.time_column and x.indoption[x.indnatts - 1] = 3
         and (x.indnatts = 1 or x.indnatts = 2 and x.indoption[0] = 0 and exists (
               select from pg_attribute c join pg_rewrite w on w.ev_class = c.attrelid
                where c.attrelid = o.view and c.attname = f.attname and w.ev_action::text
                      ~ format('.resno %s .resname ([^ \\<]|\\.)([^ \\]|\\.)* .ressortgroupref [1-9]', c.attnum)))
         and (i.relname::text = concat_ws('_', o.table_name, case when x.indnatts = 2 then f.attname end, o.time_column, 'idx')
              or octet_length(i.relname::text) = 63 and right(i.relname::text, 4) = '_idx') as by_default, x.indisvalid as valid,
       (select b.pid from building b where b.indexrelid = x.indexrelid) as builder
  from own o
  left join pg_index x on x.indrelid = o.oid and not o.locked and not exists (select from pg_constraint k where k.conindid = x.indexrelid)
  left join pg_class i on i.oid = x.indexrelid left join pg_namespace n on n.oid = i.relnamespace left join pg_am m on m.oid = i.relam
  left join pg_attribute f on f.attrelid = o.oid and f.attnum = x.indkey[0]
  left join pg_attribute e on e.attrelid = o.oid and e.attnum = x.indkey[x.indnatts - 1]
 where o.locked or x.indexrelid is not null
 order by 1, 2
