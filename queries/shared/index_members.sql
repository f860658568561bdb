-- the indexes of chunks, with what each is on (sig)
member as materialized (
  select y.inhparent, y.inhrelid, y.indexrelid, y.special, y.leftover,
    hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.keys,
      hash_array_extended(y.indoption::int2[], y.flags)))) as sig
  from (select false as indnullsnotdistinct) old
  cross join lateral (
    select i.inhparent, i.inhrelid, x.indexrelid, x.indclass, x.indcollation, x.indoption,
      x.indexprs is not null or x.indpred is not null as special,
      case when x.indisvalid then false
        else (select c.relname::text ~ '_cc(new|old)[0-9]*$' from pg_catalog.pg_class c where c.oid = x.indexrelid) end as leftover,
      case when b.inhrelid is null then x.indkey::int2[]
        else (select array_agg(coalesce(p.attnum, 0::int2) order by k.place)
          from unnest(x.indkey::int2[]) with ordinality k (attnum, place)
          left join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
          left join pg_catalog.pg_attribute p on p.attrelid = i.inhparent and p.attname = a.attname and not p.attisdropped) end as keys,
      (x.indisunique::int + 2 * x.indisexclusion::int + 4 * (x.indexprs is not null)::int + 8 * (x.indpred is not null)::int
        + 16 * indnullsnotdistinct::int)::int8 as flags
    from (select distinct r.table_oid from root r where r.hypertable_id is not null) r
    join pg_catalog.pg_inherits i on i.inhparent = r.table_oid
    join pg_catalog.pg_index x on x.indrelid = i.inhrelid
    left join bent b on b.inhrelid = i.inhrelid
  ) y
