-- Buckets of aggregate x, and the ranges of x that are not materialized (k, t, r: see unread_changes.sql)
'id', x.mat_hypertable_id, 'name', format('%I.%I', x.user_view_schema, x.user_view_name), 'axis', m.axis,
-- Up to 2.14 the width is in continuous_agg, in microseconds.
'bucket', case when k.width > 0
     and m.axis not in ('bigint', 'integer', 'smallint') then justify_hours(k.width * interval '1 microsecond')::text
               when k.width > 0 then k.width::text else k.bf ->> 'bucket_width' end,
'zone', k.zone, 'offset', k.bf ->> 'bucket_offset',
'origin', case when m.axis in ('timestamp without time zone', 'date') then (extract(epoch from k.origin::timestamp) * 1000000)::int8
               when m.axis = 'timestamp with time zone'
                    then (extract(epoch from k.origin::timestamptz at time zone coalesce(k.zone, 'UTC')) * 1000000)::int8 end,
'tail', t.tail, 'never_before', t.never_before, 'low', r.low, 'cut_to', r.cut_to, 'source_from', f.oldest,
