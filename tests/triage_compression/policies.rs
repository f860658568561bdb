//! Compression policies that cannot do their work, or do not.

use std::time::Duration;

use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use hypertop::screens::Screens;
use hypertop::screens::record::Record;
use hypertop::server::known::At;

use super::support::triage::{fix, found, gone, made};
use super::{NAME, compress, on_each, policy, run};

#[test]
fn chunks_past_compress_after_are_told_with_the_policys_next_run_and_compressed() {
    on_each("backlog", async |rig, _| {
        compress(rig, "7 days").await;
        policy(rig, r#"{"compress_after": "2 days"}"#).await;
        let waits = rig.text("select count(*) from timescaledb_information.chunks where not is_compressed and range_end <= now() - interval '2 days'").await;
        // Chunks that have just become due are no problem.
        rig.limit(|limits| limits.compression_patience = 30.0 * 86_400.0);
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
        rig.limit(|limits| limits.compression_patience = 300.0);
        let due = format!("{waits} chunks past compress_after not compressed, the oldest due for");
        let words = [due.as_str(), "the policy runs in 3h"];
        let finding = found(rig, &rules::COMPRESSION_BACKLOG, NAME, &words).await;
        assert_eq!(finding.finding.level, Level::Warning);
        assert!(finding.finding.since.is_some());
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
        assert_eq!(rig.text("select count(*) from timescaledb_information.chunks where not is_compressed and range_end <= now() - interval '2 days'").await, "0");
    });
}

#[test]
fn a_backlog_says_where_it_is_going() {
    on_each("trend", async |rig, _| {
        policy(rig, r#"{"compress_after": "2 days"}"#).await;
        let mut screens = Screens::default();
        let mut look = async |ago: f64| {
            let rows = rig.session.load(ScreenId::Compression).await.unwrap();
            let (now, _) = rig.session.pulse(ScreenId::ALL[0]).await.unwrap();
            let now = now.plus_seconds(-ago);
            let at = At {
                now,
                server: &rig.session.server,
            };
            let asked = screens.ask(ScreenId::Compression).unwrap();
            screens.load(asked, rows, Duration::ZERO, &at);
            screens.compression.rows()[0].verdict(&at).reason
        };
        let said = look(600.0).await;
        assert!(
            said.starts_with("7 chunks past compress_after") && !said.contains("ago:"),
            "{said}"
        );
        compress(rig, "8 days").await;
        let said = look(0.0).await;
        let way = "6 chunks past compress_after not compressed, the oldest due for";
        let speed = [
            ", 1 fewer than there were 10m ago (seen by this console)",
            "done in about 1h",
        ];
        assert!(
            said.starts_with(way) && speed.iter().all(|words| said.contains(words)),
            "{}: {said}",
            rig.name
        );
        rig.sql(&format!("select count(decompress_chunk(c, true)) from show_chunks('{NAME}', older_than => interval '8 days') c")).await;
        rig.sql(&format!(
            "insert into {NAME} select min(ts) - interval '1 day', 1, 'older' from {NAME}"
        ))
        .await;
        let said = look(0.0).await;
        assert!(
            said.contains(", 1 more than there were 10m"),
            "{}: {said}",
            rig.name
        );
    });
}

#[test]
fn recompress_false_is_critical_where_it_stops_the_policy_and_taken_out() {
    on_each("never", async |rig, version| {
        policy(rig, r#"{"compress_after": "2 days", "recompress": false}"#).await;
        run(rig).await;
        let compressed = rig
            .text("select count(*) > 0 from timescaledb_information.chunks where is_compressed")
            .await
            == "t";
        let stops = (Version::new(2, 22)..Version::new(2, 27)).contains(&version);
        assert_eq!(compressed, !stops, "{}", rig.name);
        if !stops {
            gone(rig, &rules::COMPRESSION_SETTING, NAME).await;
            gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
            return;
        }
        let words = [
            "recompress=false",
            "compresses nothing on TimescaleDB 2.22 to 2.26",
        ];
        let finding = found(rig, &rules::COMPRESSION_SETTING, NAME, &words).await;
        assert_eq!(finding.finding.level, Level::Critical);
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_SETTING, NAME).await;
        run(rig).await;
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
    });
}

#[test]
fn a_compress_after_that_is_no_interval_is_told_and_set_right() {
    on_each("nonsense", async |rig, version| {
        policy(rig, r#"{"compress_after": "a while"}"#).await;
        let words = ["its policy's compress_after (a while) does not fit"];
        let finding = found(rig, &rules::COMPRESSION_SETTING, NAME, &words).await;
        fix(rig, &finding, &[("compress_after", "2 days")]).await;
        gone(rig, &rules::COMPRESSION_SETTING, NAME).await;
        if version < Version::new(2, 13) {
            return;
        }
        let set = |config: &str| {
            format!(
                "update _timescaledb_config.bgw_job set config = config - 'compress_after' || '{config}' where proc_name = 'policy_compression'"
            )
        };
        rig.sql(&set(r#"{"compress_created_before": "a while"}"#))
            .await;
        let words = ["its policy's compress_created_before (a while) is not an interval"];
        let finding = found(rig, &rules::COMPRESSION_SETTING, NAME, &words).await;
        fix(rig, &finding, &[("compress_created_before", "1 hour")]).await;
        gone(rig, &rules::COMPRESSION_SETTING, NAME).await;
    });
}

#[test]
fn a_policy_by_creation_compresses_what_was_made_long_enough_ago_on_every_version_that_has_it() {
    on_each("created", async |rig, version| {
        if version < Version::new(2, 13) {
            return;
        }
        policy(rig, r#"{"compress_created_before": "1 hour"}"#).await;
        // All chunks are new, whatever the times of their rows.
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
        rig.sql("update _timescaledb_catalog.chunk set creation_time = now() - interval '2 days'")
            .await;
        let words =
            ["10 chunks past compress_created_before not compressed, the oldest due for 1d 23h"];
        let finding = found(rig, &rules::COMPRESSION_BACKLOG, NAME, &words).await;
        run(rig).await;
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
        assert_eq!(
            rig.text("select count(*) from timescaledb_information.chunks where is_compressed")
                .await,
            "10",
            "{}: {finding:?}",
            rig.name
        );
    });
}

#[test]
fn integer_time_without_a_now_is_told_and_the_named_function_fixes_it() {
    on_each("counted", async |rig, _| {
        rig.sql("create table \"Me.s\".counted (n bigint not null, v int);
                 select create_hypertable('\"Me.s\".counted', 'n', chunk_time_interval => 100);
                 insert into \"Me.s\".counted select g, 1 from generate_series(1, 999) g;
                 create function now_is() returns bigint language sql stable as 'select 1000::bigint';
                 select set_integer_now_func('\"Me.s\".counted', 'now_is');
                 alter table \"Me.s\".counted set (timescaledb.compress);
                 begin; select alter_job(add_compression_policy('\"Me.s\".counted', 500::bigint), next_start => now() + interval '3 hours 40 seconds'); commit").await;
        let name = "\"Me.s\".counted";
        gone(rig, &rules::COMPRESSION_SETTING, name).await;
        rig.sql("update _timescaledb_catalog.dimension set integer_now_func_schema = null, integer_now_func = null").await;
        let words = [
            "without integer_now_func",
            "Set one with set_integer_now_func()",
        ];
        let finding = found(rig, &rules::COMPRESSION_SETTING, name, &words).await;
        assert_eq!(finding.finding.fix, None);
        rig.sql("select set_integer_now_func('\"Me.s\".counted', 'now_is')")
            .await;
        gone(rig, &rules::COMPRESSION_SETTING, name).await;
        gone(rig, &rules::COMPRESSION_UNKNOWN, name).await;
        // A function that fails.
        let now_is = |what: &str| {
            format!(
                "create or replace function now_is() returns bigint language sql stable as 'select 1000::bigint / {what}'"
            )
        };
        rig.sql(&now_is("0")).await;
        let words = ["its backlog is unknown: ", "division by zero"];
        found(rig, &rules::COMPRESSION_UNKNOWN, name, &words).await;
        rig.sql(&now_is("1")).await;
        gone(rig, &rules::COMPRESSION_UNKNOWN, name).await;
    });
}

#[test]
fn a_time_zone_that_is_no_name_leaves_the_backlog_unknown_until_it_is_one() {
    on_each("zone", async |rig, _| {
        let owner = format!("owner_{}", rig.name.replace('.', "_"));
        rig.sql(&format!("create role {owner} login; alter schema \"Me.s\" owner to {owner}; alter table {NAME} owner to {owner}")).await;
        rig.sql(&format!("alter role {owner} set timezone = '<+05>-05'"))
            .await;
        policy(rig, r#"{"compress_after": "2 days"}"#).await;
        let words = [
            "(<+05>-05) is not a name in pg_timezone_names, so its backlog is unknown. Set such a name",
            "pg_timezone_names",
        ];
        let finding = found(rig, &rules::COMPRESSION_UNKNOWN, NAME, &words).await;
        assert_eq!(finding.finding.level, Level::Unknown);
        rig.sql(&format!("alter role {owner} set timezone = 'Asia/Karachi'"))
            .await;
        gone(rig, &rules::COMPRESSION_UNKNOWN, NAME).await;
        found(
            rig,
            &rules::COMPRESSION_BACKLOG,
            NAME,
            &["past compress_after"],
        )
        .await;
        rig.sql(&format!(
            "select remove_compression_policy('{NAME}'); reassign owned by {owner} to postgres; drop owned by {owner}; drop role {owner}"
        ))
        .await;
    });
}

#[test]
fn a_backlog_of_integer_time_is_overdue_once_rows_came_that_lie_far_enough_beyond() {
    on_each("units", async |rig, version| {
        rig.sql("create table \"Me.s\".counted (n bigint not null, v int);
                 select create_hypertable('\"Me.s\".counted', 'n', chunk_time_interval => 100);
                 insert into \"Me.s\".counted select g, 1 from generate_series(1, 1999) g;
                 create function now_is() returns bigint language sql stable as 'select max(n) from \"Me.s\".counted';
                 select set_integer_now_func('\"Me.s\".counted', 'now_is');
                 alter table \"Me.s\".counted set (timescaledb.compress);
                 begin; select alter_job(add_compression_policy('\"Me.s\".counted', 1000::bigint), next_start => now() + interval '3 hours 40 seconds'); commit").await;
        let name = "\"Me.s\".counted";
        gone(rig, &rules::COMPRESSION_BACKLOG, name).await;
        if version < Version::new(2, 13) {
            return;
        }
        // The next run will compress chunks that became due by a load of today.
        made(rig, version, "counted", "9", "start < 1100").await;
        gone(rig, &rules::COMPRESSION_BACKLOG, name).await;
        made(rig, version, "counted", "5", "start >= 1100").await;
        let words = [
            "9 chunks past compress_after not compressed, the oldest due for at least 5d",
            "the policy runs in 3h",
        ];
        let finding = found(rig, &rules::COMPRESSION_BACKLOG, name, &words).await;
        assert_eq!(finding.finding.level, Level::Warning);
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_BACKLOG, name).await;
    });
}

#[test]
fn a_backlog_of_days_by_the_current_date_is_overdue_as_time_is() {
    on_each("days", async |rig, version| {
        rig.sql("create table \"Me.s\".daily (n int not null, v int);
                 create function today() returns int language sql stable as $$ select (current_date - date '1970-01-01')::int $$;
                 select create_hypertable('\"Me.s\".daily', 'n', chunk_time_interval => 1);
                 select set_integer_now_func('\"Me.s\".daily', 'today');
                 insert into \"Me.s\".daily select today() - g, 1 from generate_series(0, 15) g;
                 alter table \"Me.s\".daily set (timescaledb.compress);
                 begin; select alter_job(add_compression_policy('\"Me.s\".daily', 10), next_start => now() + interval '3 hours 40 seconds'); commit").await;
        made(rig, version, "daily", "20", "true").await;
        let words = [
            "5 chunks past compress_after",
            "oldest due for at least 3d 23h",
        ];
        found(rig, &rules::COMPRESSION_BACKLOG, "\"Me.s\".daily", &words).await;
    });
}
