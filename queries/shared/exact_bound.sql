-- Where what a policy (j) takes ends now on the axis of d, the hypertable's dimension of time, or in time of creation
select w.id as hypertable_id, d.id as dimension_id,
       case when d.column_type::text not in ('bigint', 'integer', 'smallint')
            then case when (j.owner_zone is null or j.zone is not null) and j.after_text ~ :is_interval then
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
       case when j.created_text ~ :is_interval then now() - (j.created_text)::interval end as made_before
  from unnest($1::int8[]) w(id)
