-- Present size and estimated bloat of the indexes $1 (int8[], oids), summed over their chunks or partitions
-- · columns: id, bytes (without the empty file of a hypertable's own index), bloat_bytes (NULL: unknown) · access: any role; bloat: this
-- role must see the tables' rows in pg_stats · cost: 15 µs per index of a chunk or partition, more with bloat; each is locked for a moment
with recursive wanted as (select w.id from unnest($1::int8[]) w(id)),
\ir shared/index_roots.sql
\ir shared/index_belongs.sql
measured as materialized (
  select b.root, b.indexrelid, b.inhrelid, pg_relation_size(b.indexrelid) as bytes, c.relpages, c.reltuples, c.reloptions,
    not r.special and m.amname = 'btree' as plain
  from belongs b join root r on r.indexrelid = b.root
  cross join lateral (select c.relpages, c.reltuples, c.reloptions, c.relam from pg_catalog.pg_class c
    where c.oid = b.indexrelid offset 0) c
  join pg_catalog.pg_am m on m.oid = c.relam where not b.leftover
),
-- spare: pages that the rows do not need, computed from their average width, 12 bytes per B-tree entry and the fill factor; 0 up to two
-- pages. NULL: the table was never analyzed, this role may not read its statistics, the index is no B-tree on columns alone, or it has many
-- equal keys, which deduplication compresses.
estimated as materialized (
  select m.root, m.bytes, case when not m.plain then null
      when m.bytes <= 2 * current_setting('block_size')::int8 then 0
      when m.relpages > 0 and m.reltuples >= 0 and s.columns = s.keys and (s.indisunique or s.combinations >= 0.5 * m.reltuples)
        then m.relpages - 1 - ceil(m.reltuples * (12 + 8 * ceil(s.width / 8.0)) / ((current_setting('block_size')::int8 - 40) * f.fill))
    end as spare
  from measured m
  cross join lateral (
    select coalesce((select o.option_value::float8 / 100 from pg_options_to_table(m.reloptions) o where o.option_name = 'fillfactor'),
         0.9) as fill
  ) f
  left join lateral (
    select count(*) as columns, max(k.keys) as keys, bool_and(k.indisunique) as indisunique, sum(p.avg_width) as width,
      exp(least(sum(ln(greatest(case when p.n_distinct < 0 then -p.n_distinct * m.reltuples else p.n_distinct end, 1))),
           600)) as combinations
    from (
      select n.nspname, t.relname, a.attname, x.indisunique, x.indnatts as keys
      from pg_catalog.pg_index x join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = any (x.indkey::int2[])
      join pg_catalog.pg_class t on t.oid = m.inhrelid
      join pg_catalog.pg_namespace n on n.oid = t.relnamespace
      where x.indexrelid = m.indexrelid and m.plain and m.reltuples > 0 and m.bytes > 2 * current_setting('block_size')::int8
      offset 0
    ) k
    cross join lateral (
      select p.avg_width, p.n_distinct from pg_catalog.pg_stats p
      where p.schemaname = k.nspname and p.tablename = k.relname and p.attname = k.attname and not p.inherited
      offset 0
    ) p
  ) s on true
)
select r.indexrelid::int8 as id, coalesce(sum(e.bytes), 0)::int8 as bytes,
  case when 10 * sum(e.bytes) filter (where e.spare is not null) >= 9 * sum(e.bytes) and sum(e.spare) >= 0
    then (sum(e.spare) * current_setting('block_size')::int8)::int8 end as bloat_bytes
from root r left join estimated e on e.root = r.indexrelid group by r.indexrelid
