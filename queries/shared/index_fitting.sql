-- rival: for each root, all expression and partial indexes of the root's table. fitting: for each chunk index that may belong to a root,
-- whether its name is made from the name of the root (fits) or of any rival (fits_any)
rival as materialized (
  select distinct r.indexrelid as root, r.table_oid, r.sig, o.indexrelid as rival, c.relname::text as relname
  from root r join pg_catalog.pg_index o on o.indrelid = r.table_oid and (o.indexprs is not null or o.indpred is not null)
  join pg_catalog.pg_class c on c.oid = o.indexrelid
  where r.special and r.hypertable_id is not null
),
fitting as materialized (
  select v.root, m.inhrelid, m.indexrelid, bool_or(v.fits) filter (where v.rival = v.root) as fits, bool_or(v.fits) as fits_any
  from (
    select v.root, v.rival, m.inhrelid, m.indexrelid, c.relname::text = made.name
        or (octet_length(made.name) > 63 and starts_with(made.name, regexp_replace(c.relname::text, '_[0-9]+$', ''))) as fits
    from rival v join member m on m.inhparent = v.table_oid and m.sig = v.sig and m.special and not m.leftover
    join pg_catalog.pg_class c on c.oid = m.indexrelid
    join pg_catalog.pg_class t on t.oid = m.inhrelid
    cross join lateral (select t.relname::text || '_' || v.relname as name) made
  ) v
  join member m on m.indexrelid = v.indexrelid group by v.root, m.inhrelid, m.indexrelid
),
