-- Additions to the demo's factory for the tests of compression and retention: unusual names, two dimensions, integer
-- time without integer_now, a frozen chunk, months, paused and overdue policies. {functions} is the schema of
-- freeze_chunk().
create schema "Hos.tile ""x""";
create table "Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets" ("Zeit $2" timestamptz not null, "seg ""1""" int, "Größe, mm" float8);
select create_hypertable('"Hos.tile ""x"""."Tablo ''Ö'' $1; -- of sixty three bytes, as long as a name gets"', 'Zeit $2', chunk_time_interval => interval '1 day');
insert into "Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets"
  select t, s, s from generate_series(now() - interval '12 days', now(), interval '10 minutes') t, generate_series(1, 5) s;
alter table "Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets"
  set (timescaledb.compress, timescaledb.compress_segmentby = '"seg ""1"""', timescaledb.compress_orderby = '"Zeit $2" desc');
select compress_chunk(c) from show_chunks('"Hos.tile ""x"""."Tablo ''Ö'' $1; -- of sixty three bytes, as long as a name gets"', older_than => interval '8 days') c;
-- late rows: two partially compressed chunks, one of them not old enough for retention
insert into "Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets"
  values (now() - interval '9 days 12 hours', 1, 1), (now() - interval '11 days', 1, 1);
create materialized view "Hos.tile ""x"""."Agg; 'of' $3" with (timescaledb.continuous) as
  select time_bucket('1 hour', "Zeit $2") as b, count(*) as n from "Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets" group by 1 with no data;
call refresh_continuous_aggregate('"Hos.tile ""x"""."Agg; ''of'' $3"', null, null);
alter materialized view "Hos.tile ""x"""."Agg; 'of' $3" set (timescaledb.compress);

-- two chunks per time interval
create table public.two_dimensions (ts timestamptz not null, dev int not null);
select create_hypertable('public.two_dimensions', 'ts', 'dev', 2, chunk_time_interval => interval '1 day');
insert into public.two_dimensions select t, d from generate_series(now() - interval '9 days', now(), interval '6 hours') t, generate_series(1, 20) d;
alter table public.two_dimensions set (timescaledb.compress, timescaledb.compress_segmentby = 'dev');

create table public.counted (n bigint not null, v int);
create function public.counted_now() returns bigint language sql stable as 'select max(n) from public.counted';
select create_hypertable('public.counted', 'n', chunk_time_interval => 100);
select set_integer_now_func('public.counted', 'public.counted_now');
insert into public.counted select g, g from generate_series(0, 999) g;
alter table public.counted set (timescaledb.compress);
select compress_chunk(c) from show_chunks('public.counted', older_than => 200) c;

create table public.no_clock (n int not null, v int);
create function public.no_clock_now() returns int language sql stable as 'select max(n) from public.no_clock';
select create_hypertable('public.no_clock', 'n', chunk_time_interval => 100);
select set_integer_now_func('public.no_clock', 'public.no_clock_now');
insert into public.no_clock select g, g from generate_series(0, 499) g;
alter table public.no_clock set (timescaledb.compress);

create table public.frozen (ts timestamptz not null, v int);
select create_hypertable('public.frozen', 'ts', chunk_time_interval => interval '1 day');
insert into public.frozen select t, 1 from generate_series(now() - interval '9 days', now(), interval '6 hours') t;
alter table public.frozen set (timescaledb.compress);
select {functions}.freeze_chunk(c) from show_chunks('public.frozen', older_than => interval '8 days') c;

create table public.naive (ts timestamp not null, v int);
select create_hypertable('public.naive', 'ts', chunk_time_interval => interval '1 hour');
insert into public.naive select t, 1 from generate_series(now()::timestamp - interval '50 hours', now()::timestamp, interval '1 hour') t;
alter table public.naive set (timescaledb.compress);

create table public.by_day (day date not null, v int);
select create_hypertable('public.by_day', 'day', chunk_time_interval => interval '7 days');
insert into public.by_day select d, 1 from generate_series(current_date - 100, current_date, interval '1 day') d;
alter table public.by_day set (timescaledb.compress);

create table public.paused (ts timestamptz not null, v int);
select create_hypertable('public.paused', 'ts', chunk_time_interval => interval '1 day');
insert into public.paused select t, 1 from generate_series(now() - interval '9 days', now(), interval '6 hours') t;
alter table public.paused set (timescaledb.compress);

create table public.unwatched (ts timestamptz not null, v int);
select create_hypertable('public.unwatched', 'ts', chunk_time_interval => interval '1 day');
insert into public.unwatched select t, 1 from generate_series(now() - interval '4 days', now(), interval '6 hours') t;

-- one policy of each kind per table; one transaction, so that no worker starts before the next start is set
begin;
select alter_job(p, next_start => now() + interval '12 hours') from (values
  (add_compression_policy('"Hos.tile ""x"""."Tablo ''Ö'' $1; -- of sixty three bytes, as long as a name gets"', interval '5 days')),
  (add_compression_policy('public.two_dimensions', interval '3 days')), (add_compression_policy('public.counted', bigint '450')),
  (add_compression_policy('public.no_clock', 100)), (add_compression_policy('public.frozen', interval '6 days')),
  (add_compression_policy('public.naive', interval '20 hours')), (add_compression_policy('public.by_day', interval '1 mon')),
  (add_retention_policy('"Hos.tile ""x"""."Tablo ''Ö'' $1; -- of sixty three bytes, as long as a name gets"', interval '10 days')),
  (add_retention_policy('public.two_dimensions', interval '4 days')), (add_retention_policy('public.counted', bigint '650')),
  (add_retention_policy('public.no_clock', 200)), (add_retention_policy('public.frozen', interval '7 days')),
  (add_retention_policy('public.naive', interval '30 hours')), (add_retention_policy('public.by_day', interval '2 mons')),
  (add_continuous_aggregate_policy('"Hos.tile ""x"""."Agg; ''of'' $3"', interval '9 days', interval '1 hour', interval '1 hour'))) x(p);
select alter_job(p, next_start => now() + interval '12 hours') from (values
  (add_compression_policy('"Hos.tile ""x"""."Agg; ''of'' $3"', interval '10 days')),
  (add_retention_policy('"Hos.tile ""x"""."Agg; ''of'' $3"', interval '9 days'))) x(p);
select alter_job(p, scheduled => false) from (values
  (add_compression_policy('public.paused', interval '2 days')), (add_retention_policy('public.paused', interval '5 days'))) x(p);
commit;
-- the state after a restore or a dropped function
update _timescaledb_catalog.dimension set integer_now_func = null, integer_now_func_schema = null
 where hypertable_id = (select id from _timescaledb_catalog.hypertable where table_name = 'no_clock');
