-- Columns about the buckets of aggregate ca (a row of continuous_agg; d: the aggregate's time dimension, bf: the aggregate's row in
-- continuous_aggs_bucket_function)
ca.user_view_schema::text as schema, ca.user_view_name::text as name, ca.materialized_only,
\if :since_2_15
d.column_type::text as axis, bf.bucket_width, bf.bucket_fixed_width as bucket_fixed, bf.bucket_timezone as bucket_zone,
bf.bucket_origin, bf.bucket_offset
\else
d.column_type::text as axis, case when ca.bucket_width > 0
     and d.column_type not in ('bigint'::regtype, 'int'::regtype, 'smallint'::regtype)
     then justify_hours(ca.bucket_width * interval '1 microsecond')::text
     when ca.bucket_width > 0 then ca.bucket_width::text else bf.bucket_width end as bucket_width,
ca.bucket_width > 0 as bucket_fixed, nullif(bf.timezone, '') as bucket_zone, nullif(bf.origin, '') as bucket_origin,
null::text as bucket_offset
\endif
