//! Actions on hypertables, on every real TimescaleDB: the effect is checked by SQL, and so is the rollback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    reason = "a test may fail; a closure is written where it is used"
)]

#[path = "policies/real.rs"]
mod real;
mod support;

use hypertop::model::plan::{Consent, Plan, Undo};
use hypertop::model::version::Version;
use real::own;
use support::act::{Rig, script};
use support::{block_on, with_targets};

const HOSTILE: &str =
    r#""Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets""#;
const AGGREGATE: &str = r#""Hos.tile ""x"""."Agg; 'of' $3""#;
const INTERVALS: &str =
    "select jsonb_object_agg(d.id, d.interval_length) from _timescaledb_catalog.dimension d";
const POLICIES: &str = "select jsonb_agg((to_jsonb(b) - 'id') || jsonb_build_object('application_name',
    regexp_replace(b.application_name::text, ' \\[\\d+\\]$', ''), 'next_start', s.next_start) order by b.hypertable_id)
  from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
  where b.proc_name = 'policy_reorder'";

fn on_each(test: impl AsyncFn(&Rig, Version)) {
    with_targets(|targets| {
        for (version, target) in own(targets) {
            block_on(async { test(&Rig::new(target).await, *version).await });
        }
    });
}

fn notes(plan: &Plan) -> String {
    let lines: Vec<_> = plan.notes.iter().map(|note| note.text.as_str()).collect();
    lines.join("\n")
}

#[test]
fn a_chunk_interval_comes_back_exactly() {
    on_each(async |rig, _| {
        for (table, interval) in [
            (HOSTILE, "1h30m"),
            (AGGREGATE, "3 days"),
            ("two_dimensions", "1 mon"),
            ("counted", "2500"),
            ("no_clock", "7"),
            ("naive", "1 day 00:00:01"),
            ("by_day", "3d"),
        ] {
            let set = [("interval", interval)];
            rig.there_and_back("set-chunk-interval", table, &set, INTERVALS)
                .await;
        }
        let approved = rig
            .plan(
                "set-chunk-interval",
                "two_dimensions",
                &[("interval", "1 mon")],
            )
            .await
            .unwrap();
        assert!(
            script(&approved.plan).contains("'30 days'::interval"),
            "{}",
            script(&approved.plan)
        );
    });
}

#[test]
fn of_several_dimensions_the_named_one_is_set() {
    on_each(async |rig, _| {
        rig.sql(
            r#"create table flat (ts timestamptz not null, "other ""Axis""" bigint not null, v int);
            select create_hypertable('flat', 'ts', chunk_time_interval => interval '1 day');
            select add_dimension('flat', 'other "Axis"', chunk_time_interval => 100)"#,
        )
        .await;
        let each = r"select jsonb_object_agg(d.column_name, d.interval_length) from _timescaledb_catalog.dimension d
            join _timescaledb_catalog.hypertable h on h.id = d.hypertable_id where h.table_name = 'flat'";
        let other = [("dimension", r#"other "Axis""#), ("interval", "250")];
        rig.there_and_back("set-chunk-interval", "flat", &other, each)
            .await;
        rig.act("set-chunk-interval", "flat", &other).await;
        assert_eq!(
            rig.text(each).await,
            r#"{"ts": 86400000000, "other \"Axis\"": 250}"#
        );
        rig.act("set-chunk-interval", "flat", &[("interval", "6h")])
            .await;
        assert_eq!(
            rig.text(each).await,
            r#"{"ts": 21600000000, "other \"Axis\"": 250}"#
        );
        for (set, words) in [
            (("dimension", "v"), "choose from ts, other \"Axis\""),
            (("interval", "5"), "is not an interval"),
        ] {
            let why = rig
                .plan("set-chunk-interval", "flat", &[set])
                .await
                .unwrap_err();
            assert!(why.contains(words), "{}: {why}", rig.name);
        }
        rig.sql("drop table flat").await;
    });
}

#[test]
fn what_new_chunks_would_hold_is_reckoned_from_present_ones() {
    on_each(async |rig, _| {
        // Ten chunks of one day with the same number of rows.
        rig.sql("create table even (ts timestamptz not null, v text);
            select create_hypertable('even', 'ts', chunk_time_interval => interval '1 day');
            insert into even select d + m * interval '1 minute', repeat('x', 100)
              from generate_series(timestamptz '2026-01-01 00:00+00', '2026-01-10 00:00+00', interval '1 day') d, generate_series(0, 1000) m")
            .await;
        let bytes = rig
            .text("select avg(total_bytes)::int8 from chunks_detailed_size('even')")
            .await;
        let bytes: i64 = bytes.parse().unwrap();
        let approved = rig
            .plan("set-chunk-interval", "even", &[("interval", "1w")])
            .await
            .unwrap();
        let said = notes(&approved.plan);
        let (each, would) = (
            hypertop::model::text::bytes(bytes),
            hypertop::model::text::bytes(bytes * 7),
        );
        assert!(
            said.contains(&format!("{each} before compression, in a span of 1d")),
            "{}: {said}",
            rig.name
        );
        assert!(
            said.contains(&format!("would have about {would}")),
            "{}: {said}",
            rig.name
        );
        assert!(
            said.contains(
                "span 10d in 10 chunks; with the new interval they would need at most 2 chunks"
            ),
            "{said}"
        );
        let approved = rig
            .plan("set-chunk-interval", "even", &[("interval", "60 years")])
            .await
            .unwrap();
        let said = notes(&approved.plan);
        assert!(
            said.contains("exceed shared_buffers"),
            "{}: {said}",
            rig.name
        );
        // A compressed chunk counts with its size before compression.
        rig.sql("alter table even set (timescaledb.compress); select compress_chunk(c) from show_chunks('even') c").await;
        let approved = rig
            .plan("set-chunk-interval", "even", &[("interval", "1w")])
            .await
            .unwrap();
        assert!(
            notes(&approved.plan).contains(&format!("would have about {would}")),
            "{}: {}",
            rig.name,
            notes(&approved.plan)
        );
        rig.sql("drop table even").await;
    });
}

#[test]
fn an_interval_that_the_server_could_not_keep_is_refused() {
    on_each(async |rig, _| {
        for (table, interval, words) in [
            ("by_day", "36h", "whole number of days"),
            ("counted", "1 day", "not a whole number"),
            ("no_clock", "3000000000", "whose maximum is 2147483647"),
            ("naive", "0s", "longer than zero"),
            ("naive", "1 hour", "already span 1h"),
            ("naive", "9000000 years", "out of range"),
            ("naive", "soon", "write 7 days"),
        ] {
            let why = rig
                .plan("set-chunk-interval", table, &[("interval", interval)])
                .await
                .unwrap_err();
            assert!(
                why.contains(words),
                "{}: {table} {interval}: {why}",
                rig.name
            );
        }
    });
}

#[test]
fn an_analyzed_hypertable_has_statistics_on_its_chunks_too() {
    on_each(async |rig, _| {
        for table in [HOSTILE, AGGREGATE, "counted"] {
            let began = rig.text("select clock_timestamp()").await;
            let unread = format!(
                "select count(*) from show_chunks({}) c where pg_stat_get_last_analyze_time(c) > '{began}' is not true",
                hypertop::model::text::quote_literal(table)
            );
            assert_ne!(rig.text(&unread).await, "0", "{}: {table}", rig.name);
            let approved = rig.plan("analyze-table", table, &[]).await.unwrap();
            assert!(matches!(approved.plan.undo, Undo::Needless(_)));
            assert_eq!(approved.plan.consent, Consent::Enter);
            let report = rig.perform(&approved).await.unwrap();
            assert_eq!(report.problems, [], "{}: {table}", rig.name);
            // The server's statistics are updated some time after the end of a transaction.
            let mut left = String::new();
            for _ in 0..50 {
                left = rig.text(&unread).await;
                if left == "0" {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            assert_eq!(left, "0", "{}: chunks of {table} were left out", rig.name);
            let approved = rig.plan("analyze-table", table, &[]).await.unwrap();
            let said = notes(&approved.plan);
            assert!(
                !said.contains("no ANALYZE is recorded"),
                "{}: {said}",
                rig.name
            );
        }
    });
}

#[test]
fn a_reorder_policy_goes_and_comes_back() {
    on_each(async |rig, _| {
        rig.sql(r#"create index "by seg, ""q""" on "Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets" ("seg ""1""", "Zeit $2");
            create index "only few" on "Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets" ("Zeit $2") where "seg ""1""" = 1"#)
            .await;
        let set = [
            ("index", r#"by seg, "q""#),
            ("first_run", "1d"),
            ("schedule_interval", "5h"),
        ];
        rig.there_and_back("add-reorder-policy", HOSTILE, &set, POLICIES)
            .await;
        rig.act("add-reorder-policy", HOSTILE, &set).await;
        let job = rig.text("select config ->> 'index_name' || ' ' || schedule_interval from _timescaledb_config.bgw_job where proc_name = 'policy_reorder'").await;
        assert_eq!(job, r#"by seg, "q" 05:00:00"#, "{}", rig.name);
        rig.there_and_back("remove-reorder-policy", HOSTILE, &[], POLICIES)
            .await;
        let why = rig
            .plan("add-reorder-policy", HOSTILE, &set)
            .await
            .unwrap_err();
        assert!(why.contains("already has a reorder policy"), "{why}");
        rig.sql(&format!(
            "select remove_reorder_policy({})",
            hypertop::model::text::quote_literal(HOSTILE)
        ))
        .await;
        for (index, words) in [
            ("only few", "only few is not in the list"),
            ("no such", "no such is not in the list"),
            ("", "nothing is picked"),
        ] {
            let why = rig
                .plan("add-reorder-policy", HOSTILE, &[("index", index)])
                .await
                .unwrap_err();
            assert!(why.contains(words), "{}: {why}", rig.name);
        }
        let why = rig
            .plan("remove-reorder-policy", HOSTILE, &[])
            .await
            .unwrap_err();
        assert!(why.contains("add one with add-reorder-policy"), "{why}");
        // A fixed schedule and its time zone are restored.
        rig.sql(r"select add_reorder_policy('two_dimensions', 'two_dimensions_ts_idx', initial_start => '2040-03-01 02:00+00', timezone => 'Europe/Berlin')").await;
        rig.there_and_back("remove-reorder-policy", "two_dimensions", &[], POLICIES)
            .await;
        rig.sql("select remove_reorder_policy('two_dimensions')")
            .await;
    });
}

#[test]
fn a_role_without_rights_gets_the_servers_words() {
    on_each(async |rig, _| {
        rig.sql("do $$ begin create role onlooker login; exception when duplicate_object then null; end $$").await;
        let other = Rig::on(
            &rig.name,
            &rig.conninfo.replace("user=postgres", "user=onlooker"),
        )
        .await;
        let before = rig.text(INTERVALS).await;
        let index = [("index", "naive_ts_idx"), ("first_run", "1d")];
        for (action, set, words) in [
            (
                "set-chunk-interval",
                &[("interval", "5 days")][..],
                "must be owner of hypertable \"naive\"",
            ),
            (
                "add-reorder-policy",
                &index[..],
                "must be owner of hypertable \"naive\"",
            ),
        ] {
            let approved = other.plan(action, "naive", set).await.unwrap();
            let report = other.perform(&approved).await.unwrap();
            let (_, problem) = report.problems.first().expect("it is refused");
            assert!(
                problem.to_string().contains(words),
                "{}: {action}: {problem}",
                rig.name
            );
        }
        assert_eq!(rig.text(INTERVALS).await, before);
        // Without the right, ANALYZE only warns, so the preview and the report show the warning.
        let approved = other.plan("analyze-table", "naive", &[]).await.unwrap();
        assert!(
            notes(&approved.plan).contains("only postgres (or a member of that role) may analyze"),
            "{}",
            notes(&approved.plan)
        );
        let report = other.perform(&approved).await.unwrap();
        let told = report.notices.join("\n");
        assert!(
            told.contains("naive"),
            "{}: {told:?} {:?}",
            rig.name,
            report.problems
        );
        rig.sql("drop owned by onlooker").await;
    });
}

#[test]
fn on_the_stand_in_the_facts_are_read_too() {
    with_targets(|targets| {
        let stand_in = targets.all.iter().find(|target| !target.real).unwrap();
        block_on(async {
            let rig = Rig::new(stand_in).await;
            for table in [
                "mes.metric_hist",
                "mes.machine_cycles",
                "mes.metric_hist_1min",
            ] {
                let approved = rig
                    .plan(
                        "set-chunk-interval",
                        table,
                        &[(
                            "interval",
                            if table.ends_with("cycles") {
                                "77"
                            } else {
                                "77h"
                            },
                        )],
                    )
                    .await
                    .unwrap();
                assert!(
                    notes(&approved.plan).contains("new chunks only"),
                    "{}",
                    notes(&approved.plan)
                );
                rig.plan(
                    "drop-chunks",
                    table,
                    &[(
                        "drop_after",
                        if table.ends_with("cycles") { "1" } else { "1d" },
                    )],
                )
                .await
                .unwrap();
            }
        });
    });
}
