-- A job's configuration, printed for reading, and the check of it · $1 job · public · one index probe
select jsonb_pretty(b.config) as config, format('%I.%I', b.check_schema, b.check_name) as check_function
from _timescaledb_config.bgw_job b
where b.id = $1
