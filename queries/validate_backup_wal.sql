-- The newest backup history file in pg_wal. A base backup leaves such a file at its end, if WAL is archived
-- · columns: name, at (no row: there is no such file) · access: pg_monitor · cost: reads the folder of the WAL
select w.name, w.modification as at from pg_ls_waldir() w where w.name ~ '^[0-9A-F]{24}\.[0-9A-F]{8}\.backup$'
 order by w.modification desc limit 1
