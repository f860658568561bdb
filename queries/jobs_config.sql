-- The configuration of job $1 with line breaks, and its check function
-- · columns: config, check_function (NULL: none) · access: any role · cost: one index probe
select :cut_text as config, case when b.check_name is not null then format('%I.%I', b.check_schema, b.check_name) end as check_function
from _timescaledb_config.bgw_job b
cross join lateral (select jsonb_pretty(b.config) as text offset 0) t
where b.id = $1
