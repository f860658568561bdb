-- Bytes now of the chunks that the next run of the retention policies of the hypertables and aggregates in $1 (int8[]) would drop
-- id, eligible_bytes (NULL: what goes is not known) · EXECUTE on integer_now_func, whose owner is trusted, else public (a size takes a
-- moment's lock on its chunk) · ~0.1 ms a chunk that goes
with recursive trusted as materialized (
  \ir shared/trusted.sql
),
source as (
  -- the "now" of an aggregate is that of the hypertable at the root of its hierarchy, as retention_integer has it
  select w.id, w.id::int as of from unnest($1::int8[]) w(id)
  union all select s.id, a.raw_hypertable_id from source s join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = s.of),
clock as materialized (
  select distinct on (s.id) s.id, d.integer_now_func_schema as schema, d.integer_now_func as function
    from source s join _timescaledb_catalog.dimension d on d.hypertable_id = s.of and d.interval_length is not null
         and d.integer_now_func is not null order by s.id, d.id),
bound as materialized (
  select w.id as hypertable_id, d.id as dimension_id,
         case when d.column_type::text not in ('bigint', 'integer', 'smallint')
              then case when (j.owner_zone is null or j.zone is not null) and j.after_text ~ :is_interval and j.after_text ~ '\d' then
                   case when d.column_type = 'timestamptz'::regtype
                        then (extract(epoch from coalesce((((now() at time zone j.zone)
                             - date_trunc('day', j.after_text::interval)) at time zone j.zone)
                                  - (j.after_text::interval - date_trunc('day', j.after_text::interval)), now() - j.after_text::interval))
                                       * 1000000)::int8
                        else (extract(epoch from coalesce(now() at time zone j.zone, now()::timestamp) - j.after_text::interval)
                             * 1000000)::int8 end end
              when j.after_text ~ '^\d{1,18}$' and f.trusted
              -- that function says what "now" is in its unit
              then (xpath('/row/n/text()', query_to_xml(format('select %I.%I() as n', k.schema, k.function), false, true,
                   '')))[1]::text::int8 - j.after_text::int8 end as boundary,
         case when j.created_text ~ :is_interval and j.created_text ~ '\d' then now() - (j.created_text)::interval end as made_before
    from unnest($1::int8[]) w(id)
    join lateral (select j.config ->> 'drop_after' as after_text, j.config ->> 'drop_created_before' as created_text,
                   o.owner_zone, o.zone from _timescaledb_config.bgw_job j
    left join lateral (
    \ir shared/owner_zone.sql
    ) o on true
                   where j.hypertable_id = w.id and j.proc_name = 'policy_retention' order by j.id limit 1) j on true
    join lateral (select x.* from _timescaledb_catalog.dimension x where x.hypertable_id = w.id and x.interval_length is not null
         order by x.id limit 1) d on true
    left join clock k on k.id = w.id
    left join lateral (select p.oid, p.proowner = any (t.roles) and n.nspowner = any (t.roles) as trusted
                         from trusted t join pg_namespace n on n.nspname = k.schema
                           join pg_proc p on p.pronamespace = n.oid and p.proname = k.function and p.pronargs = 0
                                and p.prokind = 'f') f on true),
due as materialized (
  select b.hypertable_id, sum(pg_total_relation_size(c.relid) + coalesce(pg_total_relation_size(c.companion), 0))::int8 as bytes
    from bound b
    cross join lateral (
      -- what goes by its time is as a rule little: from the oldest on, by the index
      select c.* from (select s.* from :slice s
                        where s.dimension_id = b.dimension_id and s.range_start < b.boundary and s.range_end <= b.boundary offset 0) s
       cross join lateral (select c.relid, c.companion from :slice_chunk c where not c.osm_chunk and c.status & 4 = 0 offset 0) c
      union all
      select c.relid, c.companion from :chunk c
       where b.boundary is null and b.made_before is not null and c.hypertable_id = b.hypertable_id and c.creation_time < b.made_before
         and not c.osm_chunk and c.status & 4 = 0) c
   group by 1)
select b.hypertable_id::int8 as id, case when b.boundary is not null
     or b.made_before is not null then coalesce(e.bytes, 0) end as eligible_bytes
  from bound b left join due e using (hypertable_id)
