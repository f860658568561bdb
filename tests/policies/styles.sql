-- A table and its aggregate, whose bucket, ages and offsets are set under the IntervalStyle {style}.
create table "{name}" (ts timestamptz not null, v int);
select create_hypertable('"{name}"', 'ts', chunk_time_interval => interval '1 day');
insert into "{name}" select t, 1 from generate_series(date_trunc('day', now()) - interval '50 days', date_trunc('day', now()), interval '12 hours') t;
alter table "{name}" set (timescaledb.compress);
set intervalstyle = '{style}';
create materialized view "{name} agg" with (timescaledb.continuous) as select time_bucket('{bucket}', ts) as b, count(*) as n from "{name}" group by 1 with no data;
select add_retention_policy('"{name}"', interval '{age}', initial_start => '2100-01-01', schedule_interval => interval '1 day');
select add_compression_policy('"{name}"', interval '{after}', initial_start => '2100-01-01', schedule_interval => interval '1 day');
select add_continuous_aggregate_policy('"{name} agg"', interval '{window}', interval '90 minutes', interval '1 day', initial_start => '2100-01-01');
reset intervalstyle
