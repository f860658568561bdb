-- Columns of time dimension d: name, type (axis), chunk interval (interval_length), whether the type is an integer (whole), current time in
-- microseconds (now_raw; NULL: integer)
select d.hypertable_id, d.id, d.column_name::text as column_name, d.column_type::text as axis,
       d.interval_length, d.column_type::text in ('bigint', 'integer', 'smallint') as whole,
       case d.column_type::text when 'bigint' then null when 'integer' then null when 'smallint' then null
            -- For types without a time zone, the session's local time is used. The session has the time zone of the background workers.
            when 'timestamp without time zone' then (extract(epoch from now()::timestamp) * 1000000)::int8
            when 'date' then (extract(epoch from now()::timestamp) * 1000000)::int8
            else (extract(epoch from now()) * 1000000)::int8 end as now_raw
