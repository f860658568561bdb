\if :since_2_15
-- Background jobs: settings, last run, newest error of each job whose last run failed
-- · columns: see the last SELECT · access: SELECT on bgw_job_stat_history (a role without this right gets the text for version 0.0) · cost:
-- linear in the number of jobs, one index probe per failing job
\else
-- Background jobs: settings, last run, newest error of each job whose last run failed
-- · columns: see the last SELECT · access: any role; errors only of its own jobs, of all jobs for the database's owner · cost: linear in
-- the number of jobs, and one pass over the errors of failing jobs. From 2.15 on this text is for roles that may not SELECT from
-- bgw_job_stat_history.
\endif
with job as materialized (
  select b.id, b.application_name::text as application_name, b.proc_schema, b.proc_name, b.owner::oid as owner,
         b.scheduled, b.schedule_interval, b.max_runtime, b.max_retries, b.retry_period, b.fixed_schedule,
         b.initial_start, b.timezone, b.hypertable_id, b.config, :cut_text as config_text
  from _timescaledb_config.bgw_job b cross join lateral (select b.config::text as text offset 0) t
), worker as materialized (
  -- The worker of a job has the job's application_name and owner. backend_type may be hidden (NULL); in the demo's stand-in for
  -- TimescaleDB, where client sessions act as workers, it is `client backend`.
  select a.datid, a.usesysid, a.application_name, min(a.pid) as pid, count(*) as many
  from pg_stat_get_activity(null) a where a.application_name ~ '( \[\d+\]|^TimescaleDB Background Worker (Launcher|Scheduler))$'
    and (a.backend_type is null or a.backend_type = a.application_name
         or (a.backend_type = 'client backend' and to_regclass('_timescaledb_catalog.hypertop_stand_in') is not null))
  group by 1, 2, 3
), here as materialized (
  select d.oid from pg_database d where d.datname = current_database()
), slot as materialized (
  select coalesce(sum(w.many), 0)::int8 as used,
         count(*) filter (where w.application_name like '% Worker Scheduler' and w.datid = h.oid) as schedulers,
         coalesce(sum(w.many) filter (where w.application_name ~ ' Worker (Launcher|Scheduler)$'), 0)::int8 as permanent,
         current_setting('timescaledb.max_background_workers', true)::int8 as slots,
         current_setting('max_worker_processes')::int8 as processes
  from here h left join worker w on true
), code as materialized (
  select s.nspname, p.proname
  from (select distinct j.proc_schema, j.proc_name from job j) u
  join pg_namespace s on s.nspname = u.proc_schema
  join pg_proc p on p.proname = u.proc_name and p.pronamespace = s.oid group by 1, 2
\if :since_2_15
\else
), error as materialized (
  -- Selects one row per failing job before the text is cut, because the view composes err_message, which may have megabytes.
  select x.job_id, x.sqlstate, x.finished, :cut_message as message
  from (select distinct on (x.job_id) x.job_id, x.sqlerrcode as sqlstate, x.err_message as message, x.finish_time as finished
        from timescaledb_information.job_errors x
        where x.job_id = any (array(select f.job_id from _timescaledb_internal.bgw_job_stat f where not f.last_run_success))
        order by x.job_id, coalesce(x.finish_time, x.start_time) desc) x
\endif
)
select j.id as job_id, j.application_name, j.proc_schema::text as proc_schema, j.proc_name::text as proc_name,
       exists (select from code c where c.nspname = j.proc_schema and c.proname = j.proc_name) as proc_exists,
       coalesce(r.rolname::text, j.owner::text) as owner, r.rolcanlogin as owner_may_log_in,
       coalesce(pg_has_role(j.owner, 'member'), false) as owned,
       -- wants_rights_of: for a policy whose owner does not have the rights of the relation's owner: the relation's owner. This happens if
       -- the relation got a new owner after the policy was added.
       case when j.proc_schema like '\_timescaledb%' and j.proc_name like 'policy\_%' and r.oid is not null
            and not pg_has_role(j.owner, k.relowner, 'usage') then pg_get_userbyid(k.relowner)::text end as wants_rights_of,
       case when a.mat_hypertable_id is not null then format('%I.%I', a.user_view_schema, a.user_view_name)
            when t.id is not null then format('%I.%I', t.schema_name, t.table_name) end as target,
       case when a.mat_hypertable_id is not null then 'aggregate' when t.id is not null then 'hypertable' end as target_kind,
       -- hierarchical_id: for a refresh policy, the id of the aggregate if its source is an aggregate too; else NULL
       case when j.proc_name = 'policy_refresh_continuous_aggregate'
            and exists (select from _timescaledb_catalog.continuous_agg p where p.mat_hypertable_id = a.raw_hypertable_id)
            then a.mat_hypertable_id end as hierarchical_id,
       -- drops_by_creation: for a retention policy with drop_created_before alone (see shared/creation.sql); else NULL
       case when j.proc_name = 'policy_retention' and j.config ? 'drop_created_before' and not j.config ? 'drop_after'
            then :creation end as drops_by_creation,
       j.scheduled, jsonb_build_object('text', j.schedule_interval::text, 'seconds', date_part('epoch', j.schedule_interval)) as schedule,
       jsonb_build_object('text', j.max_runtime::text, 'seconds', date_part('epoch', j.max_runtime)) as max_runtime, j.max_retries,
       jsonb_build_object('text', j.retry_period::text, 'seconds', date_part('epoch', j.retry_period)) as retry_period,
       j.fixed_schedule, j.initial_start, j.timezone, j.config_text as config,
       s.total_runs, s.last_start, s.last_finish, s.last_successful_finish, s.next_start, s.last_run_success,
       s.total_successes, s.total_failures, s.total_crashes, s.consecutive_failures, s.consecutive_crashes,
       date_part('epoch', s.total_duration) as total_duration_seconds,
       e.message as last_error, e.sqlstate as last_error_sqlstate, e.finished as last_error_at,
       -- orphaned: a policy whose configuration names a hypertable that does not exist.
       j.proc_schema like '\_timescaledb%' and j.proc_name like 'policy\_%'
         and coalesce(j.config ->> 'mat_hypertable_id', j.config ->> 'hypertable_id') is not null
         and coalesce(j.config ->> 'mat_hypertable_id', j.config ->> 'hypertable_id')
             not in (select g.id::text from _timescaledb_catalog.hypertable g) as orphaned,
       w.pid, l.used as slots_used, l.schedulers, l.permanent, l.slots, l.processes
from job j cross join here h cross join slot l
left join pg_roles r on r.oid = j.owner left join _timescaledb_internal.bgw_job_stat s on s.job_id = j.id
left join _timescaledb_catalog.hypertable t on t.id = j.hypertable_id
left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = j.hypertable_id
left join lateral (
  select c.relowner
  from pg_namespace n join pg_class c on c.relnamespace = n.oid and c.relname = coalesce(a.user_view_name, t.table_name)
  -- A superuser has the rights of every role.
  where not r.rolsuper and n.nspname = coalesce(a.user_view_schema, t.schema_name) limit 1
) k on true
left join worker w on w.datid = h.oid and w.application_name = j.application_name and w.usesysid = j.owner
\if :since_2_15
left join lateral (
  select x.sqlstate, x.finished, :cut_message as message from (
    select x.data #>> '{error_data,sqlerrcode}' as sqlstate, x.execution_finish as finished,
           -- The message as the view job_errors composes it.
           coalesce(nullif(concat_ws(case when x.data #>> '{error_data,hint}' is null then ' ' else '. ' end,
                                     x.data #>> '{error_data,message}', x.data #>> '{error_data,detail}',
                                     x.data #>> '{error_data,hint}'), ''),
                    'job crash detected, see server logs') as message
    from _timescaledb_internal.bgw_job_stat_history x
    -- The row of a run in progress is left out, because it is no error.
    where x.job_id = j.id and x.succeeded is not true and not s.last_run_success and (w.pid is null or x.execution_finish is not null)
    order by x.execution_start desc limit 1) x
) e on true
\else
left join error e on e.job_id = j.id
\endif
