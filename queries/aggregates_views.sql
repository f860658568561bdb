-- Parse trees of views that apply avg, stddev, percentile_cont or sum to the columns of an aggregate: more columns for the rows of
-- aggregates.sql
-- · columns: id (int8), shown (oid of the aggregate's view), columns, tree (of the aggregate's definition), parent, parent_columns,
-- parent_tree (the same of the aggregate that it reads; NULL: it reads a hypertable), readers (plain views over the aggregate: oid, name,
-- tree). Rows only for aggregates with such a view, and for aggregates that are such a view
-- · access: any role; reads catalogues only, locks nothing and runs no code: a parse tree is read as text · cost: about 0.15 ms per row
with recursive aggregate as materialized (
  select a.mat_hypertable_id as id, a.parent_mat_hypertable_id as parent_id, u.oid as shown, d.oid as direct, p.oid as partial
    from _timescaledb_catalog.continuous_agg a
    join pg_namespace un on un.nspname = a.user_view_schema join pg_class u on u.relnamespace = un.oid and u.relname = a.user_view_name
    join pg_namespace dn on dn.nspname = a.direct_view_schema
    join pg_class d on d.relnamespace = dn.oid and d.relname = a.direct_view_name
    left join pg_namespace pn on pn.nspname = a.partial_view_schema
    left join pg_class p on p.relnamespace = pn.oid and p.relname = a.partial_view_name),
own as materialized (
  select a.shown as oid from aggregate a union all select a.direct from aggregate a union all select a.partial from aggregate a
   where a.partial is not null),
-- Plain views over an aggregate, and plain views over these views.
reader as (
  select a.id, w.ev_class as oid
    from aggregate a join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = a.shown and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite w on w.oid = d.objid where w.ev_class not in (select o.oid from own o)
  union
  select r.id, w.ev_class
    from reader r join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = r.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite w on w.oid = d.objid where w.ev_class <> r.oid and w.ev_class not in (select o.oid from own o)),
-- Views that may aggregate again: aggfnoid in the tree is the number of a function: avg, sum, stddev, variance, percentiles, mode
view as materialized (
  select v.oid, w.ev_action::text as tree,
         w.ev_action::text ~ ':aggfnoid (210[0-9]|211[0-4]|214[89]|215[0-9]|264[1-6]|271[2-9]|272[0-9]|397[2-8]|398[024]) ' as again
    from (select distinct r.oid from reader r union select a.direct from aggregate a) v
    join pg_rewrite w on w.ev_class = v.oid and w.rulename = '_RETURN')
select a.id::int8 as id, a.shown::int8 as shown, c.names as columns, t.tree, p.shown::int8 as parent, pc.names as parent_columns,
       pt.tree as parent_tree, r.readers
  from aggregate a
  join view t on t.oid = a.direct
  left join aggregate p on p.id = a.parent_id
  left join view pt on pt.oid = p.direct
  left join lateral (select array_agg(x.attname::text order by x.attnum) as names from pg_attribute x
                      where x.attrelid = a.shown and x.attnum > 0) c on true
  left join lateral (select array_agg(x.attname::text order by x.attnum) as names from pg_attribute x
                      where x.attrelid = p.shown and x.attnum > 0) pc on true
  left join lateral (
    select jsonb_agg(jsonb_build_object('oid', k.oid::int8, 'name', format('%I.%I', n.nspname, k.relname), 'tree', v.tree)
                     order by n.nspname, k.relname) as readers, bool_or(v.again) as again
      from reader x join view v on v.oid = x.oid join pg_class k on k.oid = x.oid join pg_namespace n on n.oid = k.relnamespace
     where x.id = a.id) r on true
 where p.id is not null and t.again or r.again
