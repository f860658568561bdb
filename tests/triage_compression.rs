//! Triage of compression on real servers: each problem is created, found by its rule, and fixed by the suggested action. Then the finding
//! is gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "triage_compression/policies.rs"]
mod policies;
mod support;

use hypertop::model::rules;
use hypertop::model::verdict::Level;
use hypertop::model::version::Version;
use support::act::Rig;
use support::client;
use support::triage::{self, NAME, PACKS_WELL, fix, found, gone, until};

/// Runs a test in a new database of each version with [`PACKS_WELL`].
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, PACKS_WELL, test);
}

/// Compresses the chunks that are older than this.
async fn compress(rig: &Rig, older: &str) {
    rig.sql(&format!("select count(compress_chunk(c, true)) from show_chunks('{NAME}', older_than => interval '{older}') c")).await;
}

#[test]
fn chunks_under_old_settings_are_counted_and_rewritten() {
    on_each("old", async |rig, version| {
        compress(rig, "4 days").await;
        gone(rig, &rules::COMPRESSION_OLD, NAME).await;
        // Before 2.14 the settings cannot change while chunks are compressed.
        if version < Version::new(2, 14) {
            return;
        }
        rig.sql(&format!("alter table {NAME} set (timescaledb.compress, timescaledb.compress_segmentby = '', timescaledb.compress_orderby = 'd, ts desc')")).await;
        compress(rig, "2 days").await;
        let count = "select count(*) filter (where range_end < now() - interval '4 days')::text || ' of ' || count(*)::text from timescaledb_information.chunks where is_compressed";
        let count = rig.text(count).await;
        let words = [count.as_str(), "the settings are older than the table's"];
        let finding = found(rig, &rules::COMPRESSION_OLD, NAME, &words).await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_OLD, NAME).await;
    });
}

#[test]
fn late_rows_that_outgrow_the_record_are_found_and_packed() {
    on_each("drift", async |rig, _| {
        compress(rig, "4 days").await;
        gone(rig, &rules::COMPRESSION_RECORD, NAME).await;
        rig.sql(&format!("insert into {NAME} select date_trunc('day', now()) - interval '7 days' + t * interval '1 second', 1, repeat('x', 100) from generate_series(1, 14000) t")).await;
        let words = ["1 compressed chunk takes", "MB, but", "kB is recorded"];
        let finding = found(rig, &rules::COMPRESSION_RECORD, NAME, &words).await;
        fix(rig, &finding, &[]).await;
        rig.sql(&format!("vacuum {NAME}")).await;
        gone(rig, &rules::COMPRESSION_RECORD, NAME).await;
    });
}

/// Locks the oldest chunk; returns the client, its pid and the chunk's name.
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
        assert_eq!(finding.finding.fix, Some("terminate-session"));
        fix(rig, &finding, &[]).await;
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
        // Some versions report success for a run that could not lock a chunk.
        until(rig, "the run does not end", "select exists (select from _timescaledb_internal.bgw_job_stat where job_id >= 1000 and last_finish > '-infinity')").await;
        let who = format!("session {pid} (nightly load) holds RowExclusiveLock");
        let words = [chunk.as_str(), "later chunks are compressed", who.as_str()];
        let finding = found(rig, &rules::COMPRESSION_BLOCKED, NAME, &words).await;
        assert_eq!(finding.finding.fix, Some("terminate-session"));
        fix(rig, &finding, &[]).await;
        let words = [chunk.as_str(), "later chunks are compressed"];
        let finding = found(rig, &rules::COMPRESSION_BLOCKED, NAME, &words).await;
        assert_eq!(finding.finding.fix, Some("compress-chunks"));
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_BLOCKED, NAME).await;
        gone(rig, &rules::COMPRESSION_BACKLOG, NAME).await;
    });
}

/// Adds a policy that does not start during the test.
async fn policy(rig: &Rig, config: &str) {
    rig.sql(&format!("begin; select alter_job(add_compression_policy('{NAME}', interval '2 days'), next_start => now() + interval '3 hours', config => jsonb_build_object('hypertable_id', (select id from _timescaledb_catalog.hypertable where schema_name = 'Me.s')) || '{config}'); commit")).await;
}

/// Makes the policy run now, and waits for the end.
async fn run(rig: &Rig) {
    let runs = rig.text("select coalesce(max(total_runs), 0) from timescaledb_information.job_stats where job_id >= 1000").await;
    rig.sql("select alter_job(id, next_start => now()) from _timescaledb_config.bgw_job where proc_name = 'policy_compression'").await;
    until(rig, "the policy does not run", &format!("select coalesce((select total_runs > {runs} and last_run_status is not null and job_status <> 'Running' from timescaledb_information.job_stats where job_id >= 1000), false)")).await;
}

#[test]
fn compression_that_is_off_is_told_where_there_are_many_chunks_and_enabled() {
    on_each("off", async |rig, _| {
        rig.sql(&format!(
            "alter table {NAME} set (timescaledb.compress = false)"
        ))
        .await;
        gone(rig, &rules::COMPRESSION_OFF, NAME).await;
        rig.limit(|limits| limits.uncompressed_chunks = 9.0);
        let words = ["compression is not enabled for its 10 chunks"];
        let finding = found(rig, &rules::COMPRESSION_OFF, NAME, &words).await;
        fix(rig, &finding, &[("segment_by", "d")]).await;
        gone(rig, &rules::COMPRESSION_OFF, NAME).await;
    });
}

#[test]
fn compression_without_a_policy_is_told_and_given_one() {
    on_each("nobody", async |rig, _| {
        let words = ["without a policy: 10 chunks uncompressed. add-compression-policy"];
        let finding = found(rig, &rules::COMPRESSION_NO_POLICY, NAME, &words).await;
        fix(rig, &finding, &[("compress_after", "2 days")]).await;
        gone(rig, &rules::COMPRESSION_NO_POLICY, NAME).await;
        until(
            rig,
            "nothing is compressed",
            "select count(*) >= 6 from timescaledb_information.chunks where is_compressed",
        )
        .await;
    });
}

#[test]
fn frozen_chunks_are_told_and_thawed_as_the_words_say() {
    on_each("frozen", async |rig, _| {
        gone(rig, &rules::COMPRESSION_FROZEN, NAME).await;
        let chunk = rig
            .text(&format!("select min(c::text) from show_chunks('{NAME}') c"))
            .await;
        let schema = "case when to_regproc('_timescaledb_functions.freeze_chunk') is null then '_timescaledb_internal' else '_timescaledb_functions' end";
        let schema = rig.text(&format!("select {schema}")).await;
        rig.sql(&format!("select {schema}.freeze_chunk('{chunk}')"))
            .await;
        let thaw = format!("SELECT {schema}.unfreeze_chunk(chunk) unfreezes a chunk");
        let words = ["1 chunk frozen: policies skip frozen chunks", thaw.as_str()];
        let finding = found(rig, &rules::COMPRESSION_FROZEN, NAME, &words).await;
        assert_eq!(finding.finding.fix, None);
        rig.sql(&format!("select {schema}.unfreeze_chunk('{chunk}')"))
            .await;
        gone(rig, &rules::COMPRESSION_FROZEN, NAME).await;
    });
}

/// Inserts a late row into the oldest chunk.
async fn late(rig: &Rig) {
    rig.sql(&format!(
        "insert into {NAME} select min(ts) + interval '1 second', 1, 'late' from {NAME}"
    ))
    .await;
}

#[test]
fn late_rows_in_compressed_chunks_are_told_and_packed_with_and_without_a_policy() {
    on_each("late", async |rig, _| {
        compress(rig, "2 days").await;
        gone(rig, &rules::COMPRESSION_PARTIAL, NAME).await;
        late(rig).await;
        let words = [
            "1 chunk partially compressed",
            "there is no policy to recompress them",
        ];
        found(rig, &rules::COMPRESSION_PARTIAL, NAME, &words).await;
        policy(rig, r#"{"compress_after": "2 days", "recompress": false}"#).await;
        let words = ["its policy does not recompress them (recompress=false"];
        found(rig, &rules::COMPRESSION_PARTIAL, NAME, &words).await;
        run(rig).await;
        found(rig, &rules::COMPRESSION_PARTIAL, NAME, &words).await;
        rig.sql("select alter_job(id, config => config - 'recompress', next_start => now() + interval '3 hours') from _timescaledb_config.bgw_job where proc_name = 'policy_compression'").await;
        let words = ["the policy's next run recompresses"];
        let finding = found(rig, &rules::COMPRESSION_PARTIAL, NAME, &words).await;
        assert_eq!(finding.finding.level, Level::Notice);
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_PARTIAL, NAME).await;
        // The finding's text is right: the policy's next run does not fix the problem.
        late(rig).await;
        found(rig, &rules::COMPRESSION_PARTIAL, NAME, &words).await;
        run(rig).await;
        gone(rig, &rules::COMPRESSION_PARTIAL, NAME).await;
    });
}

/// Twenty small chunks with many devices, which grow if segmented by device, and a tiny table.
const GROWS: &str = "set client_min_messages = error; create table grown (ts timestamptz not null, d int, v int);
select create_hypertable('grown', 'ts', chunk_time_interval => interval '1 hour');
insert into grown select date_trunc('hour', now()) - h * interval '1 hour' + r * interval '1 second', r, r % 7 from generate_series(1, 20) h, generate_series(0, 1999) r;
alter table grown set (timescaledb.compress, timescaledb.compress_segmentby = 'd', timescaledb.compress_orderby = 'ts');
select count(compress_chunk(c)) from show_chunks('grown') c;
create table toy (ts timestamptz not null, d int);
select create_hypertable('toy', 'ts');
insert into toy values (now(), 1), (now(), 2), (now(), 3);
alter table toy set (timescaledb.compress, timescaledb.compress_segmentby = 'd');
select count(compress_chunk(c)) from show_chunks('toy') c";

#[test]
fn a_table_that_compression_makes_larger_is_found_and_only_the_settings_that_did_it_are_blamed() {
    triage::on_each("grown", GROWS, async |rig, version| {
        gone(rig, &rules::COMPRESSION_RATIO, "public.toy").await;
        let name = "public.grown";
        let words = [
            "compressed chunks are larger than before (0.",
            "MB more in all)",
            "segmentby d is too fine for chunks of this size: 1 rows per batch",
        ];
        let finding = found(rig, &rules::COMPRESSION_RATIO, name, &words).await;
        assert_eq!(finding.finding.level, Level::Warning);
        assert_eq!(finding.finding.fix, Some("edit-compression-settings"));
        // Before 2.14 the settings cannot change while chunks are compressed, so all chunks have the table's settings.
        if version < Version::new(2, 14) {
            gone(rig, &rules::COMPRESSION_OLD, name).await;
            return;
        }
        fix(rig, &finding, &[("segment_by", "v")]).await;
        gone(rig, &rules::COMPRESSION_RATIO, name).await;
        let words = [
            "on 20 of 20 compressed chunks the settings are older than the table's (compressed chunks are larger than before (0.",
            "rewrite-chunks applies the new settings",
        ];
        let finding = found(rig, &rules::COMPRESSION_OLD, name, &words).await;
        assert_eq!(finding.finding.level, Level::Warning);
        assert_eq!(finding.finding.fix, Some("rewrite-chunks"));
        assert!(!finding.finding.reason.contains("segmentby"));
        // One chunk with the present settings neither hides the others nor counts as old.
        let chunk = rig
            .text("select max(c::text) from show_chunks('grown') c")
            .await;
        rig.sql(&format!(
            "select decompress_chunk('{chunk}'); select compress_chunk('{chunk}')"
        ))
        .await;
        gone(rig, &rules::COMPRESSION_RATIO, name).await;
        let words = ["on 19 of 20 compressed chunks the settings are older"];
        let finding = found(rig, &rules::COMPRESSION_OLD, name, &words).await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::COMPRESSION_OLD, name).await;
        gone(rig, &rules::COMPRESSION_RATIO, name).await;
    });
}

#[test]
fn chunks_of_a_few_rows_that_compression_makes_larger_are_told_to_be_longer() {
    let source = "set client_min_messages = error; create table few (ts timestamptz not null, d int);\n\
                  select create_hypertable('few', 'ts', chunk_time_interval => interval '5 minutes');\n\
                  insert into few select t, 1 from generate_series(now() - interval '20 hours', now(), interval '1 minute') t;\n\
                  alter table few set (timescaledb.compress, timescaledb.compress_segmentby = 'd');\n\
                  select count(compress_chunk(c)) from show_chunks('few') c";
    triage::on_each("few", source, async |rig, _| {
        let words = [
            "compressed chunks are larger than before (0.",
            "chunks have too few rows: 5 each",
        ];
        let finding = found(rig, &rules::COMPRESSION_RATIO, "public.few", &words).await;
        assert_eq!(finding.finding.fix, Some("set-chunk-interval"));
        fix(rig, &finding, &[("interval", "1 day")]).await;
    });
}
