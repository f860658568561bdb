\if :since_2_11
-- The target that a user named ($1): a job by id or name, a hypertable, an aggregate, a plain table, an index. A name without a schema
-- may mean several
-- · columns: kind, id, name, chunk (always NULL) · access: any role · cost: catalogue lookups
with typed as (
  select $1::text as name
), relation as (
  -- The relation that the name means in SQL; a name without a schema also means every relation of this name outside internal schemas.
  select to_regclass(t.name)::oid as oid from typed t where t.name !~ '^\d+$'
  union
  select c.oid from typed t join pg_class c on c.relname = t.name and c.relkind in ('r', 'p', 'v', 'i', 'I')
  where not exists (select from pg_namespace n where n.oid = c.relnamespace and n.nspname in ('pg_toast', '_timescaledb_internal'))
), named as (
  select c.oid, c.relname, n.nspname, c.relkind, format('%I.%I', n.nspname, c.relname) as name
  from relation r join pg_class c on c.oid = r.oid join pg_namespace n on n.oid = c.relnamespace
)
select 'job' as kind, j.id::int8 as id, j.id::text as name, null::text as chunk
from typed t join _timescaledb_config.bgw_job j on j.id::text = t.name or j.application_name::text = t.name
union all
select 'aggregate', a.mat_hypertable_id::int8, n.name, null
from named n join _timescaledb_catalog.continuous_agg a on a.user_view_schema = n.nspname and a.user_view_name = n.relname
union all
select 'hypertable', h.id::int8, n.name, null
from named n join _timescaledb_catalog.hypertable h on h.schema_name = n.nspname and h.table_name = n.relname
where not exists (select from _timescaledb_catalog.continuous_agg a where a.mat_hypertable_id = h.id)
union all
select 'table', n.oid::int8, n.name, null
from named n where n.relkind in ('r', 'p')
  and not exists (select from _timescaledb_catalog.hypertable h where h.schema_name = n.nspname and h.table_name = n.relname)
union all
select 'index', n.oid::int8, n.name, null from named n where n.relkind in ('i', 'I')
\else
-- The index that a user named ($1), without TimescaleDB. A name without a schema may mean several
-- · columns: kind, id, name, chunk (always NULL) · access: any role · cost: catalogue lookups
with relation as (
  select to_regclass($1::text)::oid as oid
  union
  select c.oid from pg_class c
  where c.relname = $1::text and not exists (select from pg_namespace n where n.oid = c.relnamespace and n.nspname = 'pg_toast')
)
select 'index' as kind, c.oid::int8 as id, format('%I.%I', n.nspname, c.relname) as name, null::text as chunk
  from relation r join pg_class c on c.oid = r.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('i', 'I')
\endif
