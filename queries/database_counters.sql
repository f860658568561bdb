-- Counters of this database since its statistics were reset
-- · columns (one row): commits, rollbacks, deadlocks, conflicts (queries that a standby cancelled), temp_files, temp_bytes, blocks_read,
-- blocks_hit · access: any role, on PostgreSQL 13 to 18, with TimescaleDB or without · cost: 0.1 ms, no lock
select pg_stat_get_db_xact_commit(d.oid) as commits, pg_stat_get_db_xact_rollback(d.oid) as rollbacks,
       pg_stat_get_db_deadlocks(d.oid) as deadlocks, pg_stat_get_db_conflict_all(d.oid) as conflicts,
       pg_stat_get_db_temp_files(d.oid) as temp_files, pg_stat_get_db_temp_bytes(d.oid) as temp_bytes,
       pg_stat_get_db_blocks_fetched(d.oid) - pg_stat_get_db_blocks_hit(d.oid) as blocks_read,
       pg_stat_get_db_blocks_hit(d.oid) as blocks_hit
from pg_database d where d.datname = current_database()
