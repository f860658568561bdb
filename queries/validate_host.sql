-- The data directory, and the process id of this session, by which hypertop detects that it runs on the server's machine
-- · columns: pid (of this session), data_directory (NULL: hidden from this role) · access: any role; data_directory: pg_read_all_settings ·
-- cost: none
select pg_backend_pid() as pid, (select g.setting from pg_settings g where g.name = 'data_directory') as data_directory
