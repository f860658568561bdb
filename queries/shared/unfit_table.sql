-- Why relation c (of pg_class) cannot be made a hypertable with its rows, whatever its columns are; NULL: it can be made one. Moving rows
-- runs triggers, and functions of indexes, constraints and defaults, with this role's rights. PostgreSQL's own functions are not in
-- pg_depend
case when c.relkind = 'p' then 'is partitioned: copy its rows into a plain table first'
     when c.relkind <> 'r' then 'is no table'
     when c.relispartition then 'is a partition of another table'
     when c.relpersistence = 't' then 'is a temporary table'
     when exists (select from pg_inherits i where c.oid in (i.inhparent, i.inhrelid)) then 'inherits, or is inherited from'
     when exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal and g.tgenabled <> 'D')
       then 'has triggers, which would run for each row that is moved: disable them first (ALTER TABLE ... DISABLE TRIGGER USER)'
     else (select 'has an index, a constraint or a generated column with a function of another role, which would run for each row that is '
                  || 'moved, with your rights: ' || string_agg(distinct p.oid::regproc::text, ', ')
             from pg_depend d join pg_proc p on p.oid = d.refobjid join pg_roles r on r.oid = p.proowner
            where d.refclassid = 'pg_proc'::regclass and not r.rolsuper and r.rolname <> current_user
              and (d.classid = 'pg_class'::regclass and d.objid in (select x.indexrelid from pg_index x where x.indrelid = c.oid)
                   or d.classid = 'pg_constraint'::regclass and d.objid in (select k.oid from pg_constraint k where k.conrelid = c.oid)
                   or d.classid = 'pg_attrdef'::regclass and d.objid in (select f.oid from pg_attrdef f where f.adrelid = c.oid))
           having count(*) > 0) end
