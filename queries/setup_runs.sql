-- The last run of each policy, for `hypertop validate`
-- · columns: id, scheduled, runs (0: never ran), succeeded (the last run; NULL: none has ended), finished, next_start (NULL: not
-- scheduled, or running) · access: any role · cost: catalogue lookups
select b.id::int8 as id, b.scheduled, coalesce(s.total_runs, 0)::int8 as runs,
       case when s.last_finish > '-infinity' then s.last_run_success end as succeeded,
       nullif(s.last_successful_finish, '-infinity') as finished, nullif(s.next_start, '-infinity') as next_start
  from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
 where b.proc_name in ('policy_compression', 'policy_retention', 'policy_refresh_continuous_aggregate', 'policy_reorder')
