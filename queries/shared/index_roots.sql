-- root: the indexes whose oids are in the CTE wanted; member: the indexes on the chunks of the roots' tables; leaf: the indexes on
-- partitions that belong to the roots
root as materialized (
\if :since_2_22
  select y.indexrelid, y.table_oid, y.relname, y.hypertable_id, y.relnatts, y.usual, y.partitioned, y.special, :index_sig
  from (select false as indnullsnotdistinct) old
  cross join lateral (
    select x.indexrelid, x.indrelid as table_oid, c.relname::text as relname, h.id as hypertable_id, t.relnatts,
      replace(replace(replace(h.associated_table_prefix::text, '\', '\\'), '_', '\_'), '%', '\%') || '\_%\_chunk' as usual,
      c.relkind = 'I' as partitioned, x.indexprs is not null or x.indpred is not null as special, x.indclass, x.indcollation, x.indoption,
      x.indkey::int2[] as keys, :index_flags
\elif :since_2_11
  select x.indexrelid, x.indrelid as table_oid, c.relname as relname, h.id as hypertable_id, c.relkind = 'I' as partitioned,
    x.indexprs is not null or x.indpred is not null as special
\else
  select x.indexrelid, x.indrelid as table_oid, c.relname as relname, null::int4 as hypertable_id, c.relkind = 'I' as partitioned,
    x.indexprs is not null or x.indpred is not null as special
\endif
    from wanted w join pg_catalog.pg_index x on x.indexrelid = w.id::oid join pg_catalog.pg_class c on c.oid = x.indexrelid
\if :since_2_11
    join pg_catalog.pg_class t on t.oid = x.indrelid
    join pg_catalog.pg_namespace n on n.oid = t.relnamespace
    left join _timescaledb_catalog.hypertable h on h.schema_name = n.nspname and h.table_name = t.relname
\endif
\if :since_2_22
  ) y
),
-- Chunks whose column numbers may differ from the hypertable's, see indexes.sql.
bent as materialized (
  select i.inhrelid
  from (select distinct r.table_oid, r.relnatts, r.usual from root r where r.hypertable_id is not null) r
  join pg_catalog.pg_inherits i on i.inhparent = r.table_oid
  join pg_catalog.pg_class t on t.oid = i.inhrelid and (t.relnatts <> r.relnatts or t.relname::text not like r.usual)
),
\ir shared/index_members.sql
\endif
),
\ir shared/index_leaves.sql
