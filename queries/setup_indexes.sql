-- The indexes of the hypertables and aggregates that a policy file may describe, without those of constraints
-- · columns: relation (quoted; of an aggregate the view), name (quoted), oid, columns (key columns and expressions as the server writes
-- them), include, method, is_unique, predicate (NULL: none), time_default (whether it is the index that TimescaleDB makes by itself), valid
-- · access: any role · cost: catalogue lookups, nothing per chunk; pg_get_indexdef() locks the hypertable for a moment (its indexes are
-- left out if another session locks the table)
select format('%I.%I', coalesce(a.user_view_schema, h.schema_name), coalesce(a.user_view_name, h.table_name)) as relation,
       format('%I.%I', n.nspname, i.relname) as name, i.oid::int8 as oid,
       (select array_agg(pg_get_indexdef(x.indexrelid, k, true)
          || case when x.indoption[k - 1] & 1 = 1 then ' DESC' else '' end
          || case x.indoption[k - 1] & 3 when 1 then ' NULLS LAST' when 2 then ' NULLS FIRST' else '' end order by k)
          from generate_series(1, x.indnkeyatts::int4) k) as columns,
       (select coalesce(array_agg(pg_get_indexdef(x.indexrelid, k, true) order by k), '{}')
          from generate_series(x.indnkeyatts::int4 + 1, x.indnatts::int4) k) as include,
       m.amname::text as method, x.indisunique as is_unique, pg_get_expr(x.indpred, x.indrelid, true) as predicate,
       -- on an aggregate also those of the columns that it groups by
       i.relname::text = left(t.relname::text || '_' || d.column_name::text || '_idx', 63)
         or a.mat_hypertable_id is not null and starts_with(i.relname::text, t.relname::text || '_') as time_default, x.indisvalid as valid
  from _timescaledb_catalog.hypertable h
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
  join :time_dimension d on d.hypertable_id = h.id
  join pg_namespace n on n.nspname = h.schema_name
  join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name and t.oid not in (select l.relation from :locked l)
  join pg_index x on x.indrelid = t.oid join pg_class i on i.oid = x.indexrelid join pg_am m on m.oid = i.relam
 where h.compression_state <> 2 and (a.mat_hypertable_id is not null or h.schema_name !~ '^_timescaledb_')
   and not exists (select from pg_constraint k where k.conindid = x.indexrelid)
 order by 1, 2
