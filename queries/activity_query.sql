-- The whole statement of a session ($1: pid; $2: backend_start in microseconds, because pids are reused; -1: hidden)
-- · columns: query, room (track_activity_query_size), cut (whether the statement is as long as this size, so its end may be missing) ·
-- access: any role; other roles' statements: pg_read_all_stats · cost: one row
select :cut_text as query, current_setting('track_activity_query_size') as room,
       octet_length(a.query) >= pg_size_bytes(current_setting('track_activity_query_size')) - 1 as cut
from pg_stat_activity a cross join lateral (select a.query as text) t
where a.pid = $1::int4 and coalesce((extract(epoch from a.backend_start) * 1000000)::int8, -1) = $2::int8
