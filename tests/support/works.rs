//! A small database with unusual names and every kind of policy, created for each test and each TimescaleDB.

use super::act::Rig;
use super::{Targets, block_on, client};

/// All settings of all jobs except their ids, and the next starts; one line per job.
pub const JOBS: &str = "select string_agg(line, E'\\n' order by line) from (
  select ((to_jsonb(b) - 'id') || jsonb_build_object('application_name', regexp_replace(b.application_name::text, ' \\[\\d+\\]$', ''),
    'config', b.config::text, 'next_start', s.next_start))::text as line
  from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id where b.id >= 1000) x";

/// Tables with unusual names and every kind of policy. The extension is in the schema `ts X`.
pub const WORKS: &str = r#"
set client_min_messages = error; set search_path = public, "ts X";
create schema "we.ird ""s"""; grant all on schema "we.ird ""s""", public, "ts X" to "Ow""ner 1";
create table "we.ird ""s"""."Größe, ""x"" .; --_12345678901234567890123456789012345678" ("T s" timestamptz not null, d int, v float);
select create_hypertable('"we.ird ""s"""."Größe, ""x"" .; --_12345678901234567890123456789012345678"', 'T s', chunk_time_interval => interval '1 day', create_default_indexes => false);
create index "Idx ""1"" ;" on "we.ird ""s"""."Größe, ""x"" .; --_12345678901234567890123456789012345678" ("T s");
alter table "we.ird ""s"""."Größe, ""x"" .; --_12345678901234567890123456789012345678" set (timescaledb.compress);
create table naive (ts timestamp not null, v int); select create_hypertable('naive', 'ts');
create table i2 (t smallint not null, v int); select create_hypertable('i2', 't', chunk_time_interval => 100);
create table i4 (t int not null, v int); select create_hypertable('i4', 't', chunk_time_interval => 100);
create table i8 (t bigint not null, v int); select create_hypertable('i8', 't', chunk_time_interval => 100);
create function n2() returns smallint language sql stable as 'select 500::smallint';
create function n4() returns int language sql stable as 'select 500';
create function n8() returns bigint language sql stable as 'select 500::bigint';
select set_integer_now_func('i2', 'n2'), set_integer_now_func('i4', 'n4'), set_integer_now_func('i8', 'n8');
alter table i8 set (timescaledb.compress);
create materialized view c2 with (timescaledb.continuous) as select time_bucket(10::smallint, t) b, sum(v) s from i2 group by 1 with no data;
create materialized view c4 with (timescaledb.continuous) as select time_bucket(10, t) b, sum(v) s from i4 group by 1 with no data;
create materialized view "Agg ""1""" with (timescaledb.continuous) as select time_bucket('1 hour', "T s") b, sum(v) s from "we.ird ""s"""."Größe, ""x"" .; --_12345678901234567890123456789012345678" group by 1 with no data;
create materialized view top with (timescaledb.continuous) as select time_bucket('1 day', b) bb, sum(s) s from "Agg ""1""" group by 1 with no data;
create procedure "we.ird ""s"""."Job; ""drop""" (job_id int, config jsonb) language plpgsql as $$ begin perform pg_sleep(coalesce((config ->> 's')::float, 0)); end $$;
create procedure "we.ird ""s"""."Job; ""drop""" (other text) language sql as 'select 1';
create function "we.ird ""s""".checks (config jsonb) returns void language sql as 'select 1';
alter procedure "we.ird ""s"""."Job; ""drop""" (int, jsonb) owner to "Ow""ner 1";
begin;
select add_compression_policy('"we.ird ""s"""."Größe, ""x"" .; --_12345678901234567890123456789012345678"', interval '1 mon 3 days', schedule_interval => interval '36 hours');
select add_retention_policy('"we.ird ""s"""."Größe, ""x"" .; --_12345678901234567890123456789012345678"', interval '1 year 00:00:01', initial_start => '2040-01-01 00:00+00', timezone => 'Europe/Vienna');
select add_reorder_policy('"we.ird ""s"""."Größe, ""x"" .; --_12345678901234567890123456789012345678"', 'Idx "1" ;');
select add_retention_policy('naive', interval '2 years');
select add_compression_policy('i8', 300::bigint), add_retention_policy('i8', 400::bigint, initial_start => '2039-01-01 00:00+00'), add_retention_policy('i4', 400);
select add_continuous_aggregate_policy('c2', 200::smallint, null, interval '1 day'), add_continuous_aggregate_policy('c4', 200, 10, interval '2 hours');
select add_continuous_aggregate_policy('"Agg ""1"""', null, interval '1 hour', interval '1 mon', initial_start => '2040-02-01 00:00+00', timezone => 'America/New_York');
select add_continuous_aggregate_policy('top', interval '1 year', interval '1 day', interval '1 day', initial_start => '2040-03-01 00:00+00');
set local role "Ow""ner 1";
select add_job('"we.ird ""s"""."Job; ""drop"""(int, jsonb)'::regprocedure::oid::regproc, interval '1 week', config => '{"s": 0, "n": 12345678901234567890.12300, "t": "it''s \\ \"ü\""}',
  initial_start => '2040-01-01 00:00+00', check_config => '"we.ird ""s""".checks', timezone => 'Asia/Kolkata');
select add_job('"we.ird ""s"""."Job; ""drop"""(int, jsonb)'::regprocedure::oid::regproc, interval '1 week', scheduled => false, fixed_schedule => false);
reset role;
-- nothing runs while it is looked at; odd figures, so that a default is seen where one comes back
select alter_job(j.id, next_start => '2038-05-05 05:05+00', max_runtime => interval '1 hour' * j.id, max_retries => j.id - 900, retry_period => interval '7 min',
    config => j.config || '{"extra": {"deep": [1.10, null]}}', scheduled => j.scheduled and j.id % 5 <> 0)
  from _timescaledb_config.bgw_job j where j.id >= 1000 and (j.config is null or j.config ->> 'mat_hypertable_id' is distinct from (select mat_hypertable_id::text from _timescaledb_catalog.continuous_agg where user_view_name = 'top'));
-- alter_job has taken the time zones away
update _timescaledb_config.bgw_job set timezone = 'Europe/Vienna' where id >= 1000 and initial_start = '2040-01-01 00:00+00';
update _timescaledb_config.bgw_job set timezone = 'America/New_York' where id >= 1000 and initial_start = '2040-02-01 00:00+00';
commit;
"#;

/// Runs a test in a database of each version with [`WORKS`].
#[allow(
    clippy::needless_pass_by_value,
    reason = "a closure, written where it is given"
)]
pub fn on_each(targets: &Targets, name: &str, test: impl AsyncFn(&Rig, &str)) {
    for version in targets.server.timescaledb_versions() {
        block_on(async {
            let rig = make(targets, name, &version).await;
            test(&rig, &version).await;
            drop(rig);
            remove(targets, name, &version).await;
        });
    }
}

fn database(name: &str, version: &str) -> String {
    format!("{name}_{}", version.replace('.', "_"))
}

async fn run(client: &tokio_postgres::Client, sql: &str) {
    let done = client.batch_execute(sql).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// A new database with [`WORKS`].
pub async fn make(targets: &Targets, name: &str, version: &str) -> Rig {
    let maintenance = client(&targets.server.conninfo("postgres")).await;
    run(&maintenance, "do $$ begin create role \"Ow\"\"ner 1\" login; exception when duplicate_object then null; end $$").await;
    let database = database(name, version);
    run(&maintenance, &format!("create database {database}")).await;
    let conninfo = targets.server.conninfo(&database);
    let owner = client(&conninfo).await;
    let extension = format!(
        "set client_min_messages = error; create schema \"ts X\"; create extension timescaledb schema \"ts X\" version '{version}'"
    );
    run(&owner, &extension).await;
    for statement in WORKS.split(";\n") {
        run(&owner, statement).await;
    }
    Rig::on(version, &conninfo).await
}

pub async fn remove(targets: &Targets, name: &str, version: &str) {
    let maintenance = client(&targets.server.conninfo("postgres")).await;
    let drop = format!("drop database {} with (force)", database(name, version));
    run(&maintenance, &drop).await;
}
