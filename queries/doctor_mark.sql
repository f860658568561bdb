-- Sets a setting of this session only, by which a pooler that hands out other sessions is found · $1 text · mark, pid · public · nothing
-- else reads the setting
select set_config('hypertop.mark', $1::text, false) as mark, pg_backend_pid() as pid
