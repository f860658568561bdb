//! Each setting of a policy file is changed by hand in the database. The plan names this setting and no other, and an apply restores it.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::version::Version;
use support::program::{Files, run};
use support::triage;

const TABLES: &str = "create schema m;
create table m.raw (ts timestamptz not null, line int not null, v float8);
create table m.made (ts timestamptz not null, v float8);
create table m.pieces (n bigint not null, v float8);
create function m.now_of_pieces() returns bigint language sql stable as 'select 100000::bigint';
create function m.other_now() returns bigint language sql stable as 'select 5::bigint'";

/// Every key that a file may have.
const FILE: &str = r#"[store]
comments = true

[[hypertable]]
name = "m.raw"
time = "ts"
chunk_interval = "1 day"
why = "samples"
window = "22:00-06:00 UTC"
compress = { segment_by = ["line"], order_by = ["ts DESC"], after = "7 days", every = "1 day", paused = true, why = "late rows" }
retain = { after = "90 days", every = "2 days", why = "law" }
reorder = { index = "raw_line", every = "5 days" }

[[hypertable]]
name = "m.pieces"
time = "n"
chunk_interval = 1000
integer_now_func = "m.now_of_pieces"
retain = { after = 5000, every = "1 day" }

[[aggregate]]
name = "m.hourly"
from = "m.raw"
query = "select time_bucket('1 hour', ts) as b, line, count(*) as n, sum(v) as v from m.raw group by 1, 2"
materialized_only = true
refresh = [{ start = "5 days", end = "1h", every = "1h" }]
compress = { segment_by = ["line"], after = "30 days", every = "1 day" }
retain = { after = "400 days", every = "1 day" }

[[index]]
on = "m.raw"
name = "raw_line"
columns = ["line", "ts DESC"]

[[index]]
on = "m.raw"
columns = ["v"]
include = ["line"]
where = "v > 3"
"#;

/// Settings that only later versions of TimescaleDB have.
const CREATED: &str = r#"
[[hypertable]]
name = "m.made"
time = "ts"
chunk_interval = "1 day"
compress = { segment_by = [], created_before = "8 days", every = "1 day" }
"#;

const JOB: &str = "select alter_job(j.id, {}) from _timescaledb_config.bgw_job j join _timescaledb_catalog.hypertable h on h.id = j.hypertable_id
  left join _timescaledb_catalog.continuous_agg a on a.mat_hypertable_id = h.id where j.proc_name = 'policy_{}' and coalesce(a.user_view_name, h.table_name) = '{}'";

fn job(policy: &str, of: &str, change: &str) -> String {
    // From 2.12 on, alter_job resets the time zone unless it is given.
    let change = match (of, policy) {
        ("raw", "retention") if !change.contains("timezone") => {
            format!("{change}{{zone}}")
        }
        _ => change.to_owned(),
    };
    JOB.replacen("{}", &change, 1)
        .replacen("{}", policy, 1)
        .replacen("{}", of, 1)
}

/// A change by hand, and the line that the plan prints; its middle is left out at `…`.
fn changes(version: Version) -> Vec<(String, &'static str)> {
    let config = |key: &str, value: &str| {
        format!("config => jsonb_set(config, '{{{{{key}}}}}', '{value}')")
            .replace("{{", "{")
            .replace("}}", "}")
    };
    let mut all = vec![
        ("drop index m.raw_v_idx".to_owned(), "+ m.raw: index: index: (v) include (line) where v > 3"),
        ("select set_chunk_time_interval('m.pieces', 700::bigint)".to_owned(), "~ m.pieces: chunk interval: chunk_interval: 700 -> 1000"),
        ("select set_integer_now_func('m.pieces', 'm.other_now', replace_if_exists => true)".to_owned(), "~ m.pieces: function for the current integer time: integer_now_func: m.other_now -> m.now_of_pieces"),
        (job("retention", "pieces", &config("drop_after", "6000")), "~ m.pieces: retention policy: retain.after: 6000 -> 5000"),
        ("alter materialized view m.hourly set (timescaledb.materialized_only = false)".to_owned(), "~ m.hourly: real-time aggregation: materialized_only: false -> true"),
        (job("refresh_continuous_aggregate", "hourly", &config("start_offset", "\"6 days\"")), "~ m.hourly: refresh policy: refresh.start: 6d -> 5d"),
        (job("refresh_continuous_aggregate", "hourly", &config("end_offset", "\"2 hours\"")), "~ m.hourly: refresh policy: refresh.end: 2h -> 1h"),
        (job("refresh_continuous_aggregate", "hourly", "schedule_interval => interval '2 hours'"), "~ m.hourly: refresh policy: refresh.every: 2h -> 1h"),
        (job("refresh_continuous_aggregate", "hourly", "scheduled => false"), "~ m.hourly: job … is scheduled again: refresh.paused: true -> false"),
        (job("compression", "hourly", &config("compress_after", "\"40 days\"")), "~ m.hourly: compression policy: compress.after: 40d -> 30d"),
        (job("retention", "hourly", &config("drop_after", "\"500 days\"")), "~ m.hourly: retention policy: retain.after: 500d -> 400d"),
        ("select set_chunk_time_interval('m.raw', interval '2 days')".to_owned(), "~ m.raw: chunk interval: chunk_interval: 2d -> 1d"),
        ("alter table m.raw set (timescaledb.compress, timescaledb.compress_segmentby = '', timescaledb.compress_orderby = 'ts desc')".to_owned(), "~ m.raw: compression settings: compress.segment_by: … -> line"),
        ("alter table m.raw set (timescaledb.compress, timescaledb.compress_segmentby = 'line', timescaledb.compress_orderby = 'ts')".to_owned(), "~ m.raw: compression settings: compress.order_by: ts -> ts DESC"),
        (job("compression", "raw", &config("compress_after", "\"9 days\"")), "~ m.raw: compression policy: compress.after: 9d -> 7d"),
        (job("compression", "raw", "scheduled => true"), "~ m.raw: job … is paused: compress.paused: false -> true"),
        (job("retention", "raw", &config("drop_after", "\"80 days\"")), "~ m.raw: retention policy: retain.after: 80d -> 90d"),
        (job("retention", "raw", "schedule_interval => interval '3 days'"), "~ m.raw: retention policy: retain.every: 3d -> 2d"),
        (job("retention", "raw", "scheduled => false"), "~ m.raw: job … is scheduled again: retain.paused: true -> false"),
        ("select remove_reorder_policy('m.raw')".to_owned(), "+ m.raw: reorder policy: reorder: raw_line"),
        ("select remove_retention_policy('m.raw')".to_owned(), "+ m.raw: retention policy: retain.after: 90d; retain.every: 2d"),
        ("comment on table m.raw is 'others'".to_owned(), "~ m.raw: comment: why: others -> samples; compress.why: late rows; retain.why: law"),
        ("comment on table m.raw is E'samples\\ncompress: early rows\\nretain: law'".to_owned(), "~ m.raw: comment: compress.why: early rows -> late rows"),
    ];
    if version >= Version::new(2, 12) {
        all.push((job("retention", "raw", "initial_start => '2020-01-01 12:00+00', timezone => 'UTC'"), "~ m.raw: job … begins at other times: retain.window: begins at 12:00 -> 22:00-06:00 UTC"));
        all.push((
            job(
                "compression",
                "raw",
                "schedule_interval => interval '2 days', timezone => 'UTC'",
            ),
            "~ m.raw: compression policy: compress.every: 2d -> 1d",
        ));
    }
    if version >= Version::new(2, 14) {
        all.push((
            job(
                "compression",
                "made",
                &config("compress_created_before", "\"9 days\""),
            ),
            "~ m.made: compression policy: compress.after: 9d since creation -> 8d since creation",
        ));
    }
    let zone = if version >= Version::new(2, 12) {
        ", timezone => ''UTC''".replace("''", "'")
    } else {
        String::new()
    };
    all.into_iter()
        .map(|(sql, line)| (sql.replace("{zone}", &zone), line))
        .collect()
}

fn fits(line: &str, pattern: &str) -> bool {
    match pattern.split_once('…') {
        Some((head, tail)) => line.starts_with(head) && line.ends_with(tail),
        None => line == pattern,
    }
}

#[test]
fn each_setting_changed_by_hand_is_the_one_that_the_plan_names() {
    triage::on_each("settings_file", TABLES, async |rig, version| {
        let files = Files::new();
        let more = if version >= Version::new(2, 14) {
            CREATED
        } else {
            ""
        };
        let path = files.write("policies.toml", &format!("{FILE}{more}"));
        let file = path.to_str().unwrap();
        let allowed = "DELETES_DATA,BLOCKS_WRITES,ACCESS_EXCLUSIVE,NOT_UNDOABLE,IMMEDIATE_RUN";
        let apply = ["apply", file, "-y", "--allow", allowed];
        let (code, text) = run(rig, &apply);
        assert!(
            code == 0 && text.contains("verified"),
            "{version:?}: {text}"
        );
        let (code, text) = run(rig, &["plan", file]);
        assert_eq!(code, 0, "{version:?}: {text}");
        for (sql, line) in changes(version) {
            rig.sql(&sql).await;
            let (code, text) = run(rig, &["plan", "--drift", file]);
            assert!(
                code == 2 && text.lines().count() == 1 && fits(text.trim_end(), line),
                "{version:?}: {sql}: {code}: {text}"
            );
            let (code, text) = run(rig, &apply);
            assert_eq!(code, 0, "{version:?}: {sql}: {text}");
        }
        // A difference that no statement can remove is refused.
        rig.sql("drop materialized view m.hourly; create materialized view m.hourly with (timescaledb.continuous) as select time_bucket('2 hours', ts) as b, line, count(*) as n, sum(v) as v from m.raw group by 1, 2 with no data").await;
        let (code, text) = run(rig, &["plan", "--drift", file]);
        assert!(
            code == 3 && text.contains("! m.hourly: its query differs"),
            "{version:?}: {text}"
        );
    });
}
