-- Index usage, size and flaws: a row per index of a plain or partitioned table, where there is no TimescaleDB
-- · id (oid), schema, table, name, kind, method, definition (NULL: its table is locked), chunk counts, scans, pages, what is wrong with it, what needs it
-- · public: catalogues and counters only, no waiting for a lock · linear in pg_index
with recursive -- What a row is about. Partitions' indexes are counted under their parent's.
relation as materialized (
  select t.oid, n.nspname::text as schema_name, t.relname::text as table_name,
    case t.relkind when 'm' then 'materialized view' when 'p' then 'partitioned table' else 'table' end as kind, null::int4 as hypertable_id
  from pg_catalog.pg_class t
  join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  where t.relhasindex and t.relkind in ('r', 'm', 'p')
    and t.relnamespace = any (array(
      select s.oid from pg_catalog.pg_namespace s
      where s.nspname not in ('pg_catalog', 'information_schema')
        and s.nspname not like 'pg\_toast%' and s.nspname not like 'pg\_temp\_%'))
),
root as materialized (
  select y.oid as table_oid, y.hypertable_id, y.indexrelid, y.relname, y.indkey, y.indclass, y.indcollation, y.indoption,
    y.indisvalid, y.indisunique, y.indimmediate, y.indisreplident, y.indnatts, y.indnkeyatts, y.relam, y.method,
    y.partitioned, y.partitioned or y.hypertable_id is not null as many, y.pages, y.special, y.indnullsnotdistinct,
    regexp_replace(concat_ws(' ', y.indexprs, '/', y.indpred), ':location -?[0-9]+', '', 'g') as tree,
    hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.indkey::int2[],
      hash_array_extended(y.indoption::int2[], y.flags)))) as sig
  from (
    select r.oid, r.hypertable_id, x.indexrelid, c.relname::text as relname, x.indkey, x.indclass, x.indcollation, x.indoption,
      x.indisvalid, x.indisunique, x.indimmediate, x.indisreplident, x.indnatts, x.indnkeyatts, x.indexprs, x.indpred,
      x.indnullsnotdistinct, c.relam, m.amname::text as method, c.relkind = 'I' as partitioned, c.relpages as pages,
      x.indexprs is not null or x.indpred is not null as special,
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
      select c.relname, c.relam, c.relkind, c.relpages from pg_catalog.pg_class c where c.oid = x.indexrelid and not c.relispartition offset 0
    ) c
    join pg_catalog.pg_am m on m.oid = c.relam
  ) y
),
-- An index of a partitioned table lives in its partitions' indexes.
leaf as materialized (
  select r.indexrelid as root, i.inhrelid as indexrelid from root r join pg_catalog.pg_inherits i on i.inhparent = r.indexrelid where r.partitioned
  union all
  select l.root, i.inhrelid from leaf l join pg_catalog.pg_inherits i on i.inhparent = l.indexrelid
),
counted as materialized (
  select l.root, count(*) as members, count(*) as chunks, count(*) filter (where pg_stat_get_numscans(l.indexrelid) > 0) as used,
    sum(pg_stat_get_numscans(l.indexrelid)) as scans,
    sum((select c.relpages from pg_catalog.pg_class c where c.oid = l.indexrelid)::int8) as pages,
    count(*) filter (where not (select x.indisvalid from pg_catalog.pg_index x where x.indexrelid = l.indexrelid)) as invalid, 0::int8 as unsure
  from leaf l
  where (select c.relkind from pg_catalog.pg_class c where c.oid = l.indexrelid) = 'i'
  group by l.root
),
-- Whose index must stay: a constraint stands on it, a foreign key refers to it.
needed as materialized (
  select r.indexrelid, k.conname::text as constraint_name, k.contype::text as constraint_type, f.referenced is not null as referenced,
    false as reorders
  from root r
  left join lateral (
    select k.conname, k.contype from pg_catalog.pg_constraint k
    where k.conrelid = r.table_oid and k.conindid = r.indexrelid and k.contype in ('p', 'u', 'x') limit 1
  ) k on true
  left join (select distinct f.conindid as referenced from pg_catalog.pg_constraint f where f.contype = 'f') f on f.referenced = r.indexrelid
),
-- Identical indexes: all but the first of them can go.
twin as materialized (
  select r.indexrelid, n.constraint_name, n.constraint_type, n.referenced, n.reorders,
    first_value(r.relname) over same as keeper, row_number() over same as place,
    not r.indisunique or (first_value(r.indisunique) over same
      and first_value(r.indimmediate) over same = r.indimmediate
      and first_value(r.indnullsnotdistinct) over same = r.indnullsnotdistinct) as enforced,
    count(*) over (partition by r.table_oid, r.sig, r.tree) as identical
  from root r
  join needed n on n.indexrelid = r.indexrelid
  window same as (
    partition by r.table_oid, r.indkey::int2[], r.indoption::int2[], r.indclass, r.indcollation, r.relam, r.tree
    order by not r.indisvalid, n.constraint_name is null, not n.referenced, not r.indisreplident, not r.indisunique, not n.reorders, r.indexrelid)
),
-- pg_get_indexdef() would wait for these: it opens the table for a moment.
locked as materialized (
  select distinct l.relation from pg_catalog.pg_locks l
  where l.locktype = 'relation' and l.mode = 'AccessExclusiveLock' and l.pid is distinct from pg_backend_pid()
    and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
)
select r.indexrelid::int8 as id, t.schema_name as schema, t.table_name as "table", r.relname as name, t.kind, r.method,
  case when r.table_oid <> all (array(select l.relation from locked l)) then pg_get_indexdef(r.indexrelid) end as definition,
  case when r.many then coalesce(c.chunks, 0) end as chunks,
  null::int8 as chunks_without,
  case when r.many then coalesce(c.chunks - c.used, 0) end as chunks_never_scanned,
  null::int8 as compressed_chunks,
  case when r.many then coalesce(c.members, 0) else 1 end as members,
  case when r.many then coalesce(c.scans, 0)::int8 else pg_stat_get_numscans(r.indexrelid) end as scans,
  case when r.many then coalesce(c.pages, 0)::int8 else r.pages::int8 end as pages,
  current_setting('block_size')::int8 as page_bytes,
  r.indisvalid as root_valid, coalesce(c.invalid, 0) as invalid_chunks, 0::int8 as leftovers,
  null::text as leftover_example, coalesce(c.unsure, 0) as unsure,
  r.indisunique as "unique", w.constraint_name, w.constraint_type, w.referenced, r.indisreplident as replica_identity, w.reorders,
  case when w.place > 1 and w.enforced then w.keeper end as duplicate_of,
  null::int8 as shared_chunks,
  -- The narrowest wider index that starts with the same columns.
  case when r.method = 'btree' and r.indnatts = r.indnkeyatts and not r.special and not r.indisunique then (
    select o.relname::text
    from pg_catalog.pg_index x join pg_catalog.pg_class o on o.oid = x.indexrelid and o.relam = r.relam
    where x.indrelid = r.table_oid and x.indnkeyatts > r.indnkeyatts and x.indisvalid and x.indexprs is null and x.indpred is null
      and starts_with(concat(x.indkey, ' '), concat(r.indkey, ' ')) and starts_with(concat(x.indclass, ' '), concat(r.indclass, ' '))
      and starts_with(concat(x.indcollation, ' '), concat(r.indcollation, ' ')) and starts_with(concat(x.indoption, ' '), concat(r.indoption, ' '))
    order by x.indnkeyatts, x.indexrelid limit 1) end as covered_by
from root r
join relation t on t.oid = r.table_oid
join twin w on w.indexrelid = r.indexrelid
left join counted c on c.root = r.indexrelid
order by 2, 3, 4
