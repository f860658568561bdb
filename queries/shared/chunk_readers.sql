-- why: 0 if reading the chunk runs no code of an untrusted role; 5 if it may run code of the role in owner; 6 if it runs no such code once
-- this session has locked the relations in the array relations
     max(case when r.relowner = any (t.roles) and n.nspowner = any (t.roles) then 0
          when not n.nspowner = any (t.roles) then 5
       else (
         -- 0: neither the chunk nor the table with its compressed rows (companion) has an object whose code a role could have defined, and
         -- the locks of this session (held) keep others from adding such an object
         select case when bool_or(y.relkind <> 'r' or y.relrowsecurity or y.relhassubclass
              or not has_table_privilege(y.oid, 'update')) or exists (
                  select from (select 'pg_class'::regclass as class, i.indexrelid as id from pg_index i
                    where i.indrelid = any (m.oids) and (i.indexprs is not null or i.indpred is not null)
                               union all select 'pg_constraint'::regclass, k.oid from pg_constraint k
                                 where k.conrelid = any (m.oids) and k.contype = 'c'
                               union all select 'pg_statistic_ext'::regclass, e.oid from pg_statistic_ext e
                                 where e.stxrelid = any (m.oids)) o
                    join pg_depend p on p.classid = o.class and p.objid = o.id
                   where p.refclassid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass,
                        'pg_opclass'::regclass, 'pg_opfamily'::regclass)
                     and not exists (select from pg_depend e
                       join pg_extension x on x.oid = e.refobjid and x.extname = 'timescaledb'
                                      where e.classid = p.refclassid and e.objid = p.refobjid
                                           and e.refclassid = 'pg_extension'::regclass and e.deptype = 'e')) then 5
                when not m.oids <@ coalesce((select h.relations from held h), '{}') then 6 else 0 end
           from (select array_remove(array[r.oid, c.companion], null) as oids) m join pg_class y on y.oid = any (m.oids)
           group by m.oids) end) as why,
     max(pg_get_userbyid(case when n.nspowner = any (t.roles) then r.relowner else n.nspowner end)::text) as owner,
     array_agg(format('%I.%I', n.nspname, r.relname)) || array_remove(array_agg(c.companion::regclass::text), null) as relations
from trusted t cross join :chunk_slice z join :chunk c on c.id = z.chunk_id :chunk_class
