-- Index usage, size and problems: one row per index of a table, summed over a hypertable's chunks or a partitioned table's partitions
-- · columns: id (oid), schema, table, name, kind, method, definition (NULL: another session locks the table), chunk counts, scans, pages,
-- problems, dependents · access: any role; reads catalogues and counters only, waits for no lock · cost: linear in pg_index: 0.25 s at
-- 20,000 chunks, 0.9 s at 66,000
\if :since_2_22
-- A chunk's index belongs to the hypertable's index with the same columns, operator classes, collations, options and uniqueness, as in
-- TimescaleDB. All of these are in one 64-bit hash (sig), which keeps the joined rows small. If the column numbers of a chunk may differ
-- from the hypertable's (CTE bent), columns are matched by name. Expression and partial indexes are matched by name (CTE named).
\elif :since_2_11
-- Up to 2.21 TimescaleDB's table chunk_index assigns the indexes of chunks to the indexes of the hypertable, by name.
\endif
\if :since_2_11
with recursive hyper as materialized (
  select h.id, t.oid, t.relnatts, h.associated_table_prefix::text as prefix,
    coalesce(ca.user_view_schema, h.schema_name)::text as schema_name, coalesce(ca.user_view_name, h.table_name)::text as table_name,
    case when ca.mat_hypertable_id is null then 'hypertable' else 'aggregate' end as kind
  from _timescaledb_catalog.hypertable h join pg_catalog.pg_namespace n on n.nspname = h.schema_name
  join pg_catalog.pg_class t on t.relname = h.table_name and t.relnamespace = n.oid
  left join _timescaledb_catalog.continuous_agg ca on ca.mat_hypertable_id = h.id
  where h.compression_state is distinct from 2
),
\endif
\if :since_2_22
-- One pass over the chunks. odd: ids of chunks whose name does not have TimescaleDB's form, such as attached tables. Their columns may be
-- in another order.
chunk_counts as materialized (
  select c.hypertable_id, count(*) filter (where c.status & 1 = 1) as compressed, count(*) filter (where c.osm_chunk) as foreign_chunks,
    array_agg(c.id) filter (where c.name::text not like h.usual) as odd
  from :chunk c
  join (select h.id, replace(replace(replace(h.prefix, '\', '\\'), '_', '\_'), '%', '\%') || '\_%\_chunk' as usual from hyper h) h
    on h.id = c.hypertable_id
  group by c.hypertable_id
),
-- Chunks whose column numbers may differ from the hypertable's: the chunks in odd and, if the hypertable has dropped columns, chunks with
-- another number of columns. (relnatts counts dropped columns, but a new chunk is created without them.)
bent as materialized (
  select i.inhrelid
  from hyper h join pg_catalog.pg_inherits i on i.inhparent = h.oid
  join pg_catalog.pg_class t on t.oid = i.inhrelid and t.relnatts <> h.relnatts
  where exists (select from pg_catalog.pg_attribute a where a.attrelid = h.oid and a.attisdropped)
  union
  select c.relid from chunk_counts s cross join lateral unnest(s.odd) o (id) join :chunk c on c.id = o.id
),
-- Not materialized: reading the chunks' indexes again costs less than storing them. `old`: whether this is PostgreSQL 13 or 14, which do
-- not have indnullsnotdistinct.
member as not materialized (
  select y.inhparent, y.inhrelid, y.indexrelid, y.indisvalid, y.scans, y.leftover, :index_sig
  from (select false as indnullsnotdistinct) old
  cross join lateral (
    select i.inhparent, i.inhrelid, x.indexrelid, x.indisvalid, x.indclass, x.indcollation, x.indoption,
      pg_stat_get_numscans(x.indexrelid) as scans,
      \ir shared/index_keys.sql
    from pg_catalog.pg_inherits i join pg_catalog.pg_index x on x.indrelid = i.inhrelid left join bent b on b.inhrelid = i.inhrelid
  ) y
),
-- The chunks' indexes, counted in one pass by parent table, hash (sig) and whether an interrupted REINDEX CONCURRENTLY left the index.
alike as materialized (
  select m.inhparent, m.sig, m.leftover, count(*) as members, count(distinct m.inhrelid) as chunks,
    count(distinct m.inhrelid) filter (where m.scans > 0) as used, sum(m.scans) as scans, sum(p.relpages::int8) as pages,
    array_agg(m.indexrelid) filter (where not m.indisvalid) as invalid
  from (select m.inhparent, m.inhrelid, m.indexrelid, m.indisvalid, m.scans, m.leftover, m.sig from member m offset 0) m
  join pg_catalog.pg_class p on p.oid = m.indexrelid and p.relkind = 'i' group by m.inhparent, m.sig, m.leftover
\elif :since_2_11
chunk_counts as materialized (
  select c.hypertable_id, count(*) filter (where c.status & 1 = 1) as compressed, count(*) filter (where c.osm_chunk) as foreign_chunks
  from :chunk c group by c.hypertable_id
\endif
\if :since_2_11
),
-- The tables whose indexes get a row. The indexes of partitions are counted with the index of the partitioned table.
relation as materialized (
  select h.oid, h.schema_name, h.table_name, h.kind, h.id as hypertable_id from hyper h
  union all
  select t.oid, n.nspname::text, t.relname::text,
    case t.relkind when 'm' then 'materialized view' when 'p' then 'partitioned table' else 'table' end, null
\else
with recursive relation as materialized (
\endif
\if :since_2_22
  -- Tables are found through pg_depend, by schema: a scan of pg_class would read all chunks.
  from pg_catalog.pg_namespace n join pg_catalog.pg_depend e on e.refclassid = 'pg_catalog.pg_namespace'::regclass and e.refobjid = n.oid
       and e.classid = 'pg_catalog.pg_class'::regclass
  join pg_catalog.pg_class t on t.oid = e.objid
  where n.nspname not in ('pg_catalog', 'information_schema', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_cache',
      '_timescaledb_internal', '_timescaledb_functions', '_timescaledb_debug')
    and n.nspname not like 'pg\_toast%' and n.nspname not like 'pg\_temp\_%' and t.relhasindex and t.relkind in ('r', 'm', 'p')
    and t.oid <> all (array(select h.oid from hyper h))
    -- Neither chunks nor tables with compressed rows, which may be in a user's schema too.
    and not exists (select from pg_catalog.pg_inherits i where i.inhrelid = t.oid and i.inhparent = any (array(select h.oid from hyper h)))
    and not exists (select from _timescaledb_catalog.compression_settings s where s.compress_relid = t.oid)
\elif :since_2_11
  from pg_catalog.pg_class t join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  where t.relhasindex and t.relkind in ('r', 'm', 'p')
    and t.relnamespace = any (array(
      select s.oid from pg_catalog.pg_namespace s
      where s.nspname not in ('pg_catalog', 'information_schema', '_timescaledb_catalog', '_timescaledb_config', '_timescaledb_cache',
      '_timescaledb_internal', '_timescaledb_functions', '_timescaledb_debug')
        and s.nspname not like 'pg\_toast%' and s.nspname not like 'pg\_temp\_%')) and t.oid <> all (array(select h.oid from hyper h))
    -- Neither chunks nor tables with compressed rows, which may be in a user's schema too.
    and not exists (select from :chunk c where c.schema_name = n.nspname and c.table_name = t.relname)
\else
  select t.oid, n.nspname::text as schema_name, t.relname::text as table_name,
    case t.relkind when 'm' then 'materialized view' when 'p' then 'partitioned table' else 'table' end as kind, null::int4 as hypertable_id
  from pg_catalog.pg_class t join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  where t.relhasindex and t.relkind in ('r', 'm', 'p')
    and t.relnamespace = any (array(
      select s.oid from pg_catalog.pg_namespace s
      where s.nspname not in ('pg_catalog', 'information_schema')
        and s.nspname not like 'pg\_toast%' and s.nspname not like 'pg\_temp\_%'))
\endif
),
root as materialized (
  select y.oid as table_oid, y.hypertable_id, y.indexrelid, y.relname, y.indkey, y.indclass, y.indcollation, y.indoption,
    y.indisvalid, y.indisunique, y.indimmediate, y.indisreplident, y.indnatts, y.indnkeyatts, y.relam, y.method,
    y.partitioned, y.partitioned or y.hypertable_id is not null as many, y.pages, y.special, y.indnullsnotdistinct,
    regexp_replace(concat_ws(' ', y.indexprs, '/', y.indpred), ':location -?[0-9]+', '', 'g') as tree, :index_sig
  from (
    select r.oid, r.hypertable_id, x.indexrelid, c.relname::text as relname, x.indkey, x.indclass, x.indcollation, x.indoption,
      x.indisvalid, x.indisunique, x.indimmediate, x.indisreplident, x.indnatts, x.indnkeyatts, x.indexprs, x.indpred,
      x.indnullsnotdistinct, c.relam, m.amname::text as method, c.relkind = 'I' as partitioned, c.relpages as pages,
      x.indexprs is not null or x.indpred is not null as special, x.indkey::int2[] as keys,
      (x.indisunique::int + 2 * x.indisexclusion::int + 4 * (x.indexprs is not null)::int + 8 * (x.indpred is not null)::int
        + 16 * x.indnullsnotdistinct::int)::int8 as flags
    from (select false as indnullsnotdistinct) old
    cross join relation r
    cross join lateral (
      select x.indexrelid, x.indkey, x.indclass, x.indcollation, x.indoption, x.indisvalid, x.indisunique, x.indisexclusion, x.indimmediate,
        x.indisreplident, x.indnatts, x.indnkeyatts, x.indexprs, x.indpred, indnullsnotdistinct
      from pg_catalog.pg_index x where x.indrelid = r.oid offset 0
    ) x
    cross join lateral (
      select c.relname, c.relam, c.relkind, c.relpages from pg_catalog.pg_class c
        where c.oid = x.indexrelid and not c.relispartition offset 0
    ) c
    join pg_catalog.pg_am m on m.oid = c.relam
  ) y
),
\if :since_2_22
-- An expression or partial index of a chunk gets its name from the hypertable's index to which it belongs, and is matched by this name. If
-- no name fits, the index may belong to any index of the hypertable with the same hash (sig), except an index that is matched by name to
-- another index of the chunk. (index_matches() would be exact, but locks both tables of each pair until the transaction ends.)
named as materialized (
  select y.root, y.inhrelid, y.indexrelid, y.indisvalid, y.scans, not y.fits and y.shapes > 1 or y.fitting > 1 as unsure
  from (
    select z.root, z.inhrelid, z.indexrelid, z.indisvalid, z.scans, z.fits, count(*) over (partition by z.indexrelid) as shapes,
      count(*) filter (where z.fits) over (partition by z.indexrelid) as fitting,
      bool_or(z.fits) over (partition by z.root, z.inhrelid) as root_has_one
    from (
      select r.indexrelid as root, m.inhrelid, m.indexrelid, m.indisvalid, m.scans, c.relname::text = made.name
          or (octet_length(made.name) > 63 and starts_with(made.name, regexp_replace(c.relname::text, '_[0-9]+$', ''))) as fits
      from root r join member m on m.inhparent = r.table_oid and m.sig = r.sig and not m.leftover
      join pg_catalog.pg_class c on c.oid = m.indexrelid
      join pg_catalog.pg_class t on t.oid = m.inhrelid
      cross join lateral (select t.relname::text || '_' || r.relname as name) made
      -- The condition is repeated in a subselect, so that the chunks are not read at all if there is no such index.
      where r.special and r.hypertable_id is not null and (select bool_or(o.special and o.hypertable_id is not null) from root o)
    ) z
  ) y
  where y.fits or (y.fitting = 0 and not y.root_has_one)
),
\endif
\ir shared/index_leaves.sql
\if :since_2_22
counted as materialized (
  select r.indexrelid as root, m.members, m.chunks, m.used, m.scans, m.pages, m.invalid, 0::int8 as unsure
  from alike m join root r on r.table_oid = m.inhparent and r.sig = m.sig and r.hypertable_id is not null and not r.special
  where not m.leftover
  union all
  select m.root, count(*), count(distinct m.inhrelid), count(distinct m.inhrelid) filter (where m.scans > 0), sum(m.scans),
         sum(p.relpages::int8),
    array_agg(m.indexrelid) filter (where not m.indisvalid), count(*) filter (where m.unsure)
  from named m join pg_catalog.pg_class p on p.oid = m.indexrelid group by m.root
  union all
\elif :since_2_11
-- Finds the relations of the index names in chunk_index, in one join.
member as materialized (
  select ci.hypertable_id, ci.hypertable_index_name, ci.chunk_id, p.oid as indexrelid, p.relpages, pg_stat_get_numscans(p.oid) as scans
  from _timescaledb_catalog.chunk_index ci join :chunk c on c.id = ci.chunk_id join pg_catalog.pg_namespace n on n.nspname = c.schema_name
  join pg_catalog.pg_class p on p.relname = ci.index_name and p.relnamespace = n.oid
  where ci.hypertable_id = any (array(select h.id from hyper h))
),
-- The invalid indexes of chunks. leftover: whether an interrupted REINDEX CONCURRENTLY left the index (by the suffix of its name).
invalid as materialized (
  select i.inhparent, x.indexrelid, x.indkey, x.indclass, c.relname::text ~ '_cc(new|old)[0-9]*$' as leftover
  from pg_catalog.pg_index x join pg_catalog.pg_inherits i on i.inhrelid = x.indrelid join pg_catalog.pg_class c on c.oid = x.indexrelid
  where not x.indisvalid
),
leftovers as materialized (
  select r.indexrelid as root, array_agg(v.indexrelid) as invalid
  from invalid v join pg_catalog.pg_class c on c.oid = v.indexrelid join root r on r.table_oid = v.inhparent and v.leftover
    and exists (select from member m join pg_catalog.pg_class p on p.oid = m.indexrelid
      where m.hypertable_id = r.hypertable_id and m.hypertable_index_name = r.relname
        and left(p.relname::text, 55) = left(regexp_replace(c.relname::text, '_cc(new|old)[0-9]*$', ''), 55))
  group by r.indexrelid
),
counted as materialized (
  select r.indexrelid as root, m.members, m.chunks, m.used, m.scans, m.pages, m.invalid, 0::int8 as unsure
  from (
    select m.hypertable_id, m.hypertable_index_name, count(*) as members, count(distinct m.chunk_id) as chunks,
      count(distinct m.chunk_id) filter (where m.scans > 0) as used, sum(m.scans) as scans, sum(m.relpages::int8) as pages,
      array_agg(v.indexrelid) filter (where v.indexrelid is not null) as invalid
    from member m left join invalid v on v.indexrelid = m.indexrelid group by m.hypertable_id, m.hypertable_index_name
  ) m
  join root r on r.hypertable_id = m.hypertable_id and r.relname = m.hypertable_index_name::text
  union all
\else
counted as materialized (
\endif
  select l.root, count(*) as members, count(*) as chunks, count(*) filter (where pg_stat_get_numscans(l.indexrelid) > 0) as used,
    sum(pg_stat_get_numscans(l.indexrelid)) as scans,
    sum((select c.relpages from pg_catalog.pg_class c where c.oid = l.indexrelid)::int8) as pages,
    array_agg(l.indexrelid) filter (
      where not (select x.indisvalid from pg_catalog.pg_index x where x.indexrelid = l.indexrelid)) as invalid,
    0::int8 as unsure
  from leaf l
  where (select c.relkind from pg_catalog.pg_class c where c.oid = l.indexrelid) = 'i' group by l.root
),
suspect as materialized (
  select r.indexrelid, r.hypertable_id is not null as of_hypertable from root r where not r.indisvalid
  union all
  select unnest(c.invalid), false from counted c
\if :since_2_22
  union all
  select unnest(l.invalid), false from alike l where l.leftover
\elif :since_2_11
  union all
  select unnest(l.invalid), false from leftovers l
\endif
),
\ir shared/index_building.sql
,
\if :since_2_11
children as materialized (select i.inhparent, count(*) as children from pg_catalog.pg_inherits i group by i.inhparent),
\endif
-- Why each index is needed: a constraint uses it, a foreign key refers to it, or the reorder policy sorts by it.
needed as materialized (
  select r.indexrelid, k.conname::text as constraint_name, k.contype::text as constraint_type, f.referenced is not null as referenced,
\if :since_2_11
    j.reordered is not null as reorders
\else
    false as reorders
\endif
  from root r
  left join lateral (
    select k.conname, k.contype from pg_catalog.pg_constraint k
    where k.conrelid = r.table_oid and k.conindid = r.indexrelid and k.contype in ('p', 'u', 'x') limit 1
  ) k on true
  left join (select distinct f.conindid as referenced from pg_catalog.pg_constraint f where f.contype = 'f') f on f.referenced
       = r.indexrelid
\if :since_2_11
  left join (
    select distinct (j.config ->> 'hypertable_id')::int4 as hypertable_id, j.config ->> 'index_name' as reordered
    from timescaledb_information.jobs j where j.proc_name = 'policy_reorder'
  ) j on j.hypertable_id = r.hypertable_id and j.reordered = r.relname
\endif
),
-- Of identical indexes, the first (keeper) stays. Another index can be dropped if the keeper enforces all that this index enforces
-- (enforced).
twin as materialized (
  select r.indexrelid, n.constraint_name, n.constraint_type, n.referenced, n.reorders,
    first_value(r.relname) over same as keeper, row_number() over same as place,
    not r.indisunique or (first_value(r.indisunique) over same
      and first_value(r.indimmediate) over same = r.indimmediate
      and first_value(r.indnullsnotdistinct) over same = r.indnullsnotdistinct) as enforced,
    count(*) over (partition by r.table_oid, r.sig, r.tree) as identical
  from root r join needed n on n.indexrelid = r.indexrelid
  window same as (
    partition by r.table_oid, r.indkey::int2[], r.indoption::int2[], r.indclass, r.indcollation, r.relam, r.tree
    order by not r.indisvalid, n.constraint_name is null, not n.referenced, not r.indisreplident, not r.indisunique, not n.reorders,
         r.indexrelid)
),
-- Tables whose indexes get no definition: pg_get_indexdef() would wait for the lock on the table.
locked as materialized :locked
select r.indexrelid::int8 as id, t.schema_name as schema, t.table_name as "table", r.relname as name, t.kind, r.method,
  case when r.table_oid <> all (array(select l.relation from locked l)) then pg_get_indexdef(r.indexrelid) end as definition,
  case when r.many then coalesce(c.chunks, 0) end as chunks,
\if :since_2_11
  case when r.hypertable_id is not null
    then greatest(coalesce(d.children, 0) - coalesce(s.foreign_chunks, 0) - coalesce(c.chunks, 0), 0) end as chunks_without,
  case when r.many then coalesce(c.chunks - c.used, 0) end as chunks_never_scanned,
  case when r.hypertable_id is not null then coalesce(s.compressed, 0) end as compressed_chunks,
\else
  null::int8 as chunks_without, case when r.many then coalesce(c.chunks - c.used, 0) end as chunks_never_scanned,
  null::int8 as compressed_chunks,
\endif
  case when r.many then coalesce(c.members, 0) else 1 end as members,
  case when r.many then coalesce(c.scans, 0)::int8 else pg_stat_get_numscans(r.indexrelid) end as scans,
  case when r.many then coalesce(c.pages, 0)::int8 else r.pages::int8 end as pages, current_setting('block_size')::int8 as page_bytes,
\if :since_2_22
  -- From 2.22 on a new chunk gets only one index for all identical indexes of its hypertable.
  case when r.hypertable_id is not null then greatest(w.identical * coalesce(c.chunks, 0) - coalesce(c.members, 0), 0) end as shared_chunks,
\else
  null::int8 as shared_chunks,
\endif
  r.indisvalid as root_valid, b.pid as building, nullif(v.invalid, 0) as invalid_chunks, nullif(v.leftovers, 0) as leftovers,
  (select x.relname::text from pg_catalog.pg_class x where x.oid = v.example) as leftover_example,
  nullif(v.building, 0) as chunks_building, v.builder, c.unsure,
  r.indisunique as "unique", w.constraint_name, w.constraint_type, w.referenced, r.indisreplident as replica_identity, w.reorders,
  case when w.place > 1 and w.enforced and b.pid is null then w.keeper end as duplicate_of,
  -- covered_by: of the wider indexes that begin with the same columns, the one with the fewest columns.
  case when r.method = 'btree' and r.indnatts = r.indnkeyatts and not r.special and not r.indisunique then (
    select o.relname::text
    from pg_catalog.pg_index x join pg_catalog.pg_class o on o.oid = x.indexrelid and o.relam = r.relam
    where x.indrelid = r.table_oid and x.indnkeyatts > r.indnkeyatts and x.indisvalid and x.indexprs is null and x.indpred is null
      and starts_with(concat(x.indkey, ' '), concat(r.indkey, ' ')) and starts_with(concat(x.indclass, ' '), concat(r.indclass, ' '))
      and starts_with(concat(x.indcollation, ' '), concat(r.indcollation, ' '))
      and starts_with(concat(x.indoption, ' '), concat(r.indoption, ' '))
    order by x.indnkeyatts, x.indexrelid limit 1) end as covered_by
from root r join relation t on t.oid = r.table_oid join twin w on w.indexrelid = r.indexrelid
left join counted c on c.root = r.indexrelid
\if :since_2_22
left join children d on d.inhparent = r.table_oid left join chunk_counts s on s.hypertable_id = r.hypertable_id
left join alike l on l.inhparent = r.table_oid and l.sig = r.sig and l.leftover and r.hypertable_id is not null
\elif :since_2_11
left join children d on d.inhparent = r.table_oid left join chunk_counts s on s.hypertable_id = r.hypertable_id
left join leftovers l on l.root = r.indexrelid
\endif
left join building b on b.indexrelid = r.indexrelid
cross join lateral (
  select count(*) filter (where b.pid is null and not i.leftover) as invalid,
    count(*) filter (where b.pid is null and i.leftover) as leftovers,
    min(i.indexrelid) filter (where b.pid is null and i.leftover) as example, count(distinct b.indrelid) as building, min(b.pid) as builder
  from (
    select unnest(c.invalid) as indexrelid, false as leftover
\if :since_2_11
    union all
    select unnest(l.invalid), true
\endif
  ) i left join building b on b.indexrelid = i.indexrelid
) v
order by 2, 3, 4
