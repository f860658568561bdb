create schema doors authorization doors_owner;

grant usage on schema doors to public;

set role doors_owner;

do $$ declare d text; begin
  foreach d in array array['integer_now', 'statistics', 'index', 'predicate', 'check', 'policy', 'default', 'trigger', 'job_check', 'job', 'cast', 'domain', 'view', 'generated'] loop
    execute format('create function doors.%I() returns void language plpgsql as ''begin end''', 'through_' || d);
    execute format('create function doors.%I(n bigint) returns bigint language plpgsql immutable as ''begin
      if (select r.rolsuper from pg_catalog.pg_roles r where r.rolname operator(pg_catalog.=) current_user) then perform doors.%I(); end if; return n; end''', 'door_' || d, 'through_' || d);
  end loop;
end $$;

create domain doors.amount as bigint check (doors.door_domain(1) > 0);

create type doors.pair as (x bigint);

create function doors.pair_json(doors.pair) returns json language plpgsql as $$ begin perform doors.door_cast(1); return '1'; end $$;

create function doors.pair_text(doors.pair) returns text language plpgsql as $$ begin perform doors.door_cast(1); return '1'; end $$;

create cast (doors.pair as json) with function doors.pair_json(doors.pair);

create cast (doors.pair as text) with function doors.pair_text(doors.pair) as implicit;

create function doors.clock() returns bigint language plpgsql stable as $$ begin return doors.door_integer_now(1000); end $$;

create function doors.fires() returns trigger language plpgsql as $$ begin perform doors.door_trigger(1); return new; end $$;

create function doors.config_check(config jsonb) returns void language plpgsql as $$ begin perform doors.door_job_check(1); end $$;

create procedure doors.work(job_id int, config jsonb) language plpgsql as $$ begin perform doors.door_job(1); end $$;

create table doors.counted (at bigint not null, v bigint default doors.door_default(1), w doors.amount, p doors.pair, constraint c check (v < doors.door_check(1000000)));

select create_hypertable('doors.counted', 'at', chunk_time_interval => 100, create_default_indexes => true);

select set_integer_now_func('doors.counted', 'doors.clock');

create table doors.timed (at timestamptz not null, v bigint default doors.door_default(1), w doors.amount, p doors.pair, constraint c check (v < doors.door_check(1000000)));

select create_hypertable('doors.timed', 'at', chunk_time_interval => interval '1 day');

create table doors.loose (at timestamptz not null, v bigint default doors.door_default(1), w doors.amount, p doors.pair, constraint c check (v < doors.door_check(1000000)));

create table doors.guarded (at timestamptz not null, v bigint);

select create_hypertable('doors.guarded', 'at', chunk_time_interval => interval '1 day');

insert into doors.counted select n, n, 1, row(1::bigint)::doors.pair from generate_series(0, 999, 3) n;

insert into doors.timed select timestamptz '2026-11-01 00:00+00' + n * interval '1 hour', n, 1, row(1::bigint)::doors.pair from generate_series(0, 300) n;

insert into doors.guarded select timestamptz '2026-11-01 00:00+00' + n * interval '1 hour', n from generate_series(0, 100) n;

create trigger t before insert or update on doors.counted for each row execute function doors.fires();

create index counted_e on doors.counted ((v + doors.door_index(1)));

create index counted_p on doors.counted (v) where v > doors.door_predicate(1);

create index timed_e on doors.timed ((v + doors.door_index(1)));

create index timed_p on doors.timed (v) where v > doors.door_predicate(1);

create statistics doors.counted_s on (v + doors.door_statistics(1)), at from doors.counted;

create statistics doors.timed_s on (v + doors.door_statistics(1)), at from doors.timed;

alter table doors.guarded enable row level security;

alter table doors.guarded force row level security;

create policy p on doors.guarded using (v > doors.door_policy(-1));

create index plain on doors.counted (v, at);

create index plain_too on doors.timed (v, at);

-- a table without other users' code on its chunks
create table doors.clean (at timestamptz not null, v bigint);

select create_hypertable('doors.clean', 'at', chunk_time_interval => interval '1 day');

insert into doors.clean select timestamptz '2026-11-01 00:00+00' + n * interval '1 hour', n from generate_series(0, 100) n;

create index on doors.clean (v) where v > 3;

create materialized view doors.by_clean with (timescaledb.continuous) as select time_bucket('1 hour', at) b, sum(v) s from doors.clean group by 1 with no data;

create view doors.seen as select doors.door_view(v) from doors.counted;

alter table doors.counted set (timescaledb.compress);

alter table doors.timed set (timescaledb.compress);

create materialized view doors.by_number with (timescaledb.continuous) as select time_bucket(10::bigint, at) b, sum(v) s from doors.counted group by 1 with no data;

create materialized view doors.by_hour with (timescaledb.continuous) as select time_bucket('1 hour', at) b, sum(v) s from doors.timed group by 1 with no data;

call refresh_continuous_aggregate('doors.by_number', 0, 500);

call refresh_continuous_aggregate('doors.by_hour', '2026-11-01', '2026-11-05');

-- no job runs by itself during the test
begin;

select add_retention_policy('doors.counted', 500::bigint);

select add_compression_policy('doors.counted', 300::bigint);

select add_compression_policy('doors.timed', interval '3 days');

select add_retention_policy('doors.by_number', 600::bigint);

select add_continuous_aggregate_policy('doors.by_number', 800::bigint, 100::bigint, interval '1 day');

select add_continuous_aggregate_policy('doors.by_hour', interval '30 days', interval '1 day', interval '1 day');

select add_job('doors.work', interval '1 day', config => '{"a": 1}', check_config => 'doors.config_check'::regproc);

select add_job('doors.work', interval '2 days', config => '{"a": 2}', check_config => 'doors.config_check'::regproc, scheduled => false);

select alter_job(j.id, next_start => '2038-05-05 05:05+00') from _timescaledb_config.bgw_job j where j.owner = 'doors_owner'::regrole;

commit;

select compress_chunk(c) from (select c from show_chunks('doors.timed') c order by c limit 2) x;

do $$ declare c record; begin
  for c in select r.oid, r.oid::regclass::text as name from pg_class r join pg_namespace n on n.oid = r.relnamespace
            where r.relowner = 'doors_owner'::regrole and r.relkind = 'r' and n.nspname = '_timescaledb_internal'
              and exists (select from pg_attribute a where a.attrelid = r.oid and a.attname = 'w')
              and exists (select from pg_attribute a where a.attrelid = r.oid and a.attname = 'v' and a.atttypid = 'int8'::regtype)
              and exists (select from pg_attribute a where a.attrelid = r.oid and a.attname = 'at' and a.atttypid in ('int8'::regtype, 'timestamptz'::regtype)) loop
    execute format('create statistics doors.%I on (v + doors.door_statistics(1)), at from %s', 's' || c.oid, c.name);
  end loop;
  for c in select r.oid, r.oid::regclass::text as name from pg_class r join pg_namespace n on n.oid = r.relnamespace
            where r.relowner = 'doors_owner'::regrole and r.relkind = 'r' and n.nspname = '_timescaledb_internal'
              and exists (select from pg_attribute a where a.attrelid = r.oid and a.attname = 's')
              and exists (select from pg_attribute a where a.attrelid = r.oid and a.attname = 'b') loop
    execute format('create statistics doors.%I on (b::text || doors.door_statistics(1)), b from %s', 's' || c.oid, c.name);
  end loop;
end $$;

reset role;
