-- The name of v.blocker: its application, else its backend type; if it is 0, all prepared transactions for whose locks a session waits
case when v.blocker = 0 then :prepared_holders
else (select coalesce(nullif(p.application_name, ''), p.backend_type) from pg_stat_activity p where p.pid = v.blocker) end
