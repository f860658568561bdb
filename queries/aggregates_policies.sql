-- All policies on a hypertable, or on an aggregate's materialization hypertable: $1 (int8)
-- · columns: job_id, proc, config, schedule, scheduled, next_start, last_run_success, last_finish, consecutive_failures · access: any role
-- · cost: one pass over the jobs
select j.id as job_id, j.proc_name::text as proc, j.config::text as config, j.schedule_interval::text as schedule, j.scheduled,
       st.next_start, st.last_run_success, st.last_finish, coalesce(st.consecutive_failures, 0) as consecutive_failures
  from _timescaledb_config.bgw_job j left join _timescaledb_internal.bgw_job_stat st on st.job_id = j.id
 where j.hypertable_id = $1::int8 order by j.id
