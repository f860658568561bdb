-- Quoted gids of the prepared transactions that hold a lock for which a session waits
(select string_agg(quote_literal(p.gid), ', ' order by p.prepared) from pg_prepared_xacts p
   join pg_locks t on t.transactionid = p.transaction and t.pid is null
  where exists (select from pg_locks h join pg_locks l on not l.granted
                  and (h.relation = l.relation and h.database = l.database or h.transactionid = l.transactionid)
                 where h.pid is null and h.granted and h.virtualtransaction = t.virtualtransaction))
