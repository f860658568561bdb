-- The setting of doctor_mark.sql as this session has it (NULL: it is another session), and its process · mark, pid · public
select nullif(current_setting('hypertop.mark', true), '') as mark, pg_backend_pid() as pid
