-- Index $1 (int8, oid) of a hypertable, a table or a partitioned table, with its copies on chunks or partitions, for actions on it
-- · columns: facts (definition, what needs it, parts, copies, leftovers, twins), state (what an undo restores) · access: any role · cost:
-- catalogue lookups, linear in the chunks of the table; pg_get_indexdef() locks the table for a moment (not called if another session locks
-- the table)
with recursive root as materialized (
  select y.indexrelid, y.indrelid, y.indexprs, y.indpred, y.keys, y.indisunique, y.indisexclusion, y.indisvalid, y.indisreplident,
         y.indisclustered,
    y.relname, y.reloptions, y.reltablespace, y.relispartition, y.partitioned, y.nspname, y.table_name, y.table_schema, y.shape,
\if :since_2_22
    false as compressing, h.id as hypertable_id,
\elif :since_2_11
    coalesce(h.compressed_hypertable_id is not null, false) as compressing, h.id as hypertable_id,
\else
    false as compressing, null::int4 as hypertable_id,
\endif
    regexp_replace(concat_ws(' ', y.indexprs, '/', y.indpred), ':location -?[0-9]+', '', 'g') as tree,
    y.indrelid not in (select l.relation from :locked l) as open
  from (select false as indnullsnotdistinct) old
  cross join lateral (
    select x.indexrelid, x.indrelid, x.indexprs, x.indpred, x.indkey::text as keys, x.indisunique, x.indisexclusion, x.indisvalid,
           x.indisreplident,
      x.indisclustered, c.relname::text as relname, c.reloptions, c.reltablespace, c.relispartition, c.relkind = 'I' as partitioned,
      n.nspname::text as nspname, t.relname::text as table_name, tn.nspname::text as table_schema, :index_shape
    from pg_index x join pg_class c on c.oid = x.indexrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_class t on t.oid = x.indrelid
    join pg_namespace tn on tn.oid = t.relnamespace
    where x.indexrelid = ($1::int8)::oid
  ) y
\if :since_2_11
  left join _timescaledb_catalog.hypertable h on h.schema_name = y.table_schema and h.table_name = y.table_name
\endif
),
-- Other indexes of the table that are identical to this one.
twin as materialized (
  select y.indexrelid, y.relname
  from root r cross join (select false as indnullsnotdistinct) old
  cross join lateral (
    select x.indexrelid, x.indkey, x.indexprs, x.indpred, c.relname::text as relname, :index_shape
    from pg_index x join pg_class c on c.oid = x.indexrelid where x.indrelid = r.indrelid
  ) y
  where y.indexrelid <> r.indexrelid and y.indkey::text = r.keys and y.shape = r.shape
    and regexp_replace(concat_ws(' ', y.indexprs, '/', y.indpred), ':location -?[0-9]+', '', 'g') = r.tree
),
-- For an index on a partitioned table: the indexes on the partitions that belong to it.
leaf as materialized (
  select i.inhrelid as indexrelid from root r join pg_inherits i on i.inhparent = r.indexrelid where r.partitioned
  union all
  select i.inhrelid from leaf l join pg_inherits i on i.inhparent = l.indexrelid
),
\if :since_2_11
-- The chunks of a hypertable, the partitions of a partitioned table, or else the table itself.
part as materialized (
  select t.oid, n.nspname::text as nspname, t.relname::text as relname, t.reltoastrelid
  from root r
  join pg_class t on t.relkind in ('r', 'm') and t.oid = any (case when r.hypertable_id is null
      then array(select x.indrelid from leaf l join pg_index x on x.indexrelid = l.indexrelid) || r.indrelid
      else array(select i.inhrelid from pg_inherits i where i.inhparent = r.indrelid) end)
\else
-- The partitions of a partitioned table, or else the table itself.
part as materialized (
  select t.oid, n.nspname::text as nspname, t.relname::text as relname, t.reltoastrelid
  from root r join pg_class t on t.relkind in ('r', 'm')
       and t.oid = any (array(select x.indrelid from leaf l join pg_index x on x.indexrelid = l.indexrelid) || r.indrelid)
\endif
  join pg_namespace n on n.oid = t.relnamespace
),
\if :since_2_22
-- Candidates: chunk indexes with the shape and the column names of the root. An expression or partial index is also compared by name: the
-- name decides to which of the table's expression or partial indexes (special) it belongs, as in indexes.sql.
special as materialized (
  select c.relname::text as relname, o.indexrelid = r.indexrelid or exists (select from twin w where w.indexrelid = o.indexrelid) as same
  from root r join pg_index o on o.indrelid = r.indrelid and (o.indexprs is not null or o.indpred is not null)
  join pg_class c on c.oid = o.indexrelid
  where r.indexprs is not null or r.indpred is not null
),
candidate as materialized (
  select y.part, y.indexrelid, y.relname, y.index_name
  from root r cross join (select false as indnullsnotdistinct) old
  cross join lateral (
    select p.oid as part, p.relname, x.indexrelid, x.indkey, c.relname::text as index_name, :index_shape
    from part p join pg_index x on x.indrelid = p.oid
    join pg_class c on c.oid = x.indexrelid and (x.indisvalid or c.relname::text !~ '_cc(new|old)[0-9]*$')
    where r.hypertable_id is not null
  ) y
  where y.shape = r.shape and r.keys = (
    select string_agg(coalesce(h.attnum, 0)::text, ' ' order by k.place)
    from unnest(y.indkey::int2[]) with ordinality k (attnum, place) left join pg_attribute a on a.attrelid = y.part and a.attnum = k.attnum
    left join pg_attribute h on h.attrelid = r.indrelid and h.attname = a.attname and not h.attisdropped)
),
member as materialized (
  select m.indexrelid
  from candidate m
  cross join lateral (
    select count(*) as rivals, bool_or(f.fits) filter (where s.same) as ours, bool_or(f.fits) as anyones
    from special s
    cross join lateral (select m.relname || '_' || s.relname as name) made
    cross join lateral (select m.index_name = made.name
      or (octet_length(made.name) > 63 and starts_with(made.name, regexp_replace(m.index_name, '_[0-9]+$', ''))) as fits) f
  ) v
  where v.rivals = 0 or v.ours or not v.anyones
\elif :since_2_11
member as materialized (
  select p.oid as indexrelid
  from root r join _timescaledb_catalog.chunk_index ci on ci.hypertable_id = r.hypertable_id and ci.hypertable_index_name = r.relname
  join :chunk c on c.id = ci.chunk_id
  join pg_namespace n on n.nspname = c.schema_name
  join pg_class p on p.relname = ci.index_name and p.relnamespace = n.oid
\else
member as materialized (
  select c.oid as indexrelid from leaf l join pg_class c on c.oid = l.indexrelid and c.relkind = 'i'
  union all
  select r.indexrelid from root r where not r.partitioned
),
\endif
\if :since_2_11
  union all
  select c.oid from leaf l join pg_class c on c.oid = l.indexrelid and c.relkind = 'i'
  union all
  select r.indexrelid from root r where r.hypertable_id is null and not r.partitioned
),
-- The tables with the compressed rows of the chunks.
inside as (
\endif
\if :since_2_22
  select s.compress_relid::oid as oid from part p join _timescaledb_catalog.compression_settings s on s.relid::oid = p.oid
),
\elif :since_2_11
  select c.companion as oid from root r join :chunk c on c.hypertable_id = r.hypertable_id where c.companion is not null
),
\else
inside as (select null::oid as oid where false),
\endif
copy as materialized (
  select x.indexrelid, x.indrelid, x.indisvalid, format('%I.%I', n.nspname, c.relname) as name, c.reltablespace, c.reloptions,
         x.indisclustered
  from member m join pg_index x on x.indexrelid = m.indexrelid join pg_class c on c.oid = x.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
),
-- Leftovers of REINDEX CONCURRENTLY, interrupted or running: invalid indexes with the suffix that REINDEX gives, without a constraint
leftover as materialized (
  select x.indexrelid, format('%I.%I', n.nspname, c.relname) as name, x.indrelid::int8 as table_oid,
         format('%I.%I', tn.nspname, t.relname) as table_name
  from (
    select p.oid from part p union select i.oid from inside i union select r.indrelid from root r
    union select t.reltoastrelid from part p join pg_class t on t.oid = p.oid union select t.reltoastrelid from inside i
      join pg_class t on t.oid = i.oid
  ) p
  join pg_index x on x.indrelid = p.oid and not x.indisvalid
  join pg_class c on c.oid = x.indexrelid and c.relname::text ~ '_cc(new|old)[0-9]*$'
  join pg_namespace n on n.oid = c.relnamespace
  join pg_class t on t.oid = x.indrelid
  join pg_namespace tn on tn.oid = t.relnamespace
  where not exists (select from pg_constraint k where k.conindid = x.indexrelid)
),
suspect as materialized (
  select r.indexrelid, r.hypertable_id is not null as of_hypertable from root r
  union
  select m.indexrelid, false from copy m
  union
  select l.indexrelid, false from leftover l
),
\ir shared/index_building.sql
, lacking as materialized (
  select format('%I.%I', p.nspname, p.relname) as name from part p
  where p.oid not in (select m.indrelid from copy m)
)
select jsonb_build_object(
    'oid', r.indexrelid::int8, 'name', format('%I', r.relname), 'bare', r.relname, 'schema', format('%I', r.nspname),
    'table_oid', r.indrelid::int8, 'table', format('%I.%I', r.table_schema, r.table_name), 'hypertable', r.hypertable_id is not null,
    'partitioned', r.partitioned, 'child', r.relispartition, 'system', r.table_schema in ('pg_catalog', 'information_schema', 'pg_toast'),
\if :since_2_22
    'chunk', (r.hypertable_id is null and r.table_schema like '\_timescaledb\_%') or exists (
      select from pg_inherits i join pg_class t on t.oid = i.inhparent join pg_namespace n on n.oid = t.relnamespace
      join _timescaledb_catalog.hypertable h on h.schema_name = n.nspname and h.table_name = t.relname where i.inhrelid = r.indrelid)
      or exists (select from _timescaledb_catalog.compression_settings s where s.compress_relid::oid = r.indrelid), 'compressing',
      r.compressing,
\elif :since_2_11
    'chunk', (r.hypertable_id is null and r.table_schema like '\_timescaledb\_%') or exists (
      select from :chunk c where c.schema_name = r.table_schema and c.table_name = r.table_name), 'compressing',
      r.compressing,
\else
    'chunk', false, 'compressing', r.compressing,
\endif
    'definition', case when r.open then pg_get_indexdef(r.indexrelid) end,
    'head', format('CREATE %sINDEX %I ON %s%I.%I ', case when r.indisunique then 'UNIQUE ' end, r.relname,
      case when r.partitioned then 'ONLY ' end, r.table_schema, r.table_name),
    'predicate', case when r.open then ' WHERE ' || pg_get_expr(r.indpred, r.indrelid) end, 'optioned', r.reloptions is not null,
    'unique', r.indisunique, 'exclusion', r.indisexclusion, 'valid', r.indisvalid, 'replica_identity', r.indisreplident, 'clustered',
    r.indisclustered, 'tablespace', (select format('%I', s.spcname) from pg_tablespace s where s.oid = r.reltablespace), 'comment',
    obj_description(r.indexrelid, 'pg_class'),
    'statistics', exists (select from pg_attribute a where a.attrelid = r.indexrelid and a.attstattarget >= 0),
    'elsewhere', (select count(*) from copy m where m.reltablespace <> r.reltablespace),
    -- adorned: number of copies with a property that a new copy would not get: a comment, storage parameters, clustering, an extension
    'adorned', (select count(*) from copy m where m.indexrelid <> r.indexrelid and (m.indisclustered <> r.indisclustered
      or m.reloptions is distinct from r.reloptions or obj_description(m.indexrelid, 'pg_class') is not null
      or exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = m.indexrelid and d.deptype = 'x'))),
    'extensions', (select coalesce(jsonb_agg(format('%I', e.extname) order by e.extname), '[]') from pg_depend d
      join pg_extension e on e.oid = d.refobjid
      where d.classid = 'pg_class'::regclass and d.objid = r.indexrelid and d.refclassid = 'pg_extension'::regclass and d.deptype = 'x'),
    'news', (select coalesce(jsonb_agg(c.relname), '[]') from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = r.nspname and c.relname ~ '_new[0-9]*$'),
    'constraint', (select jsonb_build_object('name', format('%I', k.conname), 'kind', k.contype) from pg_constraint k
      where k.conrelid = r.indrelid and k.conindid = r.indexrelid and k.contype in ('p', 'u', 'x') limit 1),
    'referenced_by', (select string_agg(format('%I on %s', k.conname, k.conrelid::regclass), ', ' order by k.oid) from pg_constraint k
      where k.contype = 'f' and k.conindid = r.indexrelid and k.conparentid = 0),
\if :since_2_11
    'reorder_job', (select min(j.id)::int8 from _timescaledb_config.bgw_job j
      where j.proc_name = 'policy_reorder' and j.hypertable_id = r.hypertable_id and j.config ->> 'index_name' = r.relname),
\else
    'reorder_job', null,
\endif
    'parts', coalesce((select jsonb_agg(jsonb_build_object('oid', p.oid::int8, 'name', format('%I.%I', p.nspname, p.relname), 'schema',
         format('%I', p.nspname),
      'bare', p.relname, 'taken', case when exists (select from twin) or p.oid not in (select m.indrelid from copy m) then (
        select jsonb_agg(c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = p.nspname
        where c.relname >= (p.relname || '_')::name and c.relname < (p.relname || '`')::name) end) order by p.oid)
      from part p), '[]'),
    'copies', coalesce((select jsonb_agg(jsonb_build_object('oid', m.indexrelid::int8, 'name', m.name, 'part', m.indrelid::int8, 'valid',
         m.indisvalid)
      order by m.indrelid, m.indexrelid) from copy m), '[]'),
    'leftovers', coalesce((select jsonb_agg(jsonb_build_object('oid', l.indexrelid::int8, 'name', l.name, 'table_oid', l.table_oid, 'table',
         l.table_name,
      'pid', b.pid) order by l.name) from leftover l left join building b on b.indexrelid = l.indexrelid), '[]'),
    'builder', (select min(b.pid) from building b where b.indexrelid = r.indexrelid or b.indexrelid in (select m.indexrelid from copy m)),
    'twins', coalesce((select jsonb_agg(jsonb_build_object('name', format('%I', w.relname), 'bare', w.relname) order by w.indexrelid)
      from twin w), '[]'),
    'sized', coalesce((select jsonb_agg(z.oid) from (
      select m.indexrelid::int8 as oid from copy m union select l.indexrelid::int8 from leftover l) z), '[]')
  ) as facts,
  jsonb_build_object('definition', case when r.open then pg_get_indexdef(r.indexrelid) end, 'valid', r.indisvalid,
    'comment', obj_description(r.indexrelid, 'pg_class'), 'tablespace',
    (select s.spcname from pg_tablespace s where s.oid = r.reltablespace),
    'replica_identity', r.indisreplident, 'clustered', r.indisclustered,
    'extensions', (select jsonb_agg(e.extname order by e.extname) from pg_depend d join pg_extension e on e.oid = d.refobjid
      where d.classid = 'pg_class'::regclass and d.objid = r.indexrelid and d.refclassid = 'pg_extension'::regclass and d.deptype = 'x'),
    'lacking', (select jsonb_agg(l.name order by l.name) from lacking l)) as state
from root r
