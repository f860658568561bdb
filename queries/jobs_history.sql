\if :since_2_15
-- Runs of job $1: the newest 50 failures and the newest 50 successes
-- · columns: started, finished, … · access: any role for its own jobs, the database's owner for all jobs · cost: index scan on the job's
-- runs; from 2.23 on the history has at most 2000 rows per job
select x.started, x.finished, x.succeeded, x.sqlstate, x.pid, :cut_message as message
from (
  select r.start_time as started, r.finish_time as finished, r.succeeded, r.sqlerrcode as sqlstate, r.err_message as message, r.pid,
         row_number() over (partition by r.succeeded is true order by r.id desc) as place, r.id
  from timescaledb_information.job_history r where r.job_id = $1
) x
where x.place <= 50 order by x.id desc
\else
-- The newest 50 failed runs of job $1
-- · columns: started, finished, … · access: any role for its own jobs, the database's owner for all jobs · cost: one pass over the errors
-- of all jobs
select x.started, x.finished, false as succeeded, x.sqlstate, x.pid, :cut_message as message
from (
  select x.start_time as started, x.finish_time as finished, x.sqlerrcode as sqlstate, x.err_message as message, x.pid
  from timescaledb_information.job_errors x where x.job_id = $1 order by coalesce(x.finish_time, x.start_time) desc
  limit 50
) x
order by coalesce(x.finished, x.started) desc
\endif
