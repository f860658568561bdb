-- An index as its actions need it: index $1 (int8, oid) of a hypertable, a table or partitions, with its definition in parts and all its copies
-- · facts (definition, chunks, chunk indexes, leftovers, twins, who needs it), state (what an undo of a drop brings back) · public
-- · catalogue lookups, linear in the chunks of its table; pg_get_indexdef() takes a moment's lock (not asked where the table is locked)
with recursive root as materialized (
  select y.indexrelid, y.indrelid as table_oid, y.relname, y.nspname, y.table_name, y.table_schema, y.relnatts, y.relam, y.partitioned, y.special,
    y.indkey, y.indclass, y.indcollation, y.indoption, y.flags, y.tree, y.hypertable_id, y.dimension_id, y.axis, y.usual, y.compressing, y.display, y.aggregate,
    hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.indkey::int2[],
      hash_array_extended(y.indoption::int2[], y.flags)))) as sig
  from (select false as indnullsnotdistinct) old
  cross join lateral (
    select x.indexrelid, x.indrelid, c.relname::text as relname, cn.nspname::text as nspname, t.relname::text as table_name,
      n.nspname::text as table_schema, t.relnatts, c.relam, c.relkind = 'I' as partitioned, x.indexprs is not null or x.indpred is not null as special,
      x.indkey, x.indclass, x.indcollation, x.indoption,
      (x.indisunique::int + 2 * x.indisexclusion::int + 4 * (x.indexprs is not null)::int + 8 * (x.indpred is not null)::int
        + 16 * indnullsnotdistinct::int)::int8 as flags,
      regexp_replace(concat_ws(' ', x.indexprs, '/', x.indpred), ':location -?[0-9]+', '', 'g') as tree,
      h.id as hypertable_id, d.id as dimension_id, d.column_type::oid::regtype::text as axis,
      replace(replace(replace(h.associated_table_prefix::text, '\', '\\'), '_', '\_'), '%', '\%') || '\_%\_chunk' as usual,
      false as compressing,
      case when ca.mat_hypertable_id is not null then format('%I.%I', ca.user_view_schema, ca.user_view_name) end as display, ca.mat_hypertable_id is not null as aggregate
    from pg_index x
    join pg_class c on c.oid = x.indexrelid
    join pg_namespace cn on cn.oid = c.relnamespace
    join pg_class t on t.oid = x.indrelid
    join pg_namespace n on n.oid = t.relnamespace
    left join _timescaledb_catalog.hypertable h on h.schema_name = n.nspname and h.table_name = t.relname
    left join _timescaledb_catalog.continuous_agg ca on ca.mat_hypertable_id = h.id
    left join lateral (
      select d.id, d.column_type from _timescaledb_catalog.dimension d
      where d.hypertable_id = h.id and d.interval_length is not null order by d.id limit 1
    ) d on true
    where x.indexrelid = ($1::int8)::oid
  ) y
),
-- The other indexes of the same table that are the same in everything but the name.
twin as materialized (
  select o.indexrelid, o.relname
  from root r
  cross join (select false as indnullsnotdistinct) old
  cross join lateral (
    select x.indexrelid, c.relname::text as relname
    from pg_index x join pg_class c on c.oid = x.indexrelid and c.relam = r.relam
    where x.indrelid = r.table_oid and x.indexrelid <> r.indexrelid and x.indkey::int2[] = r.indkey::int2[] and x.indclass = r.indclass
      and x.indcollation = r.indcollation and x.indoption::int2[] = r.indoption::int2[]
      and (x.indisunique::int + 2 * x.indisexclusion::int + 4 * (x.indexprs is not null)::int + 8 * (x.indpred is not null)::int
        + 16 * indnullsnotdistinct::int)::int8 = r.flags
      and regexp_replace(concat_ws(' ', x.indexprs, '/', x.indpred), ':location -?[0-9]+', '', 'g') = r.tree
  ) o
),
-- An index of a partitioned table lives in its partitions' indexes.
leaf as materialized (
  select i.inhrelid as indexrelid from root r join pg_inherits i on i.inhparent = r.indexrelid where r.partitioned
  union all
  select i.inhrelid from leaf l join pg_inherits i on i.inhparent = l.indexrelid
),
-- The chunks, with the relations that hold what is compressed of them; partitions; or the table itself.
part as materialized (
  select r.table_oid, p.oid, p.nspname, p.relname, p.companion, p.range_start, p.range_end
  from root r
  cross join lateral (
    select t.oid, n.nspname::text as nspname, t.relname::text as relname, s.compress_relid::oid as companion, g.range_start, g.range_end
    from pg_inherits i
    join pg_class t on t.oid = i.inhrelid and t.relkind = 'r'
    join pg_namespace n on n.oid = t.relnamespace
    left join _timescaledb_catalog.chunk c on c.schema_name = n.nspname and c.table_name = t.relname
    left join lateral (
      select s.range_start, s.range_end from _timescaledb_catalog.chunk_constraint k
      join _timescaledb_catalog.dimension_slice s on s.id = k.dimension_slice_id and s.dimension_id = r.dimension_id
      where k.chunk_id = c.id
    ) g on true
    left join _timescaledb_catalog.compression_settings s on s.relid::oid = t.oid
    where i.inhparent = r.table_oid
  ) p
  where r.hypertable_id is not null
  union all
  select r.table_oid, t.oid, n.nspname::text, t.relname::text, null, null, null
  from root r
  join pg_class t on t.oid = any (case when r.partitioned then array(
      select x.indrelid from leaf l join pg_index x on x.indexrelid = l.indexrelid) else array[r.table_oid] end) and t.relkind in ('r', 'm', 't')
  join pg_namespace n on n.oid = t.relnamespace
  where r.hypertable_id is null
),
-- Chunks whose column numbers may differ from the hypertable's: see the list's query, which tells the chunks' indexes by the same hash.
bent as materialized (
  select p.oid from root r join part p on r.hypertable_id is not null
  join pg_class t on t.oid = p.oid and (t.relnatts <> r.relnatts or t.relname::text not like r.usual)
),
candidate as materialized (
  select y.inhrelid, y.indexrelid, y.special, y.relname,
    hashoidvectorextended(y.indclass, hashoidvectorextended(y.indcollation, hash_array_extended(y.keys,
      hash_array_extended(y.indoption::int2[], y.flags)))) as sig
  from (select false as indnullsnotdistinct) old
  cross join lateral (
    select p.oid as inhrelid, x.indexrelid, c.relname::text as relname, x.indclass, x.indcollation, x.indoption,
      x.indexprs is not null or x.indpred is not null as special,
      case when b.oid is null then x.indkey::int2[]
        else (select array_agg(coalesce(h.attnum, 0::int2) order by k.place)
          from unnest(x.indkey::int2[]) with ordinality k (attnum, place)
          left join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
          left join pg_attribute h on h.attrelid = p.table_oid and h.attname = a.attname and not h.attisdropped) end as keys,
      (x.indisunique::int + 2 * x.indisexclusion::int + 4 * (x.indexprs is not null)::int + 8 * (x.indpred is not null)::int
        + 16 * indnullsnotdistinct::int)::int8 as flags
    from root r
    join part p on r.hypertable_id is not null
    join pg_index x on x.indrelid = p.oid
    join pg_class c on c.oid = x.indexrelid and (x.indisvalid or c.relname::text !~ '_cc(new|old)[0-9]*$')
    left join bent b on b.oid = p.oid
  ) y
),
-- An expression or partial index of a chunk goes by the name it was made from, as in the list; identical ones go together.
rival as materialized (
  select r.sig, c.relname::text as relname, o.indexrelid = r.indexrelid or exists (select from twin w where w.indexrelid = o.indexrelid) as same
  from root r
  join pg_index o on o.indrelid = r.table_oid and (o.indexprs is not null or o.indpred is not null)
  join pg_class c on c.oid = o.indexrelid
  where r.special and r.hypertable_id is not null
),
fitting as materialized (
  select v.inhrelid, v.indexrelid, bool_or(v.fits) filter (where v.same) as fits, bool_or(v.fits) as fits_any
  from (
    select m.inhrelid, m.indexrelid, v.same, m.relname = made.name
        or (octet_length(made.name) > 63 and starts_with(made.name, regexp_replace(m.relname, '_[0-9]+$', ''))) as fits
    from rival v
    join candidate m on m.sig = v.sig and m.special
    join part p on p.oid = m.inhrelid
    cross join lateral (select p.relname || '_' || v.relname as name) made
  ) v
  group by v.inhrelid, v.indexrelid
),
belongs as materialized (
  select m.indexrelid from root r join candidate m on m.sig = r.sig and not m.special where not r.special
  union all
  select f.indexrelid from fitting f
  where f.fits or (not f.fits_any and not exists (select from fitting o where o.inhrelid = f.inhrelid and o.fits))
  union all
  select p.oid as indexrelid from leaf l join pg_class p on p.oid = l.indexrelid and p.relkind = 'i'
  union all
  select r.indexrelid from root r where r.hypertable_id is null and not r.partitioned
),
member as materialized (
  select x.indexrelid, x.indrelid, x.indisvalid, format('%I.%I', n.nspname, c.relname) as name, k.conname::text as constraint_name,
    pg_stat_get_numscans(x.indexrelid) as scans
  from belongs b
  join pg_index x on x.indexrelid = b.indexrelid
  join pg_class c on c.oid = x.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
  left join lateral (
    select k.conname from pg_constraint k where k.conrelid = x.indrelid and k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x') limit 1
  ) k on true
),
companion as materialized (
  select p.oid as part, x.indexrelid, x.indrelid, x.indisvalid, format('%I.%I', n.nspname, c.relname) as name
  from part p
  join pg_index x on x.indrelid = p.companion
  join pg_class c on c.oid = x.indexrelid
  join pg_namespace n on n.oid = c.relnamespace
),
-- What an interrupted REINDEX CONCURRENTLY left: invalid, named so, under no constraint.
leftover as materialized (
  select x.indexrelid, x.indrelid, format('%I.%I', n.nspname, c.relname) as name, format('%I.%I', tn.nspname, t.relname) as table_name,
    (select min(l.pid) from pg_locks l where l.relation = x.indexrelid and l.locktype = 'relation' and l.granted
      and l.mode = 'ShareUpdateExclusiveLock' and l.pid <> pg_backend_pid()
      and l.database = (select d.oid from pg_database d where d.datname = current_database())) as pid
  from (select p.oid from part p union select p.companion from part p) p
  join pg_index x on x.indrelid = p.oid and not x.indisvalid
  join pg_class c on c.oid = x.indexrelid and c.relname::text ~ '_cc(new|old)[0-9]*$'
  join pg_namespace n on n.oid = c.relnamespace
  join pg_class t on t.oid = x.indrelid
  join pg_namespace tn on tn.oid = t.relnamespace
  where not exists (select from pg_constraint k where k.conindid = x.indexrelid)
),
-- The definition in parts: head (made here), body, storage options, predicate.
defined as materialized (
  select r.indexrelid, d.def, d.head, d.pred, coalesce(right(d.def, length(d.pred)) = d.pred and d.head = left(d.def, length(d.head)), false) as split,
    (select string_agg(format('%I=%L', o.option_name, o.option_value), ', ') from pg_options_to_table(c.reloptions) o) as options
  from root r
  join pg_class c on c.oid = r.indexrelid
  join pg_index x on x.indexrelid = r.indexrelid
  cross join lateral (
    select case when not exists (
        select from pg_locks l where l.locktype = 'relation' and l.relation = r.table_oid and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid()
          and l.database = (select d.oid from pg_database d where d.datname = current_database())
      ) then pg_get_indexdef(r.indexrelid) end as def,
      format('CREATE %sINDEX %I ON %s%I.%I ', case when x.indisunique then 'UNIQUE ' else '' end, r.relname,
        case when r.partitioned then 'ONLY ' else '' end, r.table_schema, r.table_name) as head,
      case when x.indpred is null then '' else ' WHERE ' || pg_get_expr(x.indpred, x.indrelid) end as pred
  ) d
),
-- Free names for an index on a part that has none of its own: by this index's name, and by its twin's.
named as materialized (
  select p.oid, o.twin, (
      select made.name
      from generate_series(0, 99) g (n)
      cross join lateral (
        select case g.n when 0 then (p.relname || '_' || o.relname)::name::text
          else substr((p.relname || '_' || o.relname)::name::text, 1, 45) || '_' || g.n end as name
      ) made
      where not exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname = made.name and n.nspname = p.nspname)
      order by g.n limit 1) as name
  from (
    select false as twin, r.relname from root r where r.hypertable_id is not null
    union all
    (select true, w.relname from root r cross join twin w where r.hypertable_id is not null order by w.indexrelid limit 1)
  ) o
  cross join part p
  where (select count(*) from member m where m.indrelid = p.oid and m.indisvalid) < 2
)
select jsonb_build_object(
    'oid', r.indexrelid::int8, 'name', format('%I', r.relname), 'bare', r.relname, 'schema', r.nspname, 'qualified', format('%I.%I', r.nspname, r.relname),
    'table_oid', r.table_oid::int8, 'table', format('%I.%I', r.table_schema, r.table_name),
    'display', case when r.aggregate then r.display else format('%I.%I', r.table_schema, r.table_name) end,
    'hypertable', r.hypertable_id is not null, 'aggregate', r.aggregate, 'partitioned', r.partitioned, 'axis', r.axis, 'compressing', r.compressing,
    'internal', r.hypertable_id is null and exists (
      select from pg_inherits i join pg_class t on t.oid = i.inhparent join pg_namespace n on n.oid = t.relnamespace
      join _timescaledb_catalog.hypertable h on h.schema_name = n.nspname and h.table_name = t.relname where i.inhrelid = r.table_oid) or r.table_schema in ('pg_catalog', 'information_schema', 'pg_toast')
      or (r.hypertable_id is null and r.table_schema like '\_timescaledb\_%'),
    'definition', f.def, 'split', f.split, 'options', f.options, 'predicate', f.pred,
    'body', regexp_replace(substr(f.def, length(f.head) + 1, length(f.def) - length(f.head) - case when f.split then length(f.pred) else 0 end),
      case when f.split and f.options is not null then ' WITH \([^()]*\)$' else '^$' end, ''),
    'unique', x.indisunique, 'exclusion', x.indisexclusion, 'valid', x.indisvalid,
    'replica_identity', x.indisreplident, 'clustered', x.indisclustered, 'tablespace', s.spcname, 'comment', obj_description(r.indexrelid, 'pg_class'),
    'constraint', k.found, 'referenced_by', coalesce((
      select jsonb_agg(format('%I on %s', o.conname, o.conrelid::regclass) order by o.oid)
      from pg_constraint o where o.contype = 'f' and o.conindid = r.indexrelid and o.conparentid = 0), '[]'),
    'reorder_job', (select min(j.id)::int8 from _timescaledb_config.bgw_job j
      where j.proc_name = 'policy_reorder' and j.hypertable_id = r.hypertable_id and j.config ->> 'index_name' = r.relname),
    'parts', coalesce((
      select jsonb_agg(jsonb_build_object('oid', p.oid::int8, 'name', format('%I.%I', p.nspname, p.relname), 'schema', p.nspname, 'companion', p.companion::int8,
        'range_start', p.range_start, 'range_end', p.range_end, 'free_name', n.name, 'twin_name', w.name) order by p.range_start, p.relname collate "C")
      from part p left join named n on n.oid = p.oid and not n.twin left join named w on w.oid = p.oid and w.twin), '[]'),
    'members', coalesce((
      select jsonb_agg(jsonb_build_object('oid', m.indexrelid::int8, 'name', m.name, 'part', m.indrelid::int8, 'valid', m.indisvalid, 'scans', m.scans,
        'constraint', m.constraint_name) order by m.indexrelid)
      from member m), '[]'),
    'companions', coalesce((
      select jsonb_agg(jsonb_build_object('oid', m.indexrelid::int8, 'name', m.name, 'part', m.part::int8, 'table_oid', m.indrelid::int8, 'valid', m.indisvalid)
        order by m.indexrelid)
      from companion m), '[]'),
    'leftovers', coalesce((
      select jsonb_agg(jsonb_build_object('oid', l.indexrelid::int8, 'name', l.name, 'table_oid', l.indrelid::int8, 'table', l.table_name, 'pid', l.pid)
        order by l.name)
      from leftover l), '[]'),
    'twins', coalesce((
      select jsonb_agg(jsonb_build_object('name', format('%I', w.relname), 'qualified', format('%I.%I', r.nspname, w.relname),
        'constraint', (select o.conname from pg_constraint o where o.conrelid = r.table_oid and o.conindid = w.indexrelid and o.contype in ('p', 'u', 'x') limit 1))
        order by w.indexrelid)
      from twin w), '[]'),
    'sized', coalesce((
      select jsonb_agg(z.oid) from (
        select m.indexrelid::int8 as oid from member m union select m.indexrelid::int8 from companion m union select l.indexrelid::int8 from leftover l) z), '[]')
  ) as facts,
  jsonb_build_object('definition', f.def, 'constraint', k.found ->> 'definition', 'comment', obj_description(r.indexrelid, 'pg_class'),
    'tablespace', s.spcname, 'replica_identity', x.indisreplident, 'clustered', x.indisclustered) as state
from root r
join defined f on f.indexrelid = r.indexrelid
join pg_index x on x.indexrelid = r.indexrelid
join pg_class c on c.oid = r.indexrelid
left join pg_tablespace s on s.oid = c.reltablespace
left join lateral (
  select jsonb_build_object('name', format('%I', o.conname), 'bare', o.conname, 'kind', o.contype,
    'definition', case when f.def is not null then pg_get_constraintdef(o.oid) end) as found
  from pg_constraint o where o.conrelid = r.table_oid and o.conindid = r.indexrelid and o.contype in ('p', 'u', 'x') limit 1
) k on true
