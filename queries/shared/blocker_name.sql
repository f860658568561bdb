-- The name of v.blocker: its application, or the prepared transactions that hold what is waited for
case when v.blocker = 0 then (
  select string_agg(quote_literal(p.gid), ', ' order by p.prepared) from pg_prepared_xacts p
    join pg_locks t on t.transactionid = p.transaction and t.pid is null
   where exists (select from pg_locks h join pg_locks l on not l.granted
                   and (h.relation = l.relation and h.database = l.database or h.transactionid = l.transactionid)
                  where h.pid is null and h.granted and h.virtualtransaction = t.virtualtransaction))
else (select coalesce(nullif(p.application_name, ''), p.backend_type) from pg_stat_activity p where p.pid = v.blocker) end
