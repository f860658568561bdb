-- What a name typed by a person means where TimescaleDB is not there: an index (qualified, or without a schema where it is the
-- only one of that name) · kind, id, name, chunk (none) · public · catalogue lookups
with relation as (
  select to_regclass($1::text)::oid as oid
  union
  select c.oid from pg_class c
  where c.relname = $1::text and not exists (select from pg_namespace n where n.oid = c.relnamespace and n.nspname = 'pg_toast')
)
select 'index' as kind, c.oid::int8 as id, format('%I.%I', n.nspname, c.relname) as name, null::text as chunk
from relation r join pg_class c on c.oid = r.oid join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('i', 'I')
