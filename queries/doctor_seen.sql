-- The setting made by doctor_mark.sql as seen now (NULL: this is another session), and the session's pid · mark, pid · public
select nullif(current_setting('hypertop.mark', true), '') as mark, pg_backend_pid() as pid
