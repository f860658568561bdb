-- Additional tables for the tests of the Hypertables screen: chunks that are too small and too large, and plain tables
-- that could or could not be hypertables. The plain tables are analyzed.
create table public.small (ts timestamptz not null, v int);
select create_hypertable('public.small', 'ts', chunk_time_interval => interval '1 hour');
insert into public.small select t, 1 from generate_series(date_trunc('hour', now()) - interval '149 hours', now(), interval '30 minutes') t;

create table public.large (ts timestamptz not null, v int, t text);
select create_hypertable('public.large', 'ts', chunk_time_interval => interval '7 days');
insert into public.large select t, 1, repeat('x', 100) from generate_series(now() - interval '20 days', now(), interval '1 minute') t;

create table public.plain_big (id bigint primary key, "Zeit $2" timestamptz not null, v int);
create table public.plain_child (id bigint references public.plain_big (id));
insert into public.plain_big select g, now() - g * interval '1 hour', g from generate_series(1, 500) g;
create index on public.plain_big ("Zeit $2");
create table public.plain_rows (ts timestamp, v int);
create index on public.plain_rows (ts);
insert into public.plain_rows select now(), 1;
create table public.plain_small (ts timestamptz not null);
create table public.plain_timeless (id int not null);
create table public.plain_loose (ts timestamptz);
create table public.plain_parts (day date not null) partition by range (day);
create table public.plain_part partition of public.plain_parts for values from ('2026-01-01') to ('2027-01-01');
alter table public.plain_big set (autovacuum_enabled = false);
alter table public.plain_rows set (autovacuum_enabled = false);
update pg_class set relpages = 200000, reltuples = 500 where oid = 'public.plain_big'::regclass;
update pg_class set relpages = 1000, reltuples = 20000000 where oid = 'public.plain_rows'::regclass;
update pg_class set relpages = 200000, reltuples = 20000000 where oid in ('public.plain_timeless'::regclass, 'public.plain_loose'::regclass, 'public.plain_part'::regclass);
analyze public.large
