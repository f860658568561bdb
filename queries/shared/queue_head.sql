-- Pid of the session at the head of the lock queue in which the session of lock l waits. The session at the head blocks the session of l,
-- directly or through others, and is itself not blocked. 0: a prepared transaction
(with recursive up(pid, depth) as (
   select l.pid, 0 union all select (pg_blocking_pids(u.pid))[1], u.depth + 1 from up u where u.pid > 0 and u.depth < 20)
 select u.pid as blocker from up u where u.pid is not null and u.depth > 0 order by u.depth desc limit 1)
