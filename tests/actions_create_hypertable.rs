//! A plain table becomes a hypertable, with its rows. If the server would refuse that, the preview already refuses it.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::plan::{Consent, Mode, Undo};
use support::program::{Files, run};
use support::triage;

const TABLES: &str = r#"create schema "M"; create table "M"."Raw ""x""" (id int, "T s" timestamptz, "N" bigint, v float8);
insert into "M"."Raw ""x""" select n, now() - n * interval '1 day', n, n from generate_series(1, 40) n; analyze "M"."Raw ""x""";
create table "M".keyed (ts timestamptz not null, id int primary key);
create table "M".target (ts timestamptz, id int, unique (ts, id)); create table "M".source (ts timestamptz, id int, foreign key (ts, id) references "M".target (ts, id));
create table "M".parts (ts timestamptz) partition by range (ts);
create table "M".bare (name text);
create function "M".fires() returns trigger language plpgsql as 'begin return new; end';
create table "M".watched (ts timestamptz not null); create trigger t before insert on "M".watched for each row execute function "M".fires();
create function "M".others(int) returns int language sql immutable as 'select $1';
do $$ begin create role other_of_tables; exception when duplicate_object then null; end $$; alter function "M".others owner to other_of_tables;
create table "M".coded (ts timestamptz not null, id int); create index on "M".coded ("M".others(id))"#;

const NAME: &str = r#""M"."Raw ""x""""#;

#[test]
fn a_table_becomes_a_hypertable_with_its_rows_and_the_preview_says_what_that_costs() {
    triage::on_each("made_table", TABLES, async |rig, version| {
        let set = [("time", "T s"), ("chunk_interval", "10 days")];
        let approved = rig.plan("create-hypertable", NAME, &set).await.unwrap();
        let plan = &approved.plan;
        let notes: Vec<&str> = plan.notes.iter().map(|note| note.text.as_str()).collect();
        let notes = notes.join("\n");
        assert!(
            notes.contains("about 40 rows")
                && notes.contains("are copied into chunks")
                && notes.contains("becomes NOT NULL"),
            "{version:?}: {notes}"
        );
        assert_eq!(plan.consent, Consent::Name, "{version:?}");
        assert!(
            matches!(&plan.undo, Undo::Never(why) if why.contains("plain table again")),
            "{version:?}"
        );
        assert!(
            plan.touches
                .iter()
                .any(|touch| touch.name == NAME && touch.mode == Mode::AccessExclusive),
            "{version:?}: {:?}",
            plan.touches
        );
        let report = rig.perform(&approved).await.unwrap();
        assert_eq!(report.problems, [], "{version:?}");
        let rows = rig
            .text(&format!("select count(*)::text from {NAME}"))
            .await;
        let chunks = rig
            .text("select (count(*) > 3)::text from timescaledb_information.chunks")
            .await;
        let interval = rig
            .text("select time_interval::text from timescaledb_information.dimensions")
            .await;
        assert_eq!(
            (rows.as_str(), chunks.as_str(), interval.as_str()),
            ("40", "true", "10 days"),
            "{version:?}"
        );
        let why = rig.rollback_plan(&[report.id]).await.unwrap_err();
        assert!(why.contains("irreversible"), "{version:?}: {why}");
        let why = rig.plan("create-hypertable", NAME, &set).await.unwrap_err();
        assert!(why.contains("hypertable"), "{version:?}: {why}");
    });
}

#[test]
fn what_the_server_would_refuse_is_refused_with_the_reason_and_the_fix() {
    triage::on_each("unmade_table", TABLES, async |rig, version| {
        let ts = [("time", "ts")];
        for (table, set, words) in [
            (
                "\"M\".keyed",
                &ts[..],
                "add ts to each of these, or drop them: keyed_pkey",
            ),
            (
                "\"M\".target",
                &ts,
                "drop the keys first (source_ts_id_fkey of \"M\".source)",
            ),
            ("\"M\".parts", &ts, "is partitioned"),
            (
                "\"M\".bare",
                &[],
                "has no column that can be the time column",
            ),
            (
                "\"M\".watched",
                &ts,
                "has triggers, which would run for each row",
            ),
            ("\"M\".coded", &ts, "a function of another role"),
            (
                NAME,
                &[("time", "v")],
                "time: \"v\" cannot be the time column; choose from: T s, id, N",
            ),
            (
                NAME,
                &[("time", "N")],
                "is an integer, so \"7 days\" must be a whole number",
            ),
            (NAME, &[("chunk_interval", "soon")], "is not an interval"),
            (NAME, &[("chunk_interval", "0 days")], "chunk_interval"),
        ] {
            let why = rig.plan("create-hypertable", table, set).await.unwrap_err();
            assert!(why.contains(words), "{version:?}: {table} {set:?}: {why}");
        }
        let integer = [("time", "N"), ("chunk_interval", "10")];
        rig.act("create-hypertable", NAME, &integer).await;
        let chunks = rig
            .text("select (count(*) > 3)::text from timescaledb_information.chunks")
            .await;
        assert_eq!(chunks, "true", "{version:?}");
    });
}

#[test]
fn a_policy_file_is_refused_for_the_same_reasons_at_its_line() {
    triage::on_each("unmade_by_file", TABLES, async |rig, version| {
        let files = Files::new();
        for (table, words) in [
            (r#"\"M\".watched"#, "it has triggers, which would run"),
            (r#"\"M\".coded"#, "with your rights: \"M\".others"),
        ] {
            let text = format!("[[hypertable]]\nname = \"{table}\"\ntime = \"ts\"\n");
            let file = files.write("policies.toml", &text);
            for (command, refused) in [("plan", 1), ("apply", 3)] {
                let (code, said) = run(rig, &[command, file.to_str().unwrap()]);
                assert!(
                    code == refused && said.contains(words) && said.contains("policies.toml:2:8: "),
                    "{version:?}: {command}: {said}"
                );
            }
        }
    });
}
