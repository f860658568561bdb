-- Hypertable $1 (id; it may be an aggregate's materialization) for actions on its chunk interval, statistics and reorder policy
-- · columns: facts (dimensions, policies, indexes, chunk sizes; sized: new chunks that are not compressed, whose sizes plan_sizes reads),
-- state (what an undo restores: intervals of the dimensions, policies) · access: any role · cost: about 20 µs per chunk
with
\ir shared/target.sql
dim as materialized (
  select d.id, d.column_name, d.column_type::text as axis, d.interval_length, d.compress_interval_length, d.num_slices,
         row_number() over (order by d.interval_length is null, d.id) as nth
  from target t join _timescaledb_catalog.dimension d on d.hypertable_id = t.id
), live as materialized (
  select c.id, format('%I.%I', n.nspname, r.relname) as name, r.oid, r.reltuples, s.range_start, s.range_end, c.status,
         greatest(pg_stat_get_last_analyze_time(r.oid), pg_stat_get_last_autoanalyze_time(r.oid)) as analyzed,
         row_number() over (order by s.range_end desc, c.id) as nth, dense_rank() over (order by s.range_end desc) as slice
  from target t join dim d on d.nth = 1 join :chunk c on c.hypertable_id = t.id and not c.osm_chunk
  join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = d.id :chunk_class
),
\ir shared/policies.sql
recent as (
  -- Chunks of the 12 ranges before the newest range, which is still being filled. recorded: size before compression; NULL: not compressed
  select l.nth, l.oid::int8 as oid, l.range_end - l.range_start as span, l.status & 1 = 1 as compressed,
         z.before_bytes as recorded from live l left join :recorded_size z on z.chunk_id = l.id
  where l.slice between 2 and 13
)
select jsonb_build_object(
         'relation', t.relation, 'name', t.name, 'oid', t.oid::int8, 'aggregate', t.aggregate, 'owner', t.relowner::regrole::text,
         'may_analyze', pg_has_role(t.relowner, 'usage')
           or pg_has_role((select d.datdba from pg_database d where d.datname = current_database()), 'usage')
           or case when current_setting('server_version_num')::int >= 170000 then has_table_privilege(t.oid, 'MAINTAIN') else false end,
         'dimensions', (select jsonb_agg(jsonb_build_object('name', d.column_name, 'axis', d.axis, 'interval_length', d.interval_length,
                          'compress_interval_length', d.compress_interval_length) order by d.nth)
                        from dim d where d.interval_length is not null),
         'partitions', (select coalesce(max(d.num_slices), 1) from dim d where d.interval_length is null),
         'policies', coalesce((select jsonb_object_agg(p.proc_name, p.facts) from policy p), '{}'),
         'indexes', coalesce((
           select jsonb_agg(jsonb_build_object('name', i.relname, 'definition', pg_get_indexdef(i.oid)) order by i.relname)
           from pg_index x join pg_class i on i.oid = x.indexrelid
           -- The reorder policy runs CLUSTER, which accepts neither partial nor invalid indexes.
           where x.indrelid = t.oid and x.indpred is null and x.indisvalid and pg_index_has_property(i.oid, 'clusterable')), '[]'),
         'shared_buffers', (select g.setting::int8 * current_setting('block_size')::int8 from pg_settings g
           where g.name = 'shared_buffers'),
         'chunks', (select count(*) from live l),
         'first', (select min(l.range_start) from live l), 'last', (select max(l.range_end) from live l),
         'compressed', (select count(*) from live l where l.status & 1 = 1),
         'reorderable', (select count(*) from live l where l.slice > 3 and l.status & 1 = 0),
         -- By the cumulative statistics; after a reset of the statistics every chunk counts as never analyzed.
         'unanalyzed', (select count(*) from live l where l.analyzed is null),
         'analyzed_seconds', (select extract(epoch from now() - min(l.analyzed))::float8 from live l),
         -- Rows of the uncompressed chunks, by the last ANALYZE of each; NULL: none was analyzed
         'rows', (select sum(l.reltuples)::int8 from live l where l.reltuples >= 0 and l.status & 1 = 0),
         'recent', coalesce((select jsonb_agg(to_jsonb(r) - 'nth' order by r.nth) from recent r), '[]'),
         'touched', coalesce((select jsonb_agg(jsonb_build_object('oid', l.oid::int8, 'name', l.name) order by l.nth) from live l
           where l.nth <= 1000), '[]'),
         'sized', coalesce((select jsonb_agg(r.oid) from recent r where not r.compressed), '[]')
       ) as facts,
       jsonb_build_object(
         'policies', coalesce((select jsonb_object_agg(p.proc_name, p.state) from policy p), '{}'),
         'intervals', (select jsonb_object_agg(d.column_name, d.interval_length) from dim d where d.interval_length is not null)
       ) as state
from target t
