//! Indexes with more cost than use: unused, useless on compressed data, bloated.

use hypertop::model::rules;
use hypertop::model::verdict::Level;

use super::support::act::Rig;
use super::support::client;
use super::support::triage::{fix, found, goes, gone};
use super::{NAME, of, on_each};

/// As if scans had been counted for long enough.
fn counted_long(rig: &Rig) {
    rig.limit(|limits| limits.statistics_age = 0.001);
}

#[test]
fn an_index_that_nobody_scans_is_told_by_its_size_and_dropped() {
    on_each("unused", async |rig, _| {
        rig.sql(&format!(
            "create index idle on {NAME} (v); create index busy on {NAME} (d)"
        ))
        .await;
        gone(rig, &rules::INDEX_UNUSED, &of("idle")).await;
        counted_long(rig);
        let user = client(&rig.conninfo).await;
        user.batch_execute(&format!(
            "set enable_seqscan = off; select * from {NAME} where d = 7"
        ))
        .await
        .unwrap();
        drop(user);
        goes(rig, &rules::INDEX_UNUSED, &of("busy")).await;
        let words = [
            "never scanned",
            "since statistics began",
            "kB, and every write updates it",
        ];
        let finding = found(rig, &rules::INDEX_UNUSED, &of("idle"), &words).await;
        assert_eq!(finding.finding.level, Level::Notice);
        rig.limit(|limits| limits.unused_index_bytes = 1024.0);
        let finding = found(rig, &rules::INDEX_UNUSED, &of("idle"), &words).await;
        assert_eq!(finding.finding.level, Level::Warning);
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_UNUSED, &of("idle")).await;
    });
}

async fn compress(rig: &Rig, older: &str) {
    rig.sql(&format!("select count(compress_chunk(c, true)) from show_chunks('{NAME}', older_than => interval '{older}') c")).await;
}

#[test]
fn an_index_that_compression_left_without_use_is_told_and_dropped() {
    on_each("useless", async |rig, _| {
        rig.sql(&format!("create index \"by.v\" on {NAME} (v); alter table {NAME} set (timescaledb.compress, timescaledb.compress_segmentby = 'd')")).await;
        compress(rig, "3 days").await;
        counted_long(rig);
        // A third of the chunks is not compressed, so the index counts as unused; compression is only mentioned.
        gone(rig, &rules::INDEX_COMPRESSED, &of("by.v")).await;
        let words = ["they are compressed, and queries there use the index of the compressed data"];
        found(rig, &rules::INDEX_UNUSED, &of("by.v"), &words).await;
        compress(rig, "1 minute").await;
        let words = [
            "useless on compressed data: it is on 10 chunks, 9 of them compressed",
            "this one is empty",
            "never scanned",
        ];
        let finding = found(rig, &rules::INDEX_COMPRESSED, &of("by.v"), &words).await;
        gone(rig, &rules::INDEX_UNUSED, &of("by.v")).await;
        compress(rig, "-2 days").await;
        let words = ["it is on 10 chunks, all compressed"];
        found(rig, &rules::INDEX_COMPRESSED, &of("by.v"), &words).await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_COMPRESSED, &of("by.v")).await;
    });
}

#[test]
fn an_index_that_is_scanned_on_the_newest_chunk_is_not_called_useless() {
    on_each("serves", async |rig, _| {
        rig.sql(&format!("create index \"by.v\" on {NAME} (v); alter table {NAME} set (timescaledb.compress, timescaledb.compress_segmentby = 'd')")).await;
        compress(rig, "1 minute").await;
        counted_long(rig);
        let words = ["it is on 10 chunks, 9 of them compressed"];
        found(rig, &rules::INDEX_COMPRESSED, &of("by.v"), &words).await;
        let user = client(&rig.conninfo).await;
        user.batch_execute(&format!("set enable_seqscan = off; select * from {NAME} where v = 7 and ts > now() - interval '1 minute'"))
            .await
            .unwrap();
        drop(user);
        goes(rig, &rules::INDEX_COMPRESSED, &of("by.v")).await;
        gone(rig, &rules::INDEX_UNUSED, &of("by.v")).await;
    });
}

#[test]
fn a_bloated_index_is_told_with_its_spare_bytes_and_packed() {
    on_each("bloat", async |rig, _| {
        rig.sql(&format!("insert into {NAME} select date_trunc('day', now()) - interval '5 days' + n * interval '1 second', n, n from generate_series(1, 40000) n; create index \"by.d\" on {NAME} (d, ts)")).await;
        rig.sql(&format!("analyze {NAME}")).await;
        rig.limit(|limits| limits.bloated_index_bytes = 500.0 * 1024.0);
        gone(rig, &rules::INDEX_BLOATED, &of("by.d")).await;
        rig.sql(&format!("delete from {NAME} where d > 300 and d % 10 <> 0"))
            .await;
        rig.sql(&format!("vacuum analyze {NAME}")).await;
        let words = [
            " are empty space (",
            "estimated from the last ANALYZE",
            "REINDEX CONCURRENTLY frees it",
        ];
        let finding = found(rig, &rules::INDEX_BLOATED, &of("by.d"), &words).await;
        let bytes = "select sum(pg_relation_size(indexrelid)) from pg_index where indexrelid::regclass::text like '%by.d\"'";
        let bytes = async || rig.text(bytes).await.parse::<i64>().unwrap();
        let before = bytes().await;
        fix(rig, &finding, &[]).await;
        assert!(bytes().await * 2 < before, "{}: {before}", rig.name);
        gone(rig, &rules::INDEX_BLOATED, &of("by.d")).await;
    });
}
