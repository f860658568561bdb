-- The name of the session with the pid v.blocker: application_name, else backend_type. If the pid is 0: the prepared transactions that hold
-- the lock
case when v.blocker = 0 then :prepared_holders
else (select coalesce(nullif(p.application_name, ''), p.backend_type) from pg_stat_activity p where p.pid = v.blocker) end
