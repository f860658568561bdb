-- The policies of hypertable t (CTE target), with facts and state; d: the time dimension of the hypertable
policy as (
  select b.proc_name, to_jsonb(b) || jsonb_build_object('owner', b.owner::regrole::text, 'next_start', s.next_start::text,
           'relation', case b.proc_name when 'policy_reorder' then t.relation else t.name end,
           'integer_time', d.axis in ('bigint', 'integer', 'smallint'),
           'creation', (select :creation from (select t.id as hypertable_id) j),
           'pid', (select min(v.pid) from pg_stat_activity v
             where v.datname = current_database() and v.application_name = b.application_name::text)) as facts, :job_state as state
  from target t cross join (select d.axis from dim d order by d.interval_length is null, d.id limit 1) d
  join _timescaledb_config.bgw_job b on b.hypertable_id = t.id
       and b.proc_name in ('policy_retention', 'policy_compression', 'policy_reorder')
  left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
),
