-- Background jobs · job_id, proc · public · by jobs
select j.id as job_id, j.proc_name::text as proc from _timescaledb_config.bgw_job j
