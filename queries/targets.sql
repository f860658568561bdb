\if :since_2_11
-- The targets of a kind ($1: job, hypertable, continuous aggregate, index or session) whose names begin with $2, for completions in a
-- shell. A name that SQL must quote is left out, because a shell would interpret its characters
-- · columns: name (as a user types it), about (what it is; NULL: the name says it) · access: any role · cost: catalogue lookups; indexes:
-- one scan of pg_class
with target as (
  select j.id::text as name,
         concat_ws(' ', j.proc_name, coalesce(a.user_view_schema || '.' || a.user_view_name, h.schema_name || '.' || h.table_name)) as about
    from _timescaledb_config.bgw_job j left join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id
    left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = j.hypertable_id
   where $1::text = 'job'
  union all
  select format('%I.%I', h.schema_name, h.table_name), null from _timescaledb_catalog.hypertable h
   where $1 = 'hypertable' and h.schema_name !~ '^_timescaledb_'
  union all
  -- An action on hypertables also accepts an aggregate, because an aggregate's rows are in a hypertable.
  select format('%I.%I', a.user_view_schema, a.user_view_name), 'aggregate' from _timescaledb_catalog.continuous_agg a
   where $1 in ('hypertable', 'continuous aggregate')
\else
-- The targets of a kind ($1: index or session) whose names begin with $2, for completions in a shell. A name that SQL must quote is left
-- out, because a shell would interpret its characters
-- · columns: name (as a user types it), about (what it is; NULL: the name says it) · access: any role · cost: one scan of pg_class
with target as (
  select null::text as name, null::text as about where false
\endif
  union all
  select format('%I.%I', n.nspname, c.relname), null from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where $1 = 'index' and c.relkind in ('i', 'I') and n.nspname !~ '^(pg_|_timescaledb_|information_schema$)'
  union all
  select s.pid::text, concat_ws(' ', s.usename, s.state) from pg_stat_activity s
   where $1 = 'session' and s.datid is not null and s.pid <> pg_backend_pid()
)
select t.name, nullif(t.about, '') as about from target t where starts_with(t.name, $2::text) and t.name ~ '^[a-z0-9_.]+$'
order by length(t.name), t.name limit 500
