-- From 2.13 on: policies by the creation time of chunks
create table public.made_int (n bigint not null, v int);
create function public.made_int_now() returns bigint language sql stable as 'select max(n) from public.made_int';
select create_hypertable('public.made_int', 'n', chunk_time_interval => 100);
select set_integer_now_func('public.made_int', 'public.made_int_now');
insert into public.made_int select g, g from generate_series(0, 999) g;
create table public.made_number (n bigint not null, v int);
select create_hypertable('public.made_number', 'n', chunk_time_interval => 100);
insert into public.made_number select g, g from generate_series(0, 999) g;
alter table public.made_number set (timescaledb.compress);
create table public.made_time (ts timestamptz not null, v int);
select create_hypertable('public.made_time', 'ts', chunk_time_interval => interval '1 day');
insert into public.made_time select t, 1 from generate_series(now() - interval '9 days', now(), interval '6 hours') t;
alter table public.made_int set (timescaledb.compress);
alter table public.made_time set (timescaledb.compress);
select compress_chunk(c) from (select c from show_chunks('public.made_number') c order by c::text limit 4) x;
update _timescaledb_catalog.chunk c set creation_time = now() - interval '30 days'
 where hypertable_id in (select id from _timescaledb_catalog.hypertable where table_name like 'made%') and c.id % 3 = 0;
-- TimescaleDB refuses alter_job() on some of these policies, so the first start is set when they are added
select add_retention_policy('public.made_int', drop_created_before => interval '20 days', initial_start => now() + interval '12 hours');
select add_retention_policy('public.made_time', drop_created_before => interval '20 days', initial_start => now() + interval '12 hours');
select add_retention_policy('public.made_number', drop_created_before => interval '20 days', initial_start => now() + interval '12 hours');
select add_compression_policy('public.made_time', compress_created_before => interval '10 days', initial_start => now() + interval '12 hours');
select add_compression_policy('public.made_number', compress_created_before => interval '10 days', initial_start => now() + interval '12 hours');
