-- What a plan's undo and this role's rights stand on, where there is no TimescaleDB ($1: the kind of target, $2: its id, of an index)
-- · proof (owner, rights that are missing) · public · catalogue lookups
with relation as materialized (
  select t.oid, t.relowner, t.relnamespace, format('%I.%I', n.nspname, t.relname) as name
  from pg_index x join pg_class t on t.oid = x.indrelid join pg_namespace n on n.oid = t.relnamespace
  where $1::text = 'index' and x.indexrelid = ($2::int8)::oid
)
select jsonb_build_object(
    'role', quote_ident(current_user),
    'owns_database', coalesce(pg_has_role(to_regrole('pg_database_owner')::oid, 'usage'), false),
    'relation', (select jsonb_build_object('oid', r.oid::int8, 'name', r.name, 'owner', r.relowner::regrole::text,
                   'owned', pg_has_role(r.relowner, 'usage'), 'member', pg_has_role(r.relowner, 'member'),
                   'schema_owned', (select pg_has_role(n.nspowner, 'usage') from pg_namespace n where n.oid = r.relnamespace), 'parts_owned', true) from relation r),
    'unusable', coalesce((select jsonb_agg(format('%I', n.nspname)) from relation r join pg_namespace n on n.oid = r.relnamespace
                   where not has_schema_privilege(n.oid, 'usage')), '[]'),
    'uncreatable', coalesce((select jsonb_agg(format('%I', n.nspname)) from relation r join pg_namespace n on n.oid = r.relnamespace
                   where not has_schema_privilege(n.oid, 'create')), '[]'),
    'unplaceable', coalesce((select jsonb_agg(format('%I', s.spcname)) from pg_tablespace s
                   where not has_tablespace_privilege(s.oid, 'create') and s.oid <> d.dattablespace), '[]'),
    'tablespace', (select format('%I', s.spcname) from pg_tablespace s where s.oid = d.dattablespace),
    'denied', '[]'::jsonb, 'jobs', '{}'::jsonb
  ) as proof
from pg_database d where d.datname = current_database()
