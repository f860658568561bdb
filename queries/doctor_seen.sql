-- The setting that doctor_mark.sql set (NULL: this is another session), and the session's pid · columns: mark, pid · access: any role
select nullif(current_setting('hypertop.mark', true), '') as mark, pg_backend_pid() as pid
