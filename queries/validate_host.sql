-- The data directory, and the process id of this session: by this id hypertop detects whether the server runs on the same machine
-- · columns: pid (of this session), data_directory (NULL: hidden from this role) · access: any role; data_directory: pg_read_all_settings ·
-- cost: none
select pg_backend_pid() as pid, (select g.setting from pg_settings g where g.name = 'data_directory') as data_directory
