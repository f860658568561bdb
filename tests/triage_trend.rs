//! The trend of a compression backlog: the screens agree with the policy's runs on a real server.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::version::Version;
use hypertop::screens::record::Record;
use support::act::Rig;
use support::client;
use support::triage::{self, NAME, PACKS_WELL, found, gone, until};

/// Runs a test in a new database of each version with [`PACKS_WELL`].
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, PACKS_WELL, test);
}

/// A policy with `compress_after` 2 days and this configuration, which starts at once.
async fn policy(rig: &Rig, every: &str, config: &str) {
    rig.sql(&format!(
        "begin; select add_compression_policy('{NAME}', interval '2 days');
         select alter_job(j.id, schedule_interval => '{every}', config => j.config || '{config}')
           from _timescaledb_config.bgw_job j where j.proc_name = 'policy_compression'; commit"
    ))
    .await;
}

const ENDED: &str = "select exists (select from _timescaledb_internal.bgw_job_stat where job_id >= 1000 and last_finish > '-infinity')";

#[test]
fn a_backlog_that_its_policy_may_only_nibble_at_says_when_it_is_gone_or_that_it_never_is() {
    on_each("nibble", async |rig, _| {
        policy(rig, "12 hours", r#"{"maxchunks_to_compress": 1}"#).await;
        until(rig, "the run does not end", ENDED).await;
        let words = [
            "6 chunks past compress_after",
            " runs with at most 1 chunk each (maxchunks_to_compress), while about ",
            " per day become due (by the chunks' ranges): done in about ",
        ];
        let told = found(rig, &rules::COMPRESSION_BACKLOG, NAME, &words).await;
        // Half a chunk becomes due per run, so six chunks need about twelve runs.
        let reason = &told.finding.reason;
        let (before, _) = reason.split_once(" runs with").unwrap();
        let runs: i64 = before.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((10..=12).contains(&runs), "{}: {reason}", rig.name);
        rig.sql(
            "select alter_job(j.id, schedule_interval => '2 days', next_start => now() + interval '2 days') from _timescaledb_config.bgw_job j where j.proc_name = 'policy_compression'",
        )
        .await;
        let words = [
            "it never catches up: a run every 2d compresses at most 1 chunk (maxchunks_to_compress), while about",
        ];
        found(rig, &rules::COMPRESSION_BACKLOG, NAME, &words).await;
    });
}

#[test]
fn a_backlog_says_at_once_what_the_last_run_made_of_it() {
    on_each("made", async |rig, version| {
        policy(rig, "12 hours", "{}").await;
        until(rig, "the run does not end", ENDED).await;
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
        rig.sql(&format!("select decompress_chunk(c) from show_chunks('{NAME}', older_than => interval '6 days') c")).await;
        let told = found(rig, &rules::COMPRESSION_BACKLOG, NAME, &["3 chunks past"]).await;
        let reason = told.finding.reason;
        // On these versions four of the seven chunks still have the relation that compression created, with its
        // creation time.
        let told = reason.contains("the policy's last run compressed 4 in ")
            && reason.contains(
                "(by the creation times of the compressed chunks): the next run takes about ",
            );
        assert_eq!(
            told,
            (Version::new(2, 14)..Version::new(2, 29)).contains(&version),
            "{}: {reason}",
            rig.name
        );
    });
}

#[test]
fn a_run_that_goes_on_says_when_it_will_be_done() {
    on_each("goes", async |rig, version| {
        let third = format!(
            "select c::text from show_chunks('{NAME}', older_than => interval '2 days') c order by c::text limit 1 offset 2"
        );
        let chunk = rig.text(&third).await;
        let holder = client(&rig.conninfo).await;
        let lock = format!("begin; lock table {chunk} in row exclusive mode");
        holder.batch_execute(&lock).await.unwrap();
        policy(rig, "12 hours", "{}").await;
        until(rig, "the run does not wait", "select exists (select from pg_locks l where not l.granted and now() - l.waitstart > interval '11 seconds')").await;
        // During the first run nothing is wrong yet.
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
        let (screens, at) = triage::look(rig, &[ScreenId::Compression]).await;
        let mut rows = screens.compression.rows().iter();
        let row = rows.find(|row| row.key() == NAME).unwrap();
        let reason = row.verdict(&at).reason;
        assert!(reason.contains("5 chunks due"), "{}: {reason}", rig.name);
        let words = reason.contains(", the policy's run has compressed 2 in 1")
            && reason.contains("(by the creation times of the compressed chunks): done in about ");
        assert_eq!(
            words,
            (Version::new(2, 14)..Version::new(2, 29)).contains(&version),
            "{}: {reason}",
            rig.name
        );
        drop(holder);
    });
}
