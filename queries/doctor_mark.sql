-- Sets a setting in this session. If doctor_seen.sql then does not see the setting, a pooler changes sessions between statements · $1: text
-- · columns: mark, pid · access: any role · affects nothing else
select set_config('hypertop.mark', $1::text, false) as mark, pg_backend_pid() as pid
