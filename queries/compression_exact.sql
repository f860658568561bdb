-- Bytes now of the chunks of the hypertables in $1 (int8[]) that are past compress-after and not compressed
-- id, backlog_bytes (NULL: what is past it is not known) · EXECUTE on integer_now_func, whose owner is trusted, else public (a size takes a
-- moment's lock on its chunk) · ~0.1 ms a chunk of the backlog
with trusted as materialized (
  \ir shared/trusted.sql
),
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
              -- the hypertable's own function says what "now" is in its unit
              then (xpath('/row/n/text()', query_to_xml(format('select %I.%I() as n', d.integer_now_func_schema, d.integer_now_func), false,
                   true, '')))[1]::text::int8 - j.after_text::int8 end as boundary,
         case when j.created_text ~ :is_interval and j.created_text ~ '\d' then now() - (j.created_text)::interval end as made_before
    from unnest($1::int8[]) w(id)
    join lateral (select j.config ->> 'compress_after' as after_text, j.config ->> 'compress_created_before' as created_text,
                   o.owner_zone, o.zone from _timescaledb_config.bgw_job j
    left join lateral (
    \ir shared/owner_zone.sql
    ) o on true
                   where j.hypertable_id = w.id and j.proc_name = 'policy_compression' order by j.id limit 1) j on true
    join lateral (select x.* from _timescaledb_catalog.dimension x where x.hypertable_id = w.id and x.interval_length is not null
         order by x.id limit 1) d on true
    left join lateral (select p.oid, p.proowner = any (t.roles) and n.nspowner = any (t.roles) as trusted
                         from trusted t join pg_namespace n on n.nspname = d.integer_now_func_schema
                           join pg_proc p on p.pronamespace = n.oid and p.proname = d.integer_now_func and p.pronargs = 0
                                and p.prokind = 'f') f on true),
due as materialized (
  select b.hypertable_id, sum(pg_total_relation_size(c.relid))::int8 as bytes
    from bound b join :chunk c on c.hypertable_id = b.hypertable_id and not c.osm_chunk and c.status & 9 = 0 and c.status & 4 = 0
    join :chunk_slice s on s.chunk_id = c.id and s.dimension_id = b.dimension_id
         and (s.range_end <= b.boundary or c.creation_time < b.made_before)
   group by 1)
select w.id, case when b.boundary is not null or b.made_before is not null then coalesce(e.bytes, 0) end as backlog_bytes
  from unnest($1::int8[]) w(id)
  left join bound b on b.hypertable_id = w.id
  left join due e on e.hypertable_id = w.id
