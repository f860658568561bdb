-- Figures of the server and the database, one row each
-- · columns: name, value (NULL: hidden from this role, or not read here), bound (NULL: none), about, since, pid (of the session that the
-- row is about), holder (of the oldest transaction id) · access: any role; all figures: pg_monitor · on PostgreSQL 13 to 18, with
-- TimescaleDB or without · cost: 2 ms, locks no user relation
with setting as materialized (
  select current_setting('max_connections')::float8 - current_setting('superuser_reserved_connections')::float8
           -- reserved_connections exists from PostgreSQL 16 on.
           - coalesce(current_setting('reserved_connections', true)::float8, 0) as connections,
         current_setting('autovacuum_freeze_max_age')::float8 as freeze, current_setting('max_locks_per_transaction')::float8
           * (current_setting('max_connections')::float8 + current_setting('max_prepared_transactions')::float8) as locks,
         current_setting('max_worker_processes')::float8 as processes,
         current_setting('timescaledb.max_background_workers', true)::float8 as workers,
         pg_has_role('pg_read_all_stats', 'usage') as sees_all, pg_is_in_recovery() as standby
), activity as materialized (
  select a.pid, a.usesysid, a.application_name, a.state, a.state_change, a.xact_start, a.backend_type, a.datid, a.backend_start,
         a.backend_xid, a.backend_xmin,
         format('session %s (%s%s)', a.pid, coalesce(nullif(a.application_name, ''), a.backend_type, 'a session'), ', ' || a.state) as who
  from pg_stat_get_activity(null) a where a.pid <> pg_backend_pid()
), database as materialized (
  select d.oid, d.datname, d.datfrozenxid, d.datminmxid from pg_database d
), given as materialized (
  -- Settings that ALTER DATABASE or ALTER ROLE ALL gives to new sessions; this session may have others.
  select lower(split_part(e.entry, '=', 1)) as name, split_part(e.entry, '=', 2) as setting,
         case s.setdatabase when 0 then 'ALTER ROLE ALL' else 'ALTER DATABASE' end as by,
         row_number() over (partition by lower(split_part(e.entry, '=', 1)) order by s.setdatabase desc) as place
  from pg_db_role_setting s, unnest(s.setconfig) e(entry)
  where s.setrole = 0 and s.setdatabase in (select 0 union all select d.oid from database d where d.datname = current_database())
), hurts as materialized (
  select g.name, v.setting || coalesce(', by ' || o.by, '') as setting, b.hides
  from (
    -- The settings that hide compressed rows if they are off: enable_transparent_decompression, or enable_columnarscan if
    -- enable_transparent_decompression does not exist. Before 2.28 enable_optimizations hides them too. (Measured with 2.26.4, 2.27.2,
    -- 2.28.3 and 2.29.2.)
    select exists (select from pg_settings g where g.name = 'timescaledb.enable_transparent_decompression') as transparent,
           exists (select from pg_extension x where x.extname = 'timescaledb'
                    and string_to_array(substring(x.extversion from '^\d+\.\d+'), '.')::int4[] < '{2,28}') as early
  ) t
  cross join lateral (
    values ('fsync', false, false), ('full_page_writes', false, false), ('autovacuum', false, false), ('track_counts', false, false),
      ('track_activities', false, false), ('timescaledb.restoring', true, false), ('timescaledb.enable_chunk_append', false, false),
      ('timescaledb.enable_constraint_exclusion', false, false), ('timescaledb.enable_dml_decompression', false, false),
      ('timescaledb.enable_optimizations', false, t.early),
      (case when t.transparent then 'timescaledb.enable_transparent_decompression' else 'timescaledb.enable_columnarscan' end, false, true)
  ) b(name, bad, hides)
  join pg_settings g on g.name = b.name
  left join given o on o.name = b.name and o.place = 1
  cross join lateral (
    select coalesce(o.setting, case when g.source in ('global', 'database', 'user', 'database user', 'client', 'session')
                                    then g.boot_val else g.setting end)
  ) v(setting)
  where v.setting::bool = b.bad
), workers as materialized (
  -- TimescaleDB's workers in all databases.
  select count(*) filter (where a.application_name ~ '( \[\d+\]|^TimescaleDB Background Worker (Launcher|Scheduler))$')::float8 as used,
         count(*) filter (where a.application_name = 'TimescaleDB Background Worker Launcher')::float8 as launchers,
         count(*) filter (where a.application_name = 'TimescaleDB Background Worker Scheduler') as all_schedulers,
         count(*) filter (where a.application_name = 'TimescaleDB Background Worker Scheduler'
                            and a.datid = (select d.oid from database d where d.datname = current_database()))::float8 as schedulers
  from activity a where a.backend_type is null or a.backend_type = a.application_name
), slot as materialized (
  select r.slot_name, r.slot_type, r.active_pid, r.wal_status,
         pg_wal_lsn_diff(case when s.standby then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, r.restart_lsn)::float8 as bytes,
         greatest(age(r.xmin), age(r.catalog_xmin)) as age,
         -- Why the slot was invalidated: before PostgreSQL 16 only by removal of WAL; PostgreSQL 16 reports two further reasons as one
         -- (`conflicting`).
         case coalesce(to_jsonb(r) ->> 'invalidation_reason', case to_jsonb(r) ->> 'conflicting' when 'true' then 'conflict' end,
              'wal_removed')
           when 'wal_removed' then 'the WAL that it needed is gone: max_slot_wal_keep_size'
           when 'idle_timeout' then 'it stood idle for too long: idle_replication_slot_timeout'
           when 'rows_removed' then 'rows of the catalogue that it needed were removed on the primary'
           when 'wal_level_insufficient' then 'the primary''s wal_level is no longer logical'
           when 'conflict' then 'rows of the catalogue that it needed were removed on the primary, or its wal_level is no longer logical'
           else to_jsonb(r) ->> 'invalidation_reason' end as lost_by
  from setting s, pg_replication_slots r
), holder as materialized (
  -- The holder of the oldest transaction id; vacuum cannot freeze rows that are newer than this id.
  (select h.who, h.pid, h.age
   from (
     select case a.backend_type when 'walsender' then format('a query on standby %s (hot_standby_feedback)', a.application_name)
          else a.who end as who,
            case a.backend_type when 'client backend' then a.pid end as pid, greatest(age(a.backend_xmin), age(a.backend_xid)) as age
     from activity a where a.backend_type is distinct from 'autovacuum worker'
     union all
     select format('prepared transaction %L in database %I', p.gid, p.database), null, age(p.transaction) from pg_prepared_xacts p
     union all
     select format('replication slot %L', l.slot_name), null, l.age from slot l
   ) h where h.age is not null order by h.age desc limit 1)
), counted as materialized (
  select pg_stat_get_db_xact_commit(d.oid) + pg_stat_get_db_xact_rollback(d.oid) as transactions,
         pg_stat_get_db_xact_rollback(d.oid) as rollbacks, pg_stat_get_db_deadlocks(d.oid) as deadlocks,
         pg_stat_get_db_conflict_all(d.oid) as conflicts, pg_stat_get_db_stat_reset_time(d.oid) as reset,
         pg_stat_get_db_blocks_hit(d.oid) as hit, pg_stat_get_db_blocks_fetched(d.oid) as fetched
  from database d where d.datname = current_database()
)
select 'connections' as name, case
     when s.sees_all then (select count(*) from activity a where a.backend_type = 'client backend')::float8 + 1 end as value,
       s.connections as bound,
       case when s.sees_all then (
         select format('%s idle; most: %s of %s (%s)', sum(x.idle), coalesce(nullif(x.application_name, ''), 'no name'),
              pg_get_userbyid(x.usesysid), x.many)
         from (
           select a.application_name, a.usesysid, count(*) as many, sum(count(*) filter (where a.state = 'idle')) over () as idle,
                  row_number() over (order by count(*) desc, a.application_name) as place
           from activity a where a.backend_type = 'client backend' group by a.application_name, a.usesysid
         ) x where x.place = 1 group by x.application_name, x.usesysid, x.many
       ) end as about,
       null::timestamptz as since, null::int4 as pid, null::text as holder
from setting s
union all
select 'transactions', c.transactions::float8, null, null, null, null, null from counted c
union all
-- bound: the number of all transactions; since: the last reset of the counters (NULL: never reset). Only a standby has conflicts.
select f.name, f.many::float8, c.transactions::float8, null, c.reset, null, null
from setting s, counted c
cross join lateral (values ('rollbacks', c.rollbacks), ('deadlocks', c.deadlocks),
                           ('conflicts', case when s.standby then c.conflicts end)) f(name, many)
where f.many is not null
union all
select 'cache-hits', c.hit::float8, c.fetched::float8, null, null, null, null from counted c
union all
select 'wal', case when s.standby then pg_wal_lsn_diff(coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')
                   else pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') end::float8, null, null, null, null, null
from setting s
union all
-- Lag of the slowest standby in seconds; 0 if it has nothing to replay. A receiver that never replays (pg_receivewal) reports its last lag
-- for ever, so its lag counts only while WAL is being sent to it (flush_lsn or write_lsn before sent_lsn).
select 'replication-lag', case when s.sees_all then max(coalesce(extract(epoch from r.lag), 0))::float8 end, count(*)::float8,
       string_agg(format('%s %s', coalesce(nullif(r.application_name, ''), r.pid::text), r.state), ', ' order by r.lag desc nulls last),
       null, null, null
from setting s, (
  select x.pid, x.application_name, x.state,
         case when x.replay_lsn is not null then x.replay_lag
              when coalesce(x.flush_lsn, x.write_lsn) < x.sent_lsn then coalesce(x.flush_lag, x.write_lag) end as lag
  from pg_stat_replication x where x.state is distinct from 'backup'
) r group by s.sees_all having count(*) > 0
union all
-- If no transaction was replayed since the server started: the seconds since that start, which are a lower bound of the lag.
select 'standby-delay', extract(epoch
  from clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))::float8,
       pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::float8,
       case when pg_is_wal_replay_paused() then 'replay is paused'
            when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 'all that was received is replayed' end,
       pg_last_xact_replay_timestamp(), null, null
from setting s where s.standby
union all
select 'standby-replay', case when pg_is_wal_replay_paused() then 0 else 1 end::float8, null, null, null, null, null
from setting s where s.standby
union all
-- There is a row only if this role can see that primary_conninfo is set: a standby with restore_command does not always need a receiver.
select 'standby-receiver', case
     when s.sees_all then (select count(*) from pg_stat_get_wal_receiver() r where r.pid is not null) end::float8, null,
       (select 'restore_command is set' from pg_settings c where c.name = 'restore_command' and c.setting <> ''),
       pg_last_xact_replay_timestamp(), null, null
from setting s, pg_settings g where s.standby and g.name = 'primary_conninfo' and g.setting <> ''
union all
-- Bytes of WAL kept for the slot that keeps the most; bound: max_slot_wal_keep_size
(select 'replication-slots', l.bytes, nullif(pg_size_bytes(current_setting('max_slot_wal_keep_size')), -1)::float8, l.slot_name::text, null,
     l.active_pid, null
 from slot l where l.bytes is not null order by l.bytes desc limit 1)
union all
select 'lost-slots', count(*)::float8, null, string_agg(format('%L (%s)', l.slot_name, l.lost_by), ', ' order by l.slot_name), null, null,
       null
from slot l where l.wal_status = 'lost' having count(*) > 0
union all
-- A standby archives only with archive_mode = always; since: time of the last archived file
select 'archiver', (case when c.empty or a.last_failed_time > coalesce(a.last_archived_time, '-infinity') then 1 else 0 end)::float8,
       a.failed_count::float8,
       case when c.empty then 'neither archive_command nor archive_library is set' else a.last_failed_wal end, a.last_archived_time, null,
            null
from pg_stat_archiver a, setting s, (
  select not exists (select from pg_settings g where g.name in ('archive_command', 'archive_library') and g.setting <> '') as empty
) c
where current_setting('archive_mode') = 'always' or current_setting('archive_mode') = 'on' and not s.standby
union all
-- Commands that report success but archive nothing: they consist only of words that write no file, without redirection. Text after # is a
-- comment.
select 'archive-command', 1, null, g.setting, null, null, null
from setting s, pg_settings g
where g.name = 'archive_command' and g.setting <> ''
  and (current_setting('archive_mode') = 'always' or current_setting('archive_mode') = 'on' and not s.standby)
  and coalesce(current_setting('archive_library', true), '') = ''
  and regexp_replace(g.setting, '^([^''"]*?)(^|\s)#.*$', '\1')
      ~* '^\s*((exit(\s+0)?|(:|(/usr)?(/bin/)?true|(/usr)?(/bin/)?echo|cd|rem)(\s+[^;&|<>`$()]*)?)\s*(;|&&|\|\||$)\s*)*$'
union all
(select 'oldest-transaction', extract(epoch from clock_timestamp() - a.xact_start)::float8, null,
        format('%s, %s', coalesce(a.state, a.backend_type, 'unknown'), coalesce(nullif(a.application_name, ''), 'no application name')),
        a.xact_start, a.pid, null
 from activity a where a.xact_start is not null and a.backend_type is distinct from 'walsender' order by a.xact_start limit 1)
union all
-- The session that has been idle in a transaction for the longest time; it holds back vacuum.
(select 'idle-in-transaction', extract(epoch from clock_timestamp() - a.state_change)::float8, null,
        coalesce(nullif(a.application_name, ''), 'no application name'), a.state_change, a.pid, null
 from activity a where a.state like 'idle in transaction%' order by a.state_change limit 1)
union all
(select 'prepared-transaction', extract(epoch from clock_timestamp() - p.prepared)::float8, null,
        format('%L in database %I, of %I', p.gid, p.database, p.owner), p.prepared, null, null
 from pg_prepared_xacts p order by p.prepared limit 1)
union all
(select 'wraparound', age(d.datfrozenxid)::float8, s.freeze, d.datname::text, null, h.pid, h.who
 from setting s, database d left join holder h on h.age > 0.9 * age(d.datfrozenxid)
      order by age(d.datfrozenxid) desc, d.datname = current_database() desc limit 1)
union all
(select 'multixact-wraparound', mxid_age(d.datminmxid)::float8, current_setting('autovacuum_multixact_freeze_max_age')::float8,
     d.datname::text, null, null, null
 from database d order by mxid_age(d.datminmxid) desc, d.datname = current_database() desc limit 1)
union all
-- The users of worker slots: the launcher, the schedulers, and the five jobs that have run longest, with their start.
select 'workers', w.used, s.workers,
       concat_ws(', ', case when w.launchers > 0 then 'the launcher' end, case w.all_schedulers when 0 then null when 1 then '1 scheduler'
            else format('%s schedulers', w.all_schedulers) end,
         (select string_agg(format('%s in database %I', x.application_name, d.datname)
              || coalesce(to_char(x.backend_start at time zone 'UTC', '" since "YYYY-MM-DD HH24:MI" UTC"'), ''), ', '
                   order by x.backend_start)
          from (
            select a.application_name, a.datid, a.backend_start
            from activity a where a.application_name ~ ' \[\d+\]$' and (a.backend_type is null or a.backend_type = a.application_name)
            order by a.backend_start limit 5
          ) x join database d on d.oid = x.datid)),
       null, null, null
from setting s, workers w where s.workers is not null
union all
select 'launcher', w.launchers, null, null, null, null, null from setting s, workers w where s.workers is not null
union all
select 'scheduler', w.schedulers, null,
       case when w.schedulers > 0 then null
            when exists (select from hurts h where h.name = 'timescaledb.restoring') then 'timescaledb.restoring is on'
            when w.launchers = 0 then 'no launcher runs'
            when w.used >= s.workers then 'every slot of timescaledb.max_background_workers is taken'
            -- If there are more schedulers than slots, they take turns.
            when s.workers < 1 + c.databases
              then format('timescaledb.max_background_workers is %s, where the launcher and a scheduler for each of %s databases want a '
                          'slot', s.workers, c.databases) end, null, null, null
from setting s, workers w, (select count(*) as databases from pg_database d where d.datallowconn) c where s.workers is not null
union all
-- Workers that the launcher, one scheduler per database, TimescaleDB's jobs and parallel queries may need at the same time.
select 'worker-processes', s.workers + current_setting('max_parallel_workers')::float8 + 3, s.processes, null, null, null, null
from setting s where s.workers is not null
union all
select 'lock-table', null, s.locks, null, null, null, null from setting s
union all
-- No value here: the size is too expensive for each refresh, so server_size.sql reads it separately.
select 'database-size', null, null, null, null, null, null
union all
select 'setting ' || h.name, case when h.hides then 1 end, null, h.setting, null, null, null from hurts h
