//! A new, healthy database has no findings. A false finding might suggest a destructive fix.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::str::FromStr;

use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::run::show;
use hypertop::run::show::Format;
use hypertop::screens::overview::Row;
use hypertop::server::sql;
use support::triage;

/// The findings, without those on the private server's own settings.
fn findings(rows: &[Row]) -> Vec<String> {
    let own = ["setting fsync", "setting full_page_writes"];
    let judged = rows
        .iter()
        .filter(|row| row.finding.level > Level::Ok && !own.contains(&row.of.as_str()));
    judged
        .map(|row| {
            let finding = &row.finding;
            let rule = finding.rule.name;
            format!(
                "{:?} {rule} {}: {}",
                finding.level, row.subject, finding.reason
            )
        })
        .collect()
}

#[test]
fn a_database_with_nothing_but_the_extension_has_no_finding() {
    triage::on_each("bare", "select", async |rig, _| {
        let all = findings(&triage::all(rig).await);
        assert_eq!(all, Vec::<String>::new(), "{}", rig.name);
    });
}

/// A table with policies of every kind, added just now.
const POLICIES: &str = "create table readings (ts timestamptz not null, device int, value float8);
select create_hypertable('readings', 'ts', chunk_time_interval => interval '1 day');
insert into readings select t, d, random() from generate_series(now() - interval '20 days', now(), interval '10 minutes') t, generate_series(1, 5) d;
alter table readings set (timescaledb.compress, timescaledb.compress_segmentby = 'device', timescaledb.compress_orderby = 'ts desc');
create materialized view hourly with (timescaledb.continuous) as select time_bucket('1 hour', ts) as bucket, device, avg(value) as value from readings group by 1, 2 with no data;
create table events (ts timestamptz not null, what text);
select create_hypertable('events', 'ts', chunk_time_interval => interval '1 day');
insert into events select t, 'x' from generate_series(now() - interval '20 days', now(), interval '1 hour') t;
create table pieces (n bigint not null, machine int);
select create_hypertable('pieces', 'n', chunk_time_interval => 1000);
create function pieces_now() returns bigint language sql stable as 'select max(n) from public.pieces';
select set_integer_now_func('pieces', 'pieces_now');
insert into pieces select n, n % 3 from generate_series(1, 9999) n;
alter table pieces set (timescaledb.compress, timescaledb.compress_segmentby = 'machine');
create procedure work(job_id int, config jsonb) language plpgsql as 'begin perform 1; end';
analyze";

#[test]
fn a_policy_one_second_old_waits_for_its_first_run() {
    triage::on_each("fresh", POLICIES, async |rig, version| {
        let pid = rig
            .text("select pid::text from pg_stat_activity where backend_type = 'TimescaleDB Background Worker Scheduler' and datname = current_database()")
            .await;
        // The scheduler is stopped, so that the policies do not start their first run during the test.
        let signal = |name: &str| {
            let of = nix::unistd::Pid::from_raw(pid.parse().unwrap());
            nix::sys::signal::kill(of, nix::sys::signal::Signal::from_str(name).unwrap()).unwrap();
        };
        signal("SIGSTOP");
        rig.sql("select add_compression_policy('readings', interval '7 days')")
            .await;
        rig.sql("select add_retention_policy('events', interval '10 days')")
            .await;
        rig.sql("select add_continuous_aggregate_policy('hourly', start_offset => interval '30 days', end_offset => interval '1 hour', schedule_interval => interval '30 minutes')").await;
        rig.sql("select add_compression_policy('pieces', 3000::bigint), add_retention_policy('pieces', 5000::bigint), add_job('work', interval '1 hour')").await;
        let all = findings(&triage::all(rig).await);
        let mut said = Vec::new();
        let (of, screen) = (&rig.actor.settings, ScreenId::Retention);
        let shown = show::show(of, &rig.session, screen, Format::Json, &mut said).await;
        let since = async || {
            let age = sql::text("jobs_age", version)
                .unwrap()
                .replace("$1::int8[]", "array[1000::int8]");
            rig.text(&format!("select (since is not null)::text from ({age}) a"))
                .await
        };
        let before = since().await;
        rig.sql("checkpoint").await;
        let after = since().await;
        signal("SIGCONT");
        assert_eq!(all, Vec::<String>::new(), "{}", rig.name);
        shown.unwrap();
        let said = String::from_utf8(said).unwrap();
        let waits = "the next run drops 10 chunks; the policy waits for its first run";
        assert!(said.contains(waits), "{}: {said}", rig.name);
        // The server knows the age of a policy's last change only after a checkpoint.
        assert_eq!(
            (before.as_str(), after.as_str()),
            ("false", "true"),
            "{}",
            rig.name
        );
    });
}
