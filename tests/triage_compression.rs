//! Triage of compression: each trouble provoked on a real server, found by its rule and in its words, mended by the action
//! that the finding offers, and gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use hypertop::rules;
use hypertop::sql::Version;
use support::act::Rig;
use support::client;
use support::triage::{self, found, gone, mend, until};

const NAME: &str = r#""Me.s"."Raw ""x""""#;

/// A hypertable of ten daily chunks that compress well, all of them past compress-after but the last.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, d int, v text);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day');
insert into "Me.s"."Raw ""x""" select t, 1, repeat('x', 100) from generate_series(date_trunc('day', now()) - interval '9 days', now(), interval '5 minutes') t;
alter table "Me.s"."Raw ""x""" set (timescaledb.compress, timescaledb.compress_segmentby = 'd', timescaledb.compress_orderby = 'ts desc')"#;

/// A new database of each version with [`SOURCE`] in it.
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, SOURCE, test);
}

/// Compresses the chunks that are older.
async fn compress(rig: &Rig, older: &str) {
    rig.sql(&format!("select count(compress_chunk(c, true)) from show_chunks('{NAME}', older_than => interval '{older}') c")).await;
}

#[test]
fn chunks_under_old_settings_are_counted_and_rewritten() {
    on_each("old", async |rig, version| {
        compress(rig, "4 days").await;
        gone(rig, &rules::COMPRESSION_OLD, NAME).await;
        // Before, settings change only while nothing is compressed.
        if version < Version::new(2, 14) {
            return;
        }
        rig.sql(&format!("alter table {NAME} set (timescaledb.compress, timescaledb.compress_segmentby = '', timescaledb.compress_orderby = 'd, ts desc')")).await;
        compress(rig, "2 days").await;
        let count = "select count(*) filter (where range_end < now() - interval '4 days')::text || ' of ' || count(*)::text from timescaledb_information.chunks where is_compressed";
        let count = rig.text(count).await;
        let words = [count.as_str(), "other settings than the table's now"];
        let finding = found(rig, &rules::COMPRESSION_OLD, NAME, &words).await;
        mend(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_OLD, NAME).await;
    });
}

#[test]
fn late_rows_that_outgrow_the_record_are_found_and_packed() {
    on_each("drift", async |rig, _| {
        compress(rig, "4 days").await;
        gone(rig, &rules::COMPRESSION_RECORD, NAME).await;
        rig.sql(&format!("insert into {NAME} select date_trunc('day', now()) - interval '7 days' + t * interval '1 second', 1, repeat('x', 100) from generate_series(1, 14000) t")).await;
        let words = ["1 compressed chunk takes", "MB where", "kB is on record"];
        let finding = found(rig, &rules::COMPRESSION_RECORD, NAME, &words).await;
        mend(rig, &finding, &[]).await;
        rig.sql(&format!("vacuum {NAME}")).await;
        gone(rig, &rules::COMPRESSION_RECORD, NAME).await;
    });
}

/// Locks the oldest chunk in a session of its own; returns it, with its pid and the chunk's name.
async fn hold(rig: &Rig) -> (tokio_postgres::Client, i32, String) {
    let oldest = format!(
        "select min(c::text) from show_chunks('{NAME}', older_than => interval '8 days') c"
    );
    let chunk = rig.text(&oldest).await;
    let holder = client(&rig.conninfo).await;
    let lock = format!(
        "set application_name = 'nightly load'; begin; lock table {chunk} in row exclusive mode"
    );
    holder.batch_execute(&lock).await.unwrap();
    let row = holder.query_one("select pg_backend_pid()", &[]).await;
    let pid = row.unwrap().get(0);
    let name = chunk.rsplit('.').next().unwrap().to_owned();
    (holder, pid, name)
}

#[test]
fn a_policy_that_waits_for_a_lock_says_whose_and_ends_the_session() {
    on_each("waits", async |rig, _| {
        let (_holder, pid, chunk) = hold(rig).await;
        rig.sql(&format!(
            "select add_compression_policy('{NAME}', interval '2 days')"
        ))
        .await;
        until(rig, "no policy waits", "select exists (select from pg_locks l where not l.granted and now() - l.waitstart > interval '6 seconds')").await;
        let who = format!("session {pid} (nightly load)");
        let words = ["its policy (session", chunk.as_str(), who.as_str()];
        let finding = found(rig, &rules::COMPRESSION_BLOCKED, NAME, &words).await;
        assert_eq!(finding.finding.mend, Some("terminate-session"));
        mend(rig, &finding, &[]).await;
        until(rig, "the run does not end", "select exists (select from timescaledb_information.job_stats where hypertable_name like 'Raw%' and last_run_status = 'Success')").await;
        gone(rig, &rules::COMPRESSION_BLOCKED, NAME).await;
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
    });
}

#[test]
fn the_chunk_that_a_policy_leaves_behind_is_named_with_who_holds_it() {
    on_each("stuck", async |rig, _| {
        rig.sql("do $$ begin execute format('alter database %I set lock_timeout = ''500ms''', current_database()); end $$").await;
        let (_holder, pid, chunk) = hold(rig).await;
        rig.sql(&format!(
            "select add_compression_policy('{NAME}', interval '2 days')"
        ))
        .await;
        // Some versions report success where a lock kept them from a chunk.
        until(rig, "the run does not end", "select exists (select from _timescaledb_internal.bgw_job_stat where job_id >= 1000 and last_finish > '-infinity')").await;
        let who = format!("session {pid} (nightly load) holds RowExclusiveLock");
        let words = [chunk.as_str(), "later ones are compressed", who.as_str()];
        let finding = found(rig, &rules::COMPRESSION_BLOCKED, NAME, &words).await;
        assert_eq!(finding.finding.mend, Some("terminate-session"));
        mend(rig, &finding, &[]).await;
        let words = [chunk.as_str(), "later ones are compressed"];
        let finding = found(rig, &rules::COMPRESSION_BLOCKED, NAME, &words).await;
        assert_eq!(finding.finding.mend, Some("compress-chunks"));
        mend(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_BLOCKED, NAME).await;
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
    });
}

/// A policy that compresses what is older than two days, with this in its configuration; it begins at once.
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
            "6 chunks past compress-after",
            " runs by maxchunks_to_compress 1, while about ",
            " a day fall due (by the chunks' ranges): done in about ",
        ];
        let told = found(rig, &rules::COMPRESSION_BACKLOG, NAME, &words).await;
        // Half a chunk falls due in a run's time, so that six want about twelve runs.
        let reason = &told.finding.reason;
        let (before, _) = reason.split_once(" runs by").unwrap();
        let runs: i64 = before.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((10..=12).contains(&runs), "{}: {reason}", rig.name);
        rig.sql(
            "select alter_job(j.id, schedule_interval => '2 days', next_start => now() + interval '2 days') from _timescaledb_config.bgw_job j where j.proc_name = 'policy_compression'",
        )
        .await;
        let words = ["it never catches up: maxchunks_to_compress 1 in a run every 2d, while about"];
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
        // Four of the seven still have the compressed part that was made then.
        let told = reason.contains("its last run compressed 4 in ")
            && reason.contains("(by when their compressed chunks were made): a run of about ");
        assert_eq!(
            told,
            version >= Version::new(2, 14),
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
        let told = found(rig, &rules::COMPRESSION_BACKLOG, NAME, &["5 chunks past"]).await;
        let reason = told.finding.reason;
        let words = reason.contains(", its run has compressed 2 in 1")
            && reason.contains("(by when their compressed chunks were made): done in about ");
        assert_eq!(
            words,
            version >= Version::new(2, 14),
            "{}: {reason}",
            rig.name
        );
        drop(holder);
    });
}
