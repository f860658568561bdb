-- Code of untrusted owners that a statement may run because it belongs to the statement's target
-- · columns: what, owner, door (why the statement may run the code; job: the code is the job's procedure; check: the check function of the
-- job's config; clock: integer_now_func; table: code on the table, its chunks or its views)
\if :since_2_11
-- · access: any role · cost: catalogue lookups, which start at the functions of untrusted owners · $1: a hypertable's id; $2: a job's id;
-- $3: an index's oid; 0: none
with recursive trusted as materialized :trusted,
\else
-- · access: any role · cost: catalogue lookups · $3: an index's oid; $1 and $2 are 0, as there are no hypertables or jobs without
-- TimescaleDB
with trusted as materialized :trusted,
\endif
\if :since_2_11
acted as materialized (
  select coalesce(nullif($1::int8, 0), (select j.hypertable_id from _timescaledb_config.bgw_job j where j.id = $2::int8),
                  (select h.id from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
                     join _timescaledb_catalog.hypertable h on h.schema_name = n.nspname and h.table_name = c.relname
                       where i.indexrelid = ($3::int8)::oid)) as id),
-- The target. If the target is an aggregate, also the hypertables and aggregates that it reads.
tables as materialized (
  select a.id from acted a where a.id is not null
  union select c.raw_hypertable_id from tables t join _timescaledb_catalog.continuous_agg c on c.mat_hypertable_id = t.id),
relation as materialized (
  select c.oid from tables t join _timescaledb_catalog.hypertable h on h.id = t.id join pg_namespace n on n.nspname = h.schema_name
    join pg_class c on c.relnamespace = n.oid and c.relname = h.table_name
  union select i.indrelid from pg_index i where i.indexrelid = ($3::int8)::oid
  union select c.oid from tables t join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = t.id
          cross join lateral (values (a.user_view_schema, a.user_view_name), (a.partial_view_schema, a.partial_view_name),
               (a.direct_view_schema, a.direct_view_name)) v(schema, name)
          join pg_namespace n on n.nspname = v.schema join pg_class c on c.relnamespace = n.oid and c.relname = v.name),
\else
relation as materialized (select i.indrelid as oid from pg_index i where i.indexrelid = ($3::int8)::oid),
\endif
code as materialized (
  select p.oid, p.oid::regprocedure::text as name, p.proowner from pg_proc p cross join trusted t
    where p.oid >= 16384 and p.proowner <> all (t.roles)),
-- The search starts at the functions, so that the cost does not depend on the number of chunks.
standing as (
  select c.name, c.proowner as owner, coalesce(i.indrelid, k.conrelid, e.stxrelid, g.tgrelid, l.polrelid, f.adrelid, w.ev_class) as relation
    from code c
    cross join lateral (select d.classid, d.objid from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.refobjid = c.oid
                        union select d.classid, d.objid from pg_operator o
                          join pg_depend d on d.refclassid = 'pg_operator'::regclass and d.refobjid = o.oid where o.oprcode = c.oid) d
    left join pg_index i on d.classid = 'pg_class'::regclass and i.indexrelid = d.objid
    left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid
    left join pg_statistic_ext e on d.classid = 'pg_statistic_ext'::regclass and e.oid = d.objid
    left join pg_trigger g on d.classid = 'pg_trigger'::regclass and g.oid = d.objid
    left join pg_policy l on d.classid = 'pg_policy'::regclass and l.oid = d.objid
    left join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
    left join pg_rewrite w on d.classid = 'pg_rewrite'::regclass and w.oid = d.objid)
select distinct x.what, x.owner::regrole::text as owner, x.door
  from (
    select s.name as what, s.owner, 'table' as door from standing s
     where s.relation in (select r.oid from relation r)
          or exists (select from pg_inherits h where h.inhrelid = s.relation and h.inhparent in (select r.oid from relation r))
    union all
    select 'type ' || y.oid::regtype::text, y.typowner, 'table' from relation r
      join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
      join pg_type y on y.oid = a.atttypid cross join trusted t where y.typowner <> all (t.roles) and y.typtype = 'd'
\if :since_2_11
    union all
    select format('%I.%I()', d.integer_now_func_schema, d.integer_now_func), case when p.proowner = any (t.roles) then n.nspowner
         else p.proowner end, 'clock'
      from tables b join _timescaledb_catalog.dimension d on d.hypertable_id = b.id cross join trusted t
      join pg_namespace n on n.nspname = d.integer_now_func_schema
        join pg_proc p on p.pronamespace = n.oid and p.proname = d.integer_now_func and p.pronargs = 0
     where p.proowner <> all (t.roles) or n.nspowner <> all (t.roles)
    union all
    select p.oid::regprocedure::text, case when p.proowner = any (t.roles) then n.nspowner else p.proowner end, v.door
      from _timescaledb_config.bgw_job j cross join trusted t
      cross join lateral (values (j.proc_schema::text, j.proc_name::text, 'job'),
           (to_jsonb(j) ->> 'check_schema', to_jsonb(j) ->> 'check_name', 'check')) v(schema, name, door)
      join pg_namespace n on n.nspname = v.schema join pg_proc p on p.pronamespace = n.oid and p.proname = v.name
     where (j.id = $2::int8 or $2 = 0 and j.hypertable_id = $1::int8) and (p.proowner <> all (t.roles) or n.nspowner <> all (t.roles))
  ) x
\else
  ) x
 where $1::int8 = 0 and $2::int8 = 0
\endif
 order by 3, 1
