-- Hypertable $1 (id; it may be an aggregate's materialization) for retention actions
-- · columns: facts (kind, current time, policies, aggregates on it, chunks oldest first, size of the lock table; sized: the oldest 1000
-- chunks and the tables with their compressed rows, whose sizes plan_sizes reads), state (what an undo restores, and what must not change:
-- policies, oldest chunk) · access: any role; integer time: EXECUTE on integer_now_func, which is called only if its owner is trusted ·
-- cost: 20 µs per chunk
with trusted as materialized :trusted,
\ir shared/target.sql
dim as materialized (
  select d.id, d.column_type::text as axis, d.interval_length, d.integer_now_func is not null as has_now,
         case when f.trusted then :now_value end as integer_now, :now_code as code
  from target t join :time_dimension d on d.hypertable_id = t.id
  left join lateral (select d.integer_now_func_schema as schema, d.integer_now_func as function) k on true
  left join lateral :now_function f on true
), zone as materialized (
  -- The time zone of the policy's owner, if one is set; otherwise the time zone of this session, which is the database's.
  select coalesce(o.owner_zone, current_setting('TimeZone')) as name, o.owner_zone is not null as owners
  from target t
  -- A new policy is owned by the table's owner; an existing policy keeps its owner.
  cross join lateral (select coalesce((select b.owner::oid from _timescaledb_config.bgw_job b
                                        where b.hypertable_id = t.id and b.proc_name = 'policy_retention' order by b.id limit 1),
                                      t.relowner) as owner) j
  left join lateral :owner_zone o on true
), live as materialized (
  select c.id, format('%I.%I', n.nspname, r.relname) as name, r.oid, c.companion, s.range_start, s.range_end, c.status, c.creation_time,
         case when c.status & 1 = 1 then y.numrows_pre_compression when r.reltuples >= 0 then r.reltuples::int8 end as rows,
         row_number() over (order by s.range_end, c.id) as nth
  from target t cross join dim d join :chunk c on c.hypertable_id = t.id and not c.osm_chunk
  join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = d.id :chunk_class
  left join _timescaledb_catalog.compression_chunk_size y on y.chunk_id = c.id
), reader as (
  -- The aggregates on the hypertable, with their refresh windows.
  select jsonb_agg(jsonb_build_object(
    'name', format('%I.%I', a.user_view_schema, a.user_view_name), 'refreshed_to', :refreshed_to,
    'oldest', (select min(s.range_start) from _timescaledb_catalog.dimension m
      join :slice s on s.dimension_id = m.id
               where m.hypertable_id = a.mat_hypertable_id and m.interval_length is not null),
    'refreshes', coalesce((select jsonb_agg(jsonb_build_object('id', b.id, 'scheduled', b.scheduled, 'start_offset',
         b.config -> 'start_offset',
                             'end_offset', b.config -> 'end_offset', 'zone', o.owner_zone) order by b.id)
                           from _timescaledb_config.bgw_job b
                           cross join lateral (select b.owner) j left join lateral :owner_zone o on true
                           where b.proc_name = 'policy_refresh_continuous_aggregate' and b.hypertable_id = a.mat_hypertable_id), '[]'),
    'read_by', coalesce((
      with recursive below as (
        select y.mat_hypertable_id, format('%I.%I', y.user_view_schema, y.user_view_name) as name
        from _timescaledb_catalog.continuous_agg y where y.raw_hypertable_id = a.mat_hypertable_id
        union all
        select y.mat_hypertable_id, format('%I.%I', y.user_view_schema, y.user_view_name)
        from below w join _timescaledb_catalog.continuous_agg y on y.raw_hypertable_id = w.mat_hypertable_id
      ) select jsonb_agg(w.name order by w.name) from below w), '[]')
  ) order by a.user_view_schema, a.user_view_name) as aggregates
  from target t join _timescaledb_catalog.continuous_agg a on a.raw_hypertable_id = t.id
  left join _timescaledb_catalog.continuous_aggs_watermark w on w.mat_hypertable_id = a.mat_hypertable_id cross join dim d
  cross join lateral (select a.mat_hypertable_id as id, w.watermark, d.id as source_dimension) y
),
\ir shared/policies.sql
raw as materialized (
  select t.id as hypertable_id, d.id as dimension_id from target t cross join dim d
), f as materialized (
  select min(l.range_start) as oldest from live l
), unread as (
  -- Changes that are not yet in the aggregates, as in plan_job.sql.
  select jsonb_agg(jsonb_build_object(
             \ir shared/unread_bucket.sql
             'clock_zone', (select z.name from zone z),
             \ir shared/unread_policies.sql
      as unread
      from raw cross join f join _timescaledb_catalog.continuous_agg x on x.raw_hypertable_id = raw.hypertable_id
      join lateral (select d.column_type::text as axis from :time_dimension d where d.hypertable_id = x.mat_hypertable_id) m on true
      \ir shared/unread_changes.sql
           \ir shared/unread_remade.sql
)
select jsonb_build_object(
         'relation', t.name, 'oid', t.oid::int8, 'aggregate', t.aggregate, 'axis', d.axis, 'interval_length', d.interval_length,
         'creation', (select :creation from (select t.id as hypertable_id) j),
         'has_now', d.has_now, 'integer_now', d.integer_now, 'code', d.code, 'zone', z.name, 'zone_owners', z.owners,
         'policies', coalesce((select jsonb_object_agg(p.proc_name, p.facts) from policy p), '{}'),
         'aggregates', coalesce((select r.aggregates from reader r), '[]'), 'unread', coalesce((select u.unread from unread u), '[]'),
         'references', coalesce((
           select jsonb_agg(jsonb_build_object('oid', f.oid::int8, 'name', format('%I.%I', n.nspname, f.relname)) order by f.oid)
           from pg_constraint k join pg_class f on f.oid = k.confrelid join pg_namespace n on n.oid = f.relnamespace
           where k.conrelid = t.oid and k.contype = 'f'), '[]'),
         'indexes', (select count(*) from pg_index i where i.indrelid = t.oid),
         'lock_slots', current_setting('max_locks_per_transaction')::int8
                       * (current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8),
         'chunks', coalesce((
           select jsonb_agg(jsonb_build_array(l.name, l.oid::int8, l.companion::int8, l.range_start, l.range_end,
             l.status, l.rows, (extract(epoch from l.creation_time) * 1000000)::int8) order by l.nth)
           from live l), '[]'),
         'sized', coalesce((
           select jsonb_agg(o.oid) from live l cross join lateral (values (l.oid::int8), (l.companion::int8)) o(oid)
           where l.nth <= 1000 and o.oid is not null), '[]')
       ) as facts,
       jsonb_build_object('policies', coalesce((select jsonb_object_agg(p.proc_name, p.state) from policy p), '{}'),
         'oldest', (select min(l.range_start) from live l)) as state
from target t cross join dim d cross join zone z
