-- leftover: whether index x of a chunk was left by an interrupted REINDEX CONCURRENTLY. keys: the column numbers of the index; for chunks
-- in b (bent), whose column numbers may differ from the hypertable's, the numbers in the hypertable
case when x.indisvalid then false
  else (select c.relname::text ~ '_cc(new|old)[0-9]*$' from pg_catalog.pg_class c where c.oid = x.indexrelid) end as leftover,
case when b.inhrelid is null then x.indkey::int2[]
  else (select array_agg(coalesce(p.attnum, 0::int2) order by k.place) from unnest(x.indkey::int2[]) with ordinality k (attnum, place)
    left join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
    left join pg_catalog.pg_attribute p on p.attrelid = i.inhparent and p.attname = a.attname and not p.attisdropped) end as keys,
 :index_flags
