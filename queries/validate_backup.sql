-- Signs of base backups that any role can see
-- · columns: clock, reads_wal (whether this role may run validate_backup_wal), archived_at and archived (time and name of the newest
-- archived file; NULL: none since the statistics were reset, or hidden), running (whether a base backup runs now), program (the backup
-- program in archive_command; NULL: archive_command is hidden, or has no known program) · access: any role; all columns: pg_monitor · cost:
-- none
select clock_timestamp() as clock, has_function_privilege('pg_ls_waldir()', 'execute') as reads_wal, a.last_archived_time as archived_at,
       a.last_archived_wal as archived, exists (select from pg_stat_progress_basebackup) as running,
       (select substring(lower(g.setting) from 'pgbackrest|barman|wal-g|pg_probackup') from pg_settings g where g.name = 'archive_command')
         as program
  from pg_stat_archiver a
