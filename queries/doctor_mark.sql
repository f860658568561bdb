-- Sets a setting in this session, by which a pooler that changes sessions between statements is detected · $1 text · mark, pid · public ·
-- affects nothing else
select set_config('hypertop.mark', $1::text, false) as mark, pg_backend_pid() as pid
