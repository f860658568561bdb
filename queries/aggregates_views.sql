-- Parse trees of views that apply avg, stddev, percentiles or sum to the columns of an aggregate: more columns for the rows of
-- aggregates.sql
-- · columns: id (int8), shown (oid of the aggregate's view), columns, tree (of the aggregate's definition), parent, parent_columns,
-- parent_tree (oid, columns and tree of the aggregate that this aggregate reads; NULL: it reads a hypertable), readers (plain views over
-- the aggregate: oid, name, tree). An aggregate has a row only if such a view may aggregate one of its columns again, or if the aggregate
-- may aggregate a column of its parent again
-- · access: any role; reads catalogues only, locks nothing and runs no code: a parse tree is read as text · cost: about 0.13 ms for each
-- view over an aggregate
with recursive aggregate as materialized (
  select a.mat_hypertable_id as id, u.oid as shown, d.oid as direct, p.oid as partial, pu.oid as parent, pd.oid as parent_direct
    from _timescaledb_catalog.continuous_agg a
    join pg_namespace un on un.nspname = a.user_view_schema join pg_class u on u.relnamespace = un.oid and u.relname = a.user_view_name
    join pg_namespace dn on dn.nspname = a.direct_view_schema
    join pg_class d on d.relnamespace = dn.oid and d.relname = a.direct_view_name
    left join pg_namespace pn on pn.nspname = a.partial_view_schema
    left join pg_class p on p.relnamespace = pn.oid and p.relname = a.partial_view_name
    left join _timescaledb_catalog.continuous_agg b on b.mat_hypertable_id = a.parent_mat_hypertable_id
    left join pg_namespace bn on bn.nspname = b.user_view_schema
    left join pg_class pu on pu.relnamespace = bn.oid and pu.relname = b.user_view_name
    left join pg_namespace bd on bd.nspname = b.direct_view_schema
    left join pg_class pd on pd.relnamespace = bd.oid and pd.relname = b.direct_view_name),
own as materialized (
  select a.shown as oid from aggregate a union all select a.direct from aggregate a union all select a.partial from aggregate a
   where a.partial is not null),
-- Plain views over an aggregate, and views over such views.
reader as (
  select a.id, w.ev_class as oid
    from aggregate a join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = a.shown and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite w on w.oid = d.objid where w.ev_class not in (select o.oid from own o)
  union
  select r.id, w.ev_class
    from reader r join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = r.oid and d.classid = 'pg_rewrite'::regclass
    join pg_rewrite w on w.oid = d.objid where w.ev_class <> r.oid and w.ev_class not in (select o.oid from own o)),
-- All plain views over an aggregate, if at least one of them may aggregate a column again: another view may read the column through
-- this view.
above as materialized (
  select r.id, jsonb_agg(jsonb_build_object('oid', k.oid::int8, 'name', format('%I.%I', n.nspname, k.relname), 'tree', y.reader)
                         order by n.nspname, k.relname) as readers
    from reader r join aggregate a on a.id = r.id join pg_rewrite v on v.ev_class = r.oid and v.rulename = '_RETURN'
    join pg_rewrite t on t.ev_class = a.direct and t.rulename = '_RETURN'
    join pg_class k on k.oid = r.oid join pg_namespace n on n.oid = k.relnamespace
    cross join lateral (select v.ev_action::text as reader, t.ev_action::text as source offset 0) y
   group by r.id having bool_or( :reaggregates))
select a.id::int8 as id, a.shown::int8 as shown, c.names as columns, t.ev_action::text as tree, a.parent::int8 as parent,
       pc.names as parent_columns, pt.ev_action::text as parent_tree, o.readers
  from aggregate a join pg_rewrite t on t.ev_class = a.direct and t.rulename = '_RETURN'
  left join pg_rewrite pt on pt.ev_class = a.parent_direct and pt.rulename = '_RETURN'
  left join above o on o.id = a.id
  cross join lateral (select t.ev_action::text as reader, pt.ev_action::text as source offset 0) y
  left join lateral (select array_agg(x.attname::text order by x.attnum) as names from pg_attribute x
                      where x.attrelid = a.shown and x.attnum > 0) c on true
  left join lateral (select array_agg(x.attname::text order by x.attnum) as names from pg_attribute x
                      where x.attrelid = a.parent and x.attnum > 0) pc on true
 where o.readers is not null or :reaggregates
