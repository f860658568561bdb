-- Workers of the policies in the CTE job that wait for a lock; blocker: see queue_head.sql. A worker whose wait_event is hidden from this
-- role (backend_type is NULL) is found by pg_locks alone
waiting as materialized (
  select distinct on (w.hypertable_id) w.hypertable_id, l.pid, l.relation, (to_jsonb(l) ->> 'waitstart')::timestamptz as since, q.blocker
    from (select a.pid, j.hypertable_id from job j join pg_stat_activity a on a.application_name = j.application_name
           where a.datname = current_database() and (a.wait_event_type = 'Lock' or a.backend_type is null)) w
    join pg_locks l on l.pid = w.pid and not l.granted left join lateral :queue_head q on true
   order by w.hypertable_id, l.pid)
