\if :since_2_11
-- The rights that an undo requires and this role lacks ($1: the kind of the target, $2: its id)
-- · columns: proof (owner, missing rights, and what is required to create each job of the target again) · access: any role · cost:
-- catalogue lookups
with target as materialized (
  select case $1::text when 'job' then (select b.hypertable_id::int8 from _timescaledb_config.bgw_job b where b.id = $2::int8)
                       when 'hypertable' then $2::int8 when 'continuous aggregate' then $2::int8 end as hypertable_id,
         case when $1::text = 'index' then (select x.indrelid from pg_index x where x.indexrelid = ($2::int8)::oid)
              when $1::text = 'table' then ($2::int8)::oid end as table_oid
), tables as materialized (
  select h.id, t.oid, t.relnamespace, t.relowner, h.schema_name, h.table_name, a.mat_hypertable_id is not null as aggregate,
         coalesce(v.oid, t.oid) as view, coalesce(v.relowner, t.relowner) as owner, coalesce(v.relnamespace, t.relnamespace) as namespace,
         format('%I.%I', coalesce(a.user_view_schema, h.schema_name), coalesce(a.user_view_name, h.table_name)) as name,
         h.compression_state = 1 or coalesce((to_jsonb(h) ->> 'status')::int4 & 4, 0) <> 0 as compressing,
         coalesce(f.bucket_width, to_jsonb(a) ->> 'bucket_width') as bucket
  from target g join _timescaledb_catalog.hypertable h on h.id = g.hypertable_id join pg_namespace n on n.nspname = h.schema_name
  join pg_class t on t.relnamespace = n.oid and t.relname = h.table_name
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id
  left join _timescaledb_catalog.continuous_aggs_bucket_function f on f.mat_hypertable_id = h.id
  left join pg_namespace vn on vn.nspname = a.user_view_schema
  left join pg_class v on v.relnamespace = vn.oid and v.relname = a.user_view_name
), relation as materialized (
  select t.oid, t.view, t.owner as relowner, t.relnamespace, t.namespace, t.name from tables t
  union all
  select t.oid, t.oid, t.relowner, t.relnamespace, t.relnamespace, format('%I.%I', n.nspname, t.relname)
  from target g join pg_class t on t.oid = g.table_oid join pg_namespace n on n.oid = t.relnamespace
),
-- The schemas in which an index of the relation, or of one of its chunks, would be created.
place as materialized (
  select r.relnamespace as oid from relation r
  union
  select c.relnamespace from relation r join pg_inherits i on i.inhparent = r.oid join pg_class c on c.oid = i.inhrelid
), extension as materialized (
  select e.extnamespace from pg_extension e where e.extname = 'timescaledb'
), job as materialized (
  select b.id, b.owner::oid as owner, b.config, b.proc_name, b.proc_schema, b.check_schema, b.check_name,
         b.proc_schema !~ '^_timescaledb_' or b.proc_name !~ '^policy_' as own,
         p.oid as procedure, k.oid as checks, b.check_name is not null and b.check_schema !~ '^_timescaledb_' as checked
  from _timescaledb_config.bgw_job b left join pg_namespace pn on pn.nspname = b.proc_schema
  left join pg_proc p on p.pronamespace = pn.oid and p.proname = b.proc_name and p.proargtypes = '23 3802'::oidvector
  left join pg_namespace kn on kn.nspname = b.check_schema
  left join pg_proc k on k.pronamespace = kn.oid and k.proname = b.check_name and k.proargtypes = '3802'::oidvector
  where $1::text = 'job' and b.id = $2::int8 or $1::text <> 'job' and b.hypertable_id = (select g.hypertable_id from target g)
\else
-- The rights that an undo requires and this role lacks, without TimescaleDB ($1: the kind of the target, $2: its oid if it is an index)
-- · columns: proof (owner, missing rights) · access: any role · cost: catalogue lookups
with relation as materialized (
  select t.oid, t.oid as view, t.relowner, t.relnamespace, format('%I.%I', n.nspname, t.relname) as name
  from pg_index x join pg_class t on t.oid = x.indrelid join pg_namespace n on n.oid = t.relnamespace
  where $1::text = 'index' and x.indexrelid = ($2::int8)::oid
\endif
)
select jsonb_build_object(
    'role', quote_ident(current_user), 'owns_database', coalesce(pg_has_role(to_regrole('pg_database_owner')::oid, 'usage'), false),
    'relation', (select jsonb_build_object('oid', r.oid::int8, 'name', r.name,
                   'comment', obj_description(r.view, 'pg_class'), 'owner', r.relowner::regrole::text,
                   'owned', pg_has_role(r.relowner, 'usage'), 'member', pg_has_role(r.relowner, 'member'),
                   'schema_owned', (select pg_has_role(n.nspowner, 'usage') from pg_namespace n where n.oid = r.relnamespace),
\if :since_2_11
                   'parts_owned', (select bool_and(pg_has_role(n.nspowner, 'usage')) from place p join pg_namespace n on n.oid = p.oid))
                     from relation r),
    'unusable', coalesce((select jsonb_agg(distinct format('%I', n.nspname)) from pg_namespace n
                   where n.oid in (select r.namespace from relation r union select e.extnamespace from extension e)
                     and not has_schema_privilege(n.oid, 'usage')), '[]'),
    'uncreatable', coalesce((select jsonb_agg(format('%I', n.nspname)) from place p join pg_namespace n on n.oid = p.oid
\else
                   'parts_owned', true) from relation r),
    'unusable', coalesce((select jsonb_agg(format('%I', n.nspname)) from relation r join pg_namespace n on n.oid = r.relnamespace
                   where not has_schema_privilege(n.oid, 'usage')), '[]'),
    'uncreatable', coalesce((select jsonb_agg(format('%I', n.nspname)) from relation r join pg_namespace n on n.oid = r.relnamespace
\endif
                   where not has_schema_privilege(n.oid, 'create')), '[]'),
    'unplaceable', coalesce((select jsonb_agg(format('%I', s.spcname)) from pg_tablespace s
                   where not has_tablespace_privilege(s.oid, 'create') and s.oid <> d.dattablespace), '[]'),
    'tablespace', (select format('%I', s.spcname) from pg_tablespace s where s.oid = d.dattablespace),
\if :since_2_11
    'denied', coalesce((select jsonb_agg(distinct p.proname) from pg_proc p join pg_depend x on x.objid = p.oid
                   where p.pronamespace = (select e.extnamespace from extension e) and x.classid = 'pg_proc'::regclass and x.deptype = 'e'
                     and not has_function_privilege(p.oid, 'execute')), '[]'),
    'job_table', coalesce(to_regclass('_timescaledb_catalog.bgw_job'), to_regclass('_timescaledb_config.bgw_job'))::oid::int8,
    'stat_table', to_regclass('_timescaledb_internal.bgw_job_stat')::oid::int8,
    'jobs', coalesce((select jsonb_object_agg(j.id, jsonb_build_object(
        'owner', j.owner::regrole::text, 'owned', pg_has_role(j.owner, 'usage'), 'member', pg_has_role(j.owner, 'member'),
        'own', j.own, 'policy', j.proc_name, 'logs_in', (select r.rolcanlogin from pg_roles r where r.oid = j.owner),
        'procedure', format('%I.%I', j.proc_schema, j.proc_name),
        'executes', coalesce(has_function_privilege(j.owner, j.procedure, 'execute'), false),
        'unusable', coalesce((select jsonb_agg(distinct format('%I', n.nspname)) from pg_namespace n
                      where (j.own and n.nspname in (j.proc_schema, case when j.checked then j.check_schema end)
                             or n.oid = (select e.extnamespace from extension e)) and not has_schema_privilege(j.owner, n.oid, 'usage')),
                                  '[]'),
        'check', case when j.checked then format('%I.%I', j.check_schema, j.check_name) end, 'check_there', j.checks is not null,
        'check_executes', coalesce(has_function_privilege(j.owner, j.checks, 'execute'), false),
        -- The owner that a new policy gets: the owner of its table.
        'belongs', case when not j.own then (select t.owner::regrole::text from tables t) end,
        'configured', j.proc_name not in ('policy_compression', 'policy_retention', 'policy_refresh_continuous_aggregate', 'policy_reorder')
          or coalesce(j.config ->> 'hypertable_id', j.config ->> 'mat_hypertable_id') is not null,
        'compressing', case when j.proc_name = 'policy_compression' then (select t.compressing from tables t) end,
        'refreshed', case when j.proc_name = 'policy_compression' then (select not t.aggregate or exists (
                        select from _timescaledb_config.bgw_job b
                          where b.proc_name = 'policy_refresh_continuous_aggregate' and b.hypertable_id = t.id)
                      from tables t) end,
        'index', case when j.proc_name = 'policy_reorder' then j.config ->> 'index_name' end,
        'indexed', case when j.proc_name = 'policy_reorder' then exists (
                      select from tables t join pg_index x on x.indrelid = t.oid join pg_class c on c.oid = x.indexrelid
                      where c.relname = j.config ->> 'index_name') end,
        'bucket', case when j.proc_name = 'policy_refresh_continuous_aggregate' then (select t.bucket from tables t) end,
        'start', j.config ->> 'start_offset', 'end', j.config ->> 'end_offset')) from job j), '{}')
\else
    'denied', '[]'::jsonb, 'jobs', '{}'::jsonb
\endif
  ) as proof
from pg_database d where d.datname = current_database()
