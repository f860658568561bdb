//! Triage of transactions that end in rollbacks, deadlocks or conflicts with replay, and of an `archive_command` that archives nothing.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::process::Command;

use hypertop::model::rules;
use hypertop::model::rules::Rule;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::{Finding, Level};
use hypertop::screens::Screens;
use hypertop::screens::gather;
use support::act::Rig;
use support::client;
use support::own::{Standby, on_own};
use support::triage;
use support::triage::{comes, found, gone, until};

/// Runs this number of transactions that fail, and as many that succeed. The server counts them at once.
async fn fail(rig: &Rig, many: usize) {
    for _ in 0..many {
        rig.client.batch_execute("select 1/0").await.unwrap_err();
        rig.sql("select 1").await;
    }
    counted(rig).await;
}

/// Counts what a session did; PostgreSQL before 15 does so by itself.
async fn counted(rig: &Rig) {
    if rig.session.server.postgres >= 150_000 {
        rig.sql("select pg_stat_force_next_flush()").await;
    }
}

/// The Server screen's finding of this rule after another reading.
async fn again(rig: &Rig, screens: &mut Screens, rule: &'static Rule) -> Option<Finding> {
    let at = triage::look_again(rig, screens, &[ScreenId::Server]).await;
    let rows = gather::found(screens, ScreenId::Server, &at);
    let mut found = rows.into_iter().map(|row| row.finding);
    found.find(|finding| finding.rule == rule)
}

/// `hypertop check` of one rule: the exit code and the output.
fn check(rig: &Rig, args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hypertop"))
        .args(["-w", "-d", &rig.conninfo, "check"])
        .args(args)
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", "/nonexistent")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text)
}

#[test]
fn rollbacks_are_found_between_two_looks_and_at_the_first_one_only_after_a_recent_reset() {
    triage::on_each("rollbacks", "", async |rig, _| {
        let only = ["--only", "server-rollbacks"];
        fail(rig, 100).await;
        let mut screens = Screens::default();
        let first = again(rig, &mut screens, &rules::SERVER_ROLLBACKS).await;
        // Before PostgreSQL 15 the counters are known to have begun with this database, a moment ago.
        let dated = rig.session.server.stats_reset.is_some();
        assert_eq!(first.is_some(), dated, "{}: {first:?}", rig.name);
        assert_eq!(check(rig, &only).0 == Some(1), dated, "{}", rig.name);

        fail(rig, 150).await;
        let words = "of the transactions in this database were rolled back in the last ";
        let second = again(rig, &mut screens, &rules::SERVER_ROLLBACKS).await;
        let second = second.unwrap_or_else(|| panic!("{}: nothing found", rig.name));
        assert_eq!(second.level, Level::Warning);
        assert!(second.reason.contains(words), "{}", second.reason);
        rig.limit(|limits| limits.error_transactions = 1e6);
        let few = again(rig, &mut screens, &rules::SERVER_ROLLBACKS).await;
        assert_eq!(few, None, "{}: too few to judge", rig.name);

        rig.sql("select pg_stat_reset()").await;
        fail(rig, 150).await;
        let (code, text) = check(rig, &only);
        assert_eq!(code, Some(1), "{}: {text}", rig.name);
        assert!(text.contains(words), "{}: {text}", rig.name);
        let (_, metrics) = check(rig, &["--format", "prometheus"]);
        let series = "rule=\"server-rollbacks\",level=\"warning\"} 1\n";
        assert!(metrics.contains(series), "{}: {metrics}", rig.name);
    });
}

#[test]
fn the_list_says_which_rules_need_two_looks() {
    triage::on_each("listed", "", async |rig, _| {
        let (code, text) = check(rig, &["--list", "--only", "server-*"]);
        assert_eq!(code, Some(0));
        for line in text.lines().take_while(|line| !line.is_empty()) {
            let name = line.split_whitespace().next().unwrap();
            let two = ["server-rollbacks", "server-deadlocks", "server-conflicts"].contains(&name);
            assert_eq!(line.contains("needs two readings"), two, "{line}");
        }
        assert!(text.contains("server-archive-command "), "{text}");
    });
}

#[test]
fn deadlocks_are_found_by_their_share_of_the_transactions() {
    triage::on_each("deadlocks", "create table t (v int)", async |rig, _| {
        let mut screens = Screens::default();
        rig.limit(|limits| limits.error_transactions = 1.0);
        again(rig, &mut screens, &rules::SERVER_DEADLOCKS).await;
        let (one, two) = (client(&rig.conninfo).await, client(&rig.conninfo).await);
        for (client, key) in [(&one, 1), (&two, 2)] {
            let begin = format!(
                "set deadlock_timeout = '10ms'; begin; select pg_advisory_xact_lock({key})"
            );
            client.batch_execute(&begin).await.unwrap();
        }
        let (first, second) = tokio::join!(
            one.batch_execute("select pg_advisory_xact_lock(2); commit"),
            two.batch_execute("select pg_advisory_xact_lock(1); commit"),
        );
        assert!(first.is_ok() != second.is_ok(), "one of them is the victim");
        let loser = if first.is_err() { &one } else { &two };
        loser.batch_execute("rollback").await.unwrap();
        // The session whose transaction was cancelled reports the deadlock at its end at the latest.
        drop((one, two));
        until(
            rig,
            "it is counted",
            "select deadlocks > 0 from pg_stat_database where datname = current_database()",
        )
        .await;
        let found = again(rig, &mut screens, &rules::SERVER_DEADLOCKS).await;
        let found = found.unwrap_or_else(|| panic!("{}: nothing found", rig.name));
        assert!(
            found
                .reason
                .contains("were ended by a deadlock in the last ")
                && found.reason.contains("(1 of "),
            "{}: {}",
            rig.name,
            found.reason
        );
    });
}

const SAFE: [(&str, &str); 2] = [("fsync", "on"), ("full_page_writes", "on")];

#[test]
fn queries_that_replay_cancels_are_found_on_the_standby_and_nowhere_else() {
    on_own(&SAFE, async |server| {
        let rig = Rig::on("primary", &server.conninfo("postgres")).await;
        rig.sql("create table t (v int)").await;
        let standby = Standby::start(server, "reports", "max_standby_streaming_delay = 0");
        let there = Rig::on("standby", &standby.conninfo(&rig.conninfo)).await;
        let caught_up = "select exists (select from pg_stat_replication where replay_lsn >= pg_current_wal_lsn())";
        until(&rig, "it streams", caught_up).await;
        there.limit(|limits| limits.error_transactions = 1.0);
        let mut screens = Screens::default();
        let none = again(&there, &mut screens, &rules::SERVER_CONFLICTS).await;
        assert_eq!(none, None);
        let reader = client(&there.conninfo).await;
        reader.batch_execute("begin; select from t").await.unwrap();
        rig.sql("drop table t").await;
        until(
            &there,
            "it is cancelled",
            "select conflicts > 0 from pg_stat_database where datname = current_database()",
        )
        .await;
        let found = again(&there, &mut screens, &rules::SERVER_CONFLICTS).await;
        let found = found.expect("a conflict");
        for words in ["were cancelled by replay", "hot_standby_feedback"] {
            assert!(found.reason.contains(words), "{}", found.reason);
        }
        let (primary, _) = triage::look(&rig, &[ScreenId::Server]).await;
        let names = primary.server.rows().iter();
        assert!(names.into_iter().all(|row| row.name != "conflicts"));
    });
}

#[test]
fn an_archive_command_that_keeps_nothing_is_found_and_one_that_copies_is_not() {
    let settings = [
        SAFE[0],
        SAFE[1],
        ("archive_mode", "on"),
        ("archive_command", "/bin/true"),
    ];
    on_own(&settings, async |server| {
        let rig = Rig::on("plain", &server.conninfo("postgres")).await;
        let (rule, of) = (&rules::SERVER_ARCHIVE_COMMAND, "archive-command");
        let words = [
            "archive_command (\"/bin/true\")",
            "copies %p",
            "base backup",
        ];
        let row = found(&rig, rule, of, &words).await;
        assert_eq!(row.finding.level, Level::Warning);
        let set = async |command: &str| {
            let command = command.replace('\'', "''");
            rig.sql(&format!("alter system set archive_command = '{command}'"))
                .await;
            rig.sql("select pg_reload_conf()").await;
            let there = format!("select current_setting('archive_command') = '{command}'");
            until(&rig, "it is set", &there).await;
        };
        for keeps in [
            "cp %p kept_%f",
            "test ! -f kept_%f && cp %p kept_%f",
            "true && cp %p kept_%f",
            "echo \"# %p\"; cp %p kept_%f",
            "echo %p > kept_%f",
            "/opt/true %p",
            "exit 1",
        ] {
            set(keeps).await;
            gone(&rig, rule, of).await;
        }
        for keeps_nothing in [
            ":",
            "cd .",
            "exit 0",
            " ",
            "true # cp %p kept_%f",
            "/usr/bin/true %p",
        ] {
            set(keeps_nothing).await;
            comes(&rig, rule, of).await;
            // The server believes that the WAL file was archived.
            rig.sql("create table if not exists t (v int); insert into t values (1)")
                .await;
            let before = rig
                .text("select archived_count from pg_stat_archiver")
                .await;
            rig.sql("select pg_switch_wal()").await;
            let more = format!("select archived_count > {before} from pg_stat_archiver");
            until(&rig, "it says that it archived", &more).await;
        }
        if rig.session.server.postgres >= 150_000 {
            // A library archives instead of a command. From 16 on, PostgreSQL refuses both at once.
            rig.sql("alter system set archive_library = 'basic_archive'")
                .await;
            rig.sql("select pg_reload_conf()").await;
            let set = "select current_setting('archive_library') = 'basic_archive'";
            until(&rig, "the library is set", set).await;
            gone(&rig, rule, of).await;
        }
    });
}
