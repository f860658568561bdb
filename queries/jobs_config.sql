-- A job's configuration, printed for reading, and the check of it · $1 job · public · one index probe
select jsonb_pretty(b.config) as config, case when b.check_name is not null then format('%I.%I', b.check_schema, b.check_name) end as check_function
from _timescaledb_config.bgw_job b
where b.id = $1
