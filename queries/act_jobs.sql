-- Properties of each job that alter_job cannot change
-- · columns: id, proc_schema, proc_name, hypertable (the job's hypertable_id), meant (the lowest id of an existing hypertable in the job's
-- config; NULL: none, or hypertable is NULL) · access: any role · cost: one pass over the jobs
select b.id::int8 as id, b.proc_schema::text as proc_schema, b.proc_name::text as proc_name, b.hypertable_id::int8 as hypertable,
  case when b.hypertable_id is not null then (
    select min(v.value::text::numeric)::int8 from jsonb_each(case when jsonb_typeof(b.config) = 'object' then b.config else '{}' end) v
    where v.key in ('hypertable_id', 'mat_hypertable_id') and jsonb_typeof(v.value) = 'number'
      and exists (select from _timescaledb_catalog.hypertable h where h.id::text = v.value::text)) end as meant
from _timescaledb_config.bgw_job b
