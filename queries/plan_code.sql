-- Code of owners who are not trusted that stands on what an action acts on, and that statements about it may run · what, owner,
-- door (job: the job's procedure; check: a job's check function; clock: integer_now_func; table: on the table, its chunks or its views)
-- · public · catalogue lookups, by way of the functions of such owners. $3: an index's oid ($1 and $2: of what only TimescaleDB has)
with trusted as materialized (
  -- whose code looking may run: a superuser's, one's own, and that of trusted_owners in config.toml (6171: pg_database_owner)
  select array_agg(r.oid) || array_agg(6171::oid) filter (where r.oid = d.datdba) as roles
    from pg_roles r join pg_database d on d.datname = current_database()
   where r.rolsuper or r.rolname = current_user or r.rolname = any (coalesce(nullif(current_setting('hypertop.trusted_owners', true), ''), '{}')::name[])),
relation as materialized (select i.indrelid as oid from pg_index i where i.indexrelid = ($3::int8)::oid),
code as materialized (
  select p.oid, p.oid::regprocedure::text as name, p.proowner from pg_proc p cross join trusted t where p.oid >= 16384 and p.proowner <> all (t.roles)),
-- by way of the function, so that nothing is asked of each chunk
standing as (
  select c.name, c.proowner as owner, coalesce(i.indrelid, k.conrelid, e.stxrelid, g.tgrelid, l.polrelid, f.adrelid, w.ev_class) as relation
    from code c
    cross join lateral (select d.classid, d.objid from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.refobjid = c.oid
                        union select d.classid, d.objid from pg_operator o join pg_depend d on d.refclassid = 'pg_operator'::regclass and d.refobjid = o.oid where o.oprcode = c.oid) d
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
     where s.relation in (select r.oid from relation r) or exists (select from pg_inherits h where h.inhrelid = s.relation and h.inhparent in (select r.oid from relation r))
    union all
    select 'type ' || y.oid::regtype::text, y.typowner, 'table' from relation r join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
      join pg_type y on y.oid = a.atttypid cross join trusted t where y.typowner <> all (t.roles) and y.typtype = 'd'
  ) x
 where $1::int8 = 0 and $2::int8 = 0
 order by 3, 1
