-- For each job in $1 (int8[]) that is older than the last checkpoint, the time of this checkpoint: TimescaleDB does not record when a job
-- was created
-- · columns: id, since (microseconds since 1970 UTC; NULL: created or altered after the checkpoint) · access: EXECUTE on
-- pg_control_checkpoint() · cost: 0.1 ms
select w.id, case when age(b.xmin) >= age(split_part(c.next_xid, ':', 2)::xid)
     then (extract(epoch from c.checkpoint_time) * 1000000)::int8 end as since
  from unnest($1::int8[]) w(id)
\if :since_2_25
  join _timescaledb_catalog.bgw_job b on b.id = w.id
\else
  join _timescaledb_config.bgw_job b on b.id = w.id
\endif
  cross join pg_control_checkpoint() c
