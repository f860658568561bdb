//! If a policy was changed, work that the change made due is no warning until the policy's next run is over.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::journal::Journal;
use hypertop::model::rules;
use hypertop::model::rules::Rule;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::{Level, Verdict};
use hypertop::screens::Rows;
use hypertop::screens::record::Record;
use hypertop::server::known::At;
use support::act::Rig;
use support::session;
use support::triage::{self, NAME, PACKS_WELL, until};

/// The verdict of a console with the journal, or without one.
async fn verdict(rig: &Rig, screen: ScreenId, journal: bool) -> Verdict {
    let mut session = session(&rig.conninfo).await;
    session.journal = journal.then(|| Journal::new(rig.journal()));
    let (now, _) = session.pulse(screen).await.unwrap();
    let at = At {
        now,
        server: &session.server,
    };
    match session.load(screen).await.unwrap() {
        Rows::Compression(rows) => rows[0].verdict(&at),
        Rows::Retention(rows) => rows[0].verdict(&at),
        other => panic!("{other:?}"),
    }
}

/// The facts in the details of the first row of Retention, as text.
async fn facts(rig: &Rig) -> String {
    let session = session(&rig.conninfo).await;
    let (now, _) = session.pulse(ScreenId::Retention).await.unwrap();
    let at = At {
        now,
        server: &session.server,
    };
    match session.load(ScreenId::Retention).await.unwrap() {
        Rows::Retention(rows) => format!("{:?}", rows[0].facts(&at)),
        other => panic!("{other:?}"),
    }
}

/// Checks the level of the finding of this rule, and the words in its reason.
fn says(rig: &Rig, verdict: &Verdict, rule: &'static Rule, level: Level, words: &str) {
    let finding = verdict.findings.iter().find(|of| of.rule == rule);
    let finding = finding.unwrap_or_else(|| panic!("{}: {verdict:#?}", rig.name));
    let about = format!("{}: {words}: {finding:?}", rig.name);
    assert_eq!(finding.level, level, "{about}");
    assert!(finding.reason.contains(words), "{about}");
}

async fn id(rig: &Rig, proc: &str) -> String {
    let sql =
        format!("select id::text from _timescaledb_config.bgw_job where proc_name = '{proc}'");
    rig.text(&sql).await
}

/// Lets the scheduler run the job, and waits for the end.
async fn run(rig: &Rig, proc: &str) {
    let id = id(rig, proc).await;
    let runs = format!(
        "select coalesce(max(total_successes), 0)::text from _timescaledb_internal.bgw_job_stat where job_id = {id}"
    );
    let before = rig.text(&runs).await;
    rig.act("run-job-now", &id, &[("how", "scheduler")]).await;
    let ended = format!(
        "select exists (select from _timescaledb_internal.bgw_job_stat where job_id = {id} and total_successes > {before} and last_finish > '-infinity')"
    );
    until(rig, proc, &ended).await;
}

/// Changes a key of the job's configuration by SQL, as another user would.
async fn set(rig: &Rig, proc: &str, key: &str, value: &str) {
    let id = id(rig, proc).await;
    rig.sql(&format!(
        "select alter_job(id, config => config || '{{\"{key}\": \"{value}\"}}') from _timescaledb_config.bgw_job where id = {id}"
    ))
    .await;
}

const SINCE_RUN: &str = "its policy was changed since its last run: the due chunks wait for the next run; the policy runs in";

#[test]
fn chunks_of_a_compression_policy_that_anyone_tightened_wait_for_its_next_run() {
    triage::on_each("tightened", PACKS_WELL, async |rig, _| {
        let (proc, rule) = ("policy_compression", &rules::COMPRESSION_BACKLOG);
        rig.sql(&format!("begin; select alter_job(add_compression_policy('{NAME}', interval '7 days', schedule_interval => interval '1 hour'), next_start => now() + interval '1 hour'); commit")).await;
        run(rig, proc).await;
        set(rig, proc, "compress_after", "1 day").await;
        // This change is not in the journal.
        for journal in [false, true] {
            let verdict = verdict(rig, ScreenId::Compression, journal).await;
            says(rig, &verdict, rule, Level::Ok, SINCE_RUN);
        }
        run(rig, proc).await;
        let after = verdict(rig, ScreenId::Compression, true).await;
        assert!(
            after.findings.iter().all(|of| of.rule != rule),
            "{}: {after:?}",
            rig.name
        );
        // Chunks that the run left uncompressed are now a warning, because the change no longer explains them.
        rig.sql(&format!("select decompress_chunk(c) from show_chunks('{NAME}', older_than => interval '7 days') c limit 1")).await;
        let left = verdict(rig, ScreenId::Compression, true).await;
        says(
            rig,
            &left,
            rule,
            Level::Warning,
            "past compress_after not compressed",
        );
    });
}

#[test]
fn a_change_by_the_console_itself_waits_with_its_values_and_its_rollback_ends_that() {
    triage::on_each("by_console", PACKS_WELL, async |rig, _| {
        let (proc, rule) = ("policy_compression", &rules::COMPRESSION_BACKLOG);
        rig.sql(&format!("begin; select alter_job(add_compression_policy('{NAME}', interval '7 days', schedule_interval => interval '1 hour'), next_start => now() + interval '1 hour'); commit")).await;
        run(rig, proc).await;
        let edit = [("compress_after", "1d")];
        let report = rig.act("edit-compression-policy", NAME, &edit).await;
        let seen = verdict(rig, ScreenId::Compression, true).await;
        let words = "(compress_after 7d -> 1d): the due chunks wait for the next run";
        says(rig, &seen, rule, Level::Ok, words);
        // Without the journal the server's record shows the change, but not the values.
        let seen = verdict(rig, ScreenId::Compression, false).await;
        says(rig, &seen, rule, Level::Ok, SINCE_RUN);
        rig.rollback(&[report.id]).await;
        let seen = verdict(rig, ScreenId::Compression, true).await;
        assert!(
            seen.findings.iter().all(|of| of.rule != rule),
            "{}: {seen:?}",
            rig.name
        );
    });
}

#[test]
fn a_policy_that_never_ran_waits_only_with_what_the_change_added() {
    triage::on_each("never_ran", PACKS_WELL, async |rig, _| {
        let rule = &rules::COMPRESSION_BACKLOG;
        rig.sql(&format!("begin; select alter_job(add_compression_policy('{NAME}', interval '30 days', schedule_interval => interval '1 hour'), next_start => now() + interval '1 hour'); commit")).await;
        rig.act("edit-compression-policy", NAME, &[("compress_after", "1d")])
            .await;
        let seen = verdict(rig, ScreenId::Compression, true).await;
        let words = "(compress_after 30d -> 1d): the due chunks wait for the next run";
        says(rig, &seen, rule, Level::Ok, words);
        // The server does not record a change before the first run.
        let seen = verdict(rig, ScreenId::Compression, false).await;
        says(
            rig,
            &seen,
            rule,
            Level::Warning,
            "past compress_after not compressed",
        );
        // Another user set 5 days. Chunks that were due before the change from 5 days are overdue.
        rig.sql("select alter_job(id, config => jsonb_set(config, '{compress_after}', '\"5 days\"')) from _timescaledb_config.bgw_job where proc_name = 'policy_compression'").await;
        rig.act("edit-compression-policy", NAME, &[("compress_after", "4d")])
            .await;
        let seen = verdict(rig, ScreenId::Compression, true).await;
        says(
            rig,
            &seen,
            rule,
            Level::Warning,
            "compress_after 5d -> 4d; chunks that became due by this change wait for the next run)",
        );
    });
}

#[test]
fn a_policy_that_cannot_run_does_not_excuse_its_backlog() {
    triage::on_each("cannot_run", PACKS_WELL, async |rig, _| {
        let (proc, rule) = ("policy_compression", &rules::COMPRESSION_BACKLOG);
        rig.sql(&format!("begin; select alter_job(add_compression_policy('{NAME}', interval '7 days', schedule_interval => interval '1 hour'), next_start => now() + interval '1 hour'); commit")).await;
        run(rig, proc).await;
        rig.act("edit-compression-policy", NAME, &[("compress_after", "1d")])
            .await;
        let job = id(rig, proc).await;
        rig.act("pause-job", &job, &[]).await;
        let seen = verdict(rig, ScreenId::Compression, true).await;
        says(
            rig,
            &seen,
            rule,
            Level::Warning,
            "past compress_after not compressed",
        );
        rig.act("resume-job", &job, &[]).await;
        rig.act("edit-job", &job, &[("next_start", "2040-01-01 00:00:00Z")])
            .await;
        let seen = verdict(rig, ScreenId::Compression, true).await;
        says(
            rig,
            &seen,
            rule,
            Level::Warning,
            "past compress_after not compressed",
        );
    });
}

#[test]
fn chunks_of_a_retention_policy_that_was_tightened_wait_for_its_next_run() {
    triage::on_each("tight_drop", PACKS_WELL, async |rig, _| {
        let (proc, rule) = ("policy_retention", &rules::RETENTION_OVERDUE);
        rig.sql(&format!("begin; select alter_job(add_retention_policy('{NAME}', interval '1 year', schedule_interval => interval '1 hour'), next_start => now() + interval '1 hour'); commit")).await;
        run(rig, proc).await;
        set(rig, proc, "drop_after", "2 days").await;
        let seen = verdict(rig, ScreenId::Retention, false).await;
        says(rig, &seen, rule, Level::Ok, SINCE_RUN);
        let wait = "not overdue, only waiting for the next run";
        let said = facts(rig).await;
        assert!(said.contains(wait), "{}: {said}", rig.name);
        rig.act("edit-retention-policy", NAME, &[("drop_after", "3 days")])
            .await;
        // Both changes were made after the last run.
        let seen = verdict(rig, ScreenId::Retention, true).await;
        let words = "(drop_after 2d -> 3d): the due chunks wait for the next run";
        says(rig, &seen, rule, Level::Ok, words);
        rig.act("edit-retention-policy", NAME, &[("drop_after", "2 days")])
            .await;
        run(rig, proc).await;
        let seen = verdict(rig, ScreenId::Retention, true).await;
        assert!(
            seen.findings.iter().all(|of| of.rule != rule),
            "{}: {seen:?}",
            rig.name
        );
    });
}
