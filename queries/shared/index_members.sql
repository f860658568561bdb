-- The chunks' indexes, each with a hash of its definition (sig, see index_sig.sql).
member as materialized (
  select y.inhparent, y.inhrelid, y.indexrelid, y.special, y.leftover, :index_sig
  from (select false as indnullsnotdistinct) old
  cross join lateral (
    select i.inhparent, i.inhrelid, x.indexrelid, x.indclass, x.indcollation, x.indoption,
      x.indexprs is not null or x.indpred is not null as special,
      \ir shared/index_keys.sql
    from (select distinct r.table_oid from root r where r.hypertable_id is not null) r
    join pg_catalog.pg_inherits i on i.inhparent = r.table_oid
    join pg_catalog.pg_index x on x.indrelid = i.inhrelid
    left join bent b on b.inhrelid = i.inhrelid
  ) y
