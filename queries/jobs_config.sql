-- A job's configuration, printed for reading, and the check of it · $1 job · public · one index probe
select left(c.text, 100000) || case
     when octet_length(left(c.text, 100000)) < octet_length(c.text) then ' (cut: ' || octet_length(c.text) || ' bytes in all)'
     else '' end as config,
       case when b.check_name is not null then format('%I.%I', b.check_schema, b.check_name) end as check_function
from _timescaledb_config.bgw_job b
cross join lateral (select jsonb_pretty(b.config) as text offset 0) c
where b.id = $1
