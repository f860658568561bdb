-- For each job in $1 (int8[]): end of the first failure since the last success, and the newest runs
-- · columns: id, failing_since (microseconds since 1970 UTC; NULL: does not fail, or unknown), recent (2 bits per run, the newest in the
-- lowest: 1 succeeded, 2 failed; NULL: successes are not logged, or no run is known)
\if :since_2_15
-- · access: any role for its own jobs, the database's owner for all jobs · cost: index scan on each job's runs; from 2.23 on at most 2000
-- rows per job
\else
-- · access: any role for its own jobs, the database's owner for all jobs · cost: one pass over the errors of all jobs
\endif
select w.id, f.since as failing_since, r.recent
from unnest($1::int8[]) w(id) join _timescaledb_internal.bgw_job_stat s on s.job_id = w.id
left join lateral (
  -- There must be as many errors as consecutive failures. If an error is missing, the time of the first failure is unknown.
  select case when count(*) = s.consecutive_failures then (extract(epoch from min(x.ended)) * 1000000)::int8 end as since
  from (
    select coalesce(e.finish_time, e.start_time) as ended
    from timescaledb_information.job_errors e where e.job_id = w.id and e.sqlerrcode is not null
    order by e.start_time desc limit s.consecutive_failures
  ) x
\if :since_2_15
) f on s.consecutive_failures > 0
\else
-- A run that was terminated leaves no error, so that an older error could be counted in its place.
) f on s.consecutive_failures > 0 and s.total_failures = s.consecutive_failures
\endif
left join lateral (
\if :since_2_23
  select bit_or((case when x.succeeded then 1::int8 else 2::int8 end) << (2 * (x.nth - 1))::int4) as recent
  from (
    select h.succeeded, row_number() over (order by h.start_time desc) as nth
    from timescaledb_information.job_history h where h.job_id = w.id and h.finish_time is not null
    order by h.start_time desc limit 20
  ) x
) r on current_setting('timescaledb.enable_job_execution_logging', true) in ('on', 'true', 'yes', '1')
\else
  select null::int8 as recent
) r on true
\endif
