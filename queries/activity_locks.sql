-- The locks of the session with the pid $1. Locks on chunks, on their compressed rows and on partitions are counted for the parent table
-- · columns: locktype, mode, granted, many (number of locks), thing (relation or transaction), parts (whether locks on chunks or partitions
-- are counted) · access: any role · cost: one pass over pg_locks
select l.locktype, l.mode, l.granted, count(*) as many,
       coalesce(case when r.oid is not null then format('%I.%I', m.nspname, r.relname) end, min(l.relation::text),
            min(l.transactionid::text), min(l.virtualxid)) as thing,
\if :since_2_29
       bool_or(p.inhrelid is not null) as parts
\elif :since_2_11
       bool_or(p.inhrelid is not null or e.oid is not null) as parts
\else
       bool_or(p.inhrelid is not null) as parts
\endif
from pg_locks l
left join pg_class c on c.oid = l.relation and l.database in (0, (select d.oid from pg_database d where d.datname = current_database()))
left join pg_index i on i.indexrelid = c.oid
\if :since_2_29
left join _timescaledb_catalog.compression_settings e on e.compress_relid = coalesce(i.indrelid, c.oid)
left join pg_inherits p on p.inhrelid = coalesce(e.relid, i.indrelid, c.oid)
left join pg_class r on r.oid = coalesce(p.inhparent, i.indrelid, c.oid)
\elif :since_2_11
left join pg_inherits p on p.inhrelid = coalesce(i.indrelid, c.oid)
left join lateral (
  -- The table with a chunk's compressed rows counts as the chunk's hypertable.
  select t.oid
  from pg_class k join pg_namespace y on y.oid = k.relnamespace join :chunk z on z.schema_name = y.nspname and z.table_name = k.relname
  join _timescaledb_catalog.hypertable b on b.compressed_hypertable_id = z.hypertable_id
  join pg_namespace x on x.nspname = b.schema_name join pg_class t on t.relnamespace = x.oid and t.relname = b.table_name
  where k.oid = coalesce(i.indrelid, c.oid)
) e on true
left join pg_class r on r.oid = coalesce(e.oid, p.inhparent, i.indrelid, c.oid)
\else
left join pg_inherits p on p.inhrelid = coalesce(i.indrelid, c.oid) left join pg_class r on r.oid = coalesce(p.inhparent, i.indrelid, c.oid)
\endif
left join pg_namespace m on m.oid = r.relnamespace
where l.pid = $1::int4 group by l.locktype, l.mode, l.granted, r.oid, m.nspname, r.relname
order by l.granted, array_position(array['AccessExclusiveLock', 'ExclusiveLock', 'ShareRowExclusiveLock', 'ShareLock',
  'ShareUpdateExclusiveLock', 'RowExclusiveLock', 'RowShareLock', 'AccessShareLock'], l.mode), l.locktype <> 'relation', 5
limit 200
