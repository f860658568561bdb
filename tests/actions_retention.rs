//! Actions on retention, on every real TimescaleDB: the effect is checked by SQL, and so is the rollback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    reason = "a test may fail; a closure is written where it is used"
)]

#[path = "actions_retention/dropping.rs"]
mod dropping;
#[path = "policies/real.rs"]
mod real;
mod support;

use hypertop::model::plan::{Consent, Mode, Plan, Undo};
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use real::own;
use support::act::Rig;
use support::{block_on, with_targets};

/// All columns of the retention policies except their ids, and their next starts.
const POLICIES: &str = "select jsonb_agg((to_jsonb(b) - 'id') || jsonb_build_object('application_name',
    regexp_replace(b.application_name::text, ' \\[\\d+\\]$', ''), 'next_start', s.next_start) order by b.hypertable_id)
  from _timescaledb_config.bgw_job b left join _timescaledb_internal.bgw_job_stat s on s.job_id = b.id
  where b.proc_name = 'policy_retention'";
const HOSTILE: &str =
    r#""Hos.tile ""x"""."Tablo 'Ö' $1; -- of sixty three bytes, as long as a name gets""#;
const AGGREGATE: &str = r#""Hos.tile ""x"""."Agg; 'of' $3""#;

/// Runs a test in a database of its own for each version.
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

fn quoted(name: &str) -> String {
    format!("'{}'", name.replace('\'', "''"))
}

#[test]
fn an_edited_or_removed_policy_comes_back_as_it_was() {
    on_each(async |rig, _| {
        for (table, after) in [
            (HOSTILE, "1 mon"),
            (AGGREGATE, "200d"),
            ("two_dimensions", "1w"),
            ("counted", "900"),
            ("naive", "2d12h"),
            ("by_day", "90 days"),
            ("frozen", "8 days"),
            ("paused", "12 days"),
        ] {
            let longer = [("drop_after", after), ("schedule_interval", "36h")];
            rig.there_and_back("edit-retention-policy", table, &longer, POLICIES)
                .await;
            rig.there_and_back("remove-retention-policy", table, &[], POLICIES)
                .await;
        }
    });
}

#[test]
fn a_fixed_schedule_and_its_time_zone_come_back() {
    on_each(async |rig, _| {
        rig.sql("select add_retention_policy('unwatched', interval '30 days', schedule_interval => interval '1 day',
                   initial_start => '2040-03-01 02:00+00', timezone => 'Europe/Berlin')")
            .await;
        let every = [("schedule_interval", "2 days")];
        rig.there_and_back("edit-retention-policy", "unwatched", &every, POLICIES)
            .await;
        rig.there_and_back("remove-retention-policy", "unwatched", &[], POLICIES)
            .await;
        rig.sql("select remove_retention_policy('unwatched')").await;
    });
}

#[test]
fn an_added_policy_goes_again() {
    on_each(async |rig, version| {
        let set = [("drop_after", "3d"), ("first_run", "6h")];
        rig.there_and_back("add-retention-policy", "unwatched", &set, POLICIES)
            .await;
        let approved = rig
            .plan("add-retention-policy", "unwatched", &set)
            .await
            .unwrap();
        // The undo is partial, because it does not restore chunks that the policy drops before the undo.
        assert!(
            matches!(approved.plan.undo, Undo::Partly(_)),
            "{:?}",
            approved.plan.undo
        );
        assert_eq!(approved.plan.consent, Consent::Yes);
        let at_once = [("drop_after", "3d")];
        let approved = rig
            .plan("add-retention-policy", "unwatched", &at_once)
            .await
            .unwrap();
        assert_eq!(
            approved.plan.consent,
            Consent::Name,
            "it drops within seconds"
        );
        let never = [("drop_after", "10 years")];
        let approved = rig
            .plan("add-retention-policy", "unwatched", &never)
            .await
            .unwrap();
        assert!(
            matches!(approved.plan.undo, Undo::Exact(_)),
            "{:?}",
            approved.plan.undo
        );
        assert_eq!(approved.plan.consent, Consent::Enter);
        let created = [("drop_created_before", "10 days"), ("first_run", "6h")];
        let made = rig
            .plan("add-retention-policy", "unwatched", &created)
            .await;
        if version < Version::parse("2.26.3").unwrap() {
            let why = made.unwrap_err();
            assert!(why.contains("use drop_after"), "{}: {why}", rig.name);
        } else {
            rig.there_and_back("add-retention-policy", "unwatched", &created, POLICIES)
                .await;
        }
    });
}

#[test]
fn a_second_policy_an_unknown_length_and_a_number_without_a_clock_are_refused() {
    on_each(async |rig, _| {
        for (action, table, set, words) in [
            (
                "add-retention-policy",
                "counted",
                ("drop_after", "5"),
                "edit-retention-policy changes it",
            ),
            (
                "edit-retention-policy",
                "unwatched",
                ("drop_after", "5d"),
                "has no retention policy",
            ),
            (
                "remove-retention-policy",
                "unwatched",
                ("", ""),
                "add one with add-retention-policy",
            ),
            (
                "add-retention-policy",
                "unwatched",
                ("drop_after", "soon"),
                "write 7 days, 7d",
            ),
            (
                "add-retention-policy",
                "unwatched",
                ("drop_after", "0d"),
                "longer than zero",
            ),
            (
                "add-retention-policy",
                "unwatched",
                ("schedule_interval", "1d"),
                "drop_after is required",
            ),
            (
                "edit-retention-policy",
                "counted",
                ("drop_after", "7d"),
                "not a whole number",
            ),
            (
                "edit-retention-policy",
                "counted",
                ("drop_after", "650"),
                "already has these values; change a field\n",
            ),
            (
                "edit-retention-policy",
                "no_clock",
                ("drop_after", "7"),
                "set_integer_now_func('public.no_clock'",
            ),
            (
                "drop-chunks",
                "no_clock",
                ("drop_after", "7"),
                "set_integer_now_func('public.no_clock'",
            ),
        ] {
            let set: Vec<_> = [set]
                .into_iter()
                .filter(|(key, _)| !key.is_empty())
                .collect();
            let why = rig.plan(action, table, &set).await.unwrap_err();
            assert!(why.contains(words), "{}: {action} {table}: {why}", rig.name);
        }
        // The policy could not be added again, so its name must be typed.
        let approved = rig
            .plan("remove-retention-policy", "no_clock", &[])
            .await
            .unwrap();
        assert!(
            matches!(approved.plan.undo, Undo::Never(_)),
            "{:?}",
            approved.plan.undo
        );
        assert_eq!(approved.plan.consent, Consent::Name);
    });
}

#[test]
fn a_policy_that_lets_a_refresh_delete_rows_is_refused_unless_that_is_wanted() {
    on_each(async |rig, _| {
        let shorter = [("drop_after", "5 days")];
        let why = rig
            .plan("edit-retention-policy", HOSTILE, &shorter)
            .await
            .unwrap_err();
        for words in [
            "DATA LOSS",
            AGGREGATE,
            "the last 9d",
            "--set drop_after='9 days'",
            "override_data_loss",
        ] {
            assert!(why.contains(words), "{}: {words}: {why}", rig.name);
        }
        let offered = [("drop_after", "9 days")];
        let approved = rig
            .plan("edit-retention-policy", HOSTILE, &offered)
            .await
            .unwrap();
        assert!(
            !notes(&approved.plan).contains("DATA LOSS"),
            "{}",
            notes(&approved.plan)
        );
        let wanted = [("drop_after", "5 days"), ("override_data_loss", "yes")];
        let approved = rig
            .plan("edit-retention-policy", HOSTILE, &wanted)
            .await
            .unwrap();
        assert_eq!(approved.plan.consent, Consent::Name);
        let critical = approved.plan.notes.iter().any(|note| {
            note.level == Level::Critical && note.text.contains("delete rows older than 5d from")
        });
        assert!(critical, "{}: {}", rig.name, notes(&approved.plan));
        // A change that reduces the loss is allowed, with a warning.
        let report = rig.perform(&approved).await.unwrap();
        let later = [("drop_after", "7 days")];
        let fixed = rig
            .plan("edit-retention-policy", HOSTILE, &later)
            .await
            .unwrap();
        assert!(notes(&fixed.plan).contains("DATA LOSS"));
        rig.rollback(&[report.id]).await;
        // A refresh policy without a start: no drop_after is safe, so none is offered.
        rig.sql("create table bottomless (ts timestamptz not null, v int);
                 select create_hypertable('bottomless', 'ts');
                 insert into bottomless select t, 1 from generate_series(now() - interval '30 days', now(), interval '1 day') t")
            .await;
        rig.sql("create materialized view bottomless_daily with (timescaledb.continuous) as
                   select time_bucket('1 day', ts) as b, count(*) from bottomless group by 1 with no data")
            .await;
        rig.sql("select add_continuous_aggregate_policy('bottomless_daily', null, interval '1 hour', interval '1 hour', initial_start => '2040-01-01')")
            .await;
        let set = [("drop_after", "20 years"), ("first_run", "1d")];
        let why = rig
            .plan("add-retention-policy", "bottomless", &set)
            .await
            .unwrap_err();
        assert!(
            why.contains("refreshes everything") && !why.contains("--set"),
            "{why}"
        );
        rig.sql("drop table bottomless cascade").await;
    });
}

#[test]
fn conflicts_with_compression_and_what_an_aggregate_never_reads_are_said() {
    on_each(async |rig, _| {
        let set = [("drop_after", "2 days")];
        let approved = rig
            .plan("edit-retention-policy", "two_dimensions", &set)
            .await
            .unwrap();
        let said = notes(&approved.plan);
        assert!(
            said.contains("compresses after 3 days: chunks are dropped before they are compressed"),
            "{said}"
        );
        let set = [("drop_after", "30 min"), ("override_data_loss", "yes")];
        let approved = rig
            .plan("edit-retention-policy", HOSTILE, &set)
            .await
            .unwrap();
        let said = notes(&approved.plan);
        assert!(said.contains("is never filled"), "{said}");
        let approved = rig
            .plan("edit-retention-policy", "naive", &[("drop_after", "20h")])
            .await
            .unwrap();
        assert!(notes(&approved.plan).contains("the time column has no zone"));
    });
}

/// Names of the chunks that a plan drops, sorted.
fn going(plan: &Plan) -> Vec<String> {
    let mut names: Vec<_> = plan
        .touches
        .iter()
        .filter(|touch| !touch.name.ends_with("(compressed)") && touch.mode > Mode::AccessShare)
        .map(|touch| touch.name.clone())
        .collect();
    names.sort();
    names
}

#[test]
fn what_would_be_dropped_is_what_show_chunks_says_in_every_time_zone() {
    on_each(async |rig, _| {
        for zone in ["UTC", "Asia/Kolkata", "America/New_York"] {
            let database = rig.text("select current_database()").await;
            rig.sql(&format!(
                "alter database {database} set timezone = '{zone}'"
            ))
            .await;
            let here = Rig::on(&rig.name, &rig.conninfo).await;
            for (table, afters) in [
                (HOSTILE, ["9 days", "1 day 5 hours", "1h"]),
                (AGGREGATE, ["5d", "1d", "1h"]),
                ("two_dimensions", ["1 week", "36h", "1 day"]),
                ("naive", ["30h", "1 day", "1h"]),
                ("by_day", ["1 mon", "60 days", "10h"]),
                ("counted", ["650", "500", "1"]),
            ] {
                for after in afters {
                    let is_number = after.parse::<i64>().is_ok();
                    let older = if is_number {
                        format!("counted_now() - {after}::bigint")
                    } else {
                        format!("interval '{after}'")
                    };
                    let sql = format!(
                        "select coalesce(string_agg(format('%I.%I', n.nspname, c.relname), e'\\n' order by format('%I.%I', n.nspname, c.relname) collate \"C\"), '')
                         from show_chunks({}, older_than => {older}) x join pg_class c on c.oid = x join pg_namespace n on n.oid = c.relnamespace",
                        quoted(table)
                    );
                    let shown = here.text(&sql).await;
                    let plan = here
                        .plan("drop-chunks", table, &[("drop_after", after)])
                        .await;
                    let ours = plan.map_or_else(
                        |why| {
                            assert!(why.contains("has no chunk"), "{}: {why}", rig.name);
                            String::new()
                        },
                        |approved| going(&approved.plan).join("\n"),
                    );
                    assert_eq!(ours, shown, "{}: {table} {after} in {zone}", rig.name);
                }
            }
        }
        let database = rig.text("select current_database()").await;
        rig.sql(&format!("alter database {database} reset timezone"))
            .await;
    });
}

#[test]
fn a_role_without_rights_gets_the_servers_words_and_nothing_is_changed() {
    on_each(async |rig, _| {
        rig.sql("do $$ begin create role bystander login; exception when duplicate_object then null; end $$")
            .await;
        rig.sql("grant usage on schema \"Hos.tile \"\"x\"\"\" to bystander")
            .await;
        let other = Rig::on(
            &rig.name,
            &rig.conninfo.replace("user=postgres", "user=bystander"),
        )
        .await;
        assert_eq!(other.text("select current_user").await, "bystander");
        let before = rig.text(POLICIES).await;
        let longer = [("drop_after", "30 days")];
        let added = [("drop_after", "30 days"), ("first_run", "1d")];
        let old = [("drop_after", "9 days")];
        for (action, table, set, words) in [
            (
                "edit-retention-policy",
                HOSTILE,
                &longer[..],
                "insufficient permissions to alter job",
            ),
            (
                "remove-retention-policy",
                HOSTILE,
                &[],
                "insufficient permissions to delete job",
            ),
            (
                "add-retention-policy",
                "unwatched",
                &added[..],
                "must be owner of hypertable \"unwatched\"",
            ),
            ("drop-chunks", HOSTILE, &old[..], "must be owner of"),
        ] {
            let approved = other.plan(action, table, set).await.unwrap();
            let report = other.perform(&approved).await.unwrap();
            let (_, problem) = report.problems.first().expect("it is refused");
            assert!(
                problem.to_string().contains(words),
                "{}: {action}: {problem}",
                rig.name
            );
        }
        assert_eq!(rig.text(POLICIES).await, before);
        rig.sql("drop owned by bystander").await;
    });
}
