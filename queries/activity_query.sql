-- A session's whole statement · query, room (track_activity_query_size), cut (the statement is longer than that) · public (other roles'
-- statements: pg_read_all_stats). $1: pid; $2: its backend_start in microseconds (-1: hidden), because pids are reused
select :cut_text as query, current_setting('track_activity_query_size') as room,
       octet_length(a.query) >= pg_size_bytes(current_setting('track_activity_query_size')) - 1 as cut
from pg_stat_activity a cross join lateral (select a.query as text) t
where a.pid = $1::int4 and coalesce((extract(epoch from a.backend_start) * 1000000)::int8, -1) = $2::int8
