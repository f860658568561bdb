//! Triage of indexes on real servers: each problem is created, found by its rule, and fixed by the suggested action or the statement in the
//! reason. Then the finding is gone.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

#[path = "triage_indexes/building.rs"]
mod building;
mod support;
#[path = "triage_indexes/using.rs"]
mod using;

use hypertop::model::rules;
use hypertop::model::screen_id::ScreenId;
use hypertop::model::verdict::{Finding, Level};
use hypertop::model::version::Version;
use hypertop::screens::record::Record;
use support::act::Rig;
use support::client;
use support::triage::{self, fix, found, gone};

const NAME: &str = r#""Me.s"."Raw ""x""""#;

/// A hypertable with ten daily chunks and no index.
const SOURCE: &str = r#"set client_min_messages = error; create schema "Me.s"; create table "Me.s"."Raw ""x""" (ts timestamptz not null, d int, v float8);
select create_hypertable('"Me.s"."Raw ""x"""', 'ts', chunk_time_interval => interval '1 day', create_default_indexes => false);
insert into "Me.s"."Raw ""x""" select t, n, n from generate_series(date_trunc('day', now()) - interval '9 days', now(), interval '1 hour') with ordinality s(t, n)"#;

/// Runs a test in a new database of each version with [`SOURCE`].
fn on_each(name: &str, test: impl AsyncFn(&Rig, Version)) {
    triage::on_each(name, SOURCE, test);
}

/// The screen's name for an index of the hypertable.
fn of(index: &str) -> String {
    format!("{NAME}: {index}")
}

/// The oldest chunk, and the chunk's copy of this index.
async fn copy(rig: &Rig, index: &str) -> (String, String) {
    let chunk = rig
        .text(&format!(
            "select min(c::text) from show_chunks('{NAME}', older_than => interval '8 days') c"
        ))
        .await;
    let copy = rig
        .text(&format!("select x.indexrelid::regclass::text from pg_index x join pg_class c on c.oid = x.indexrelid where x.indrelid = '{chunk}'::regclass and c.relname like '%{index}'"))
        .await;
    (chunk, copy)
}

/// Runs a statement that waits for a session with a lock on this table, until `statement_timeout` cancels it.
async fn interrupted(rig: &Rig, table: &str, statement: &str) {
    let reader = client(&rig.conninfo).await;
    let lock = format!("begin; lock table {table} in row exclusive mode");
    reader.batch_execute(&lock).await.unwrap();
    let other = client(&rig.conninfo).await;
    let hasty = "set statement_timeout = '500ms'";
    other.batch_execute(hasty).await.unwrap();
    other.batch_execute(statement).await.unwrap_err();
    // The error is sent before the locks are released.
    other.batch_execute("select 1").await.unwrap();
}

/// All findings on an index, at any level.
async fn all_said(rig: &Rig, index: &str) -> Vec<Finding> {
    let (screens, at) = triage::look(rig, &[ScreenId::Indexes]).await;
    let row = screens.indexes.rows().iter().find(|row| row.name == index);
    row.unwrap().verdict(&at).findings
}

#[test]
fn a_duplicate_is_dropped_and_the_other_stays_on_every_chunk() {
    on_each("twins", async |rig, version| {
        let create = |name: &str| format!("create index \"{name}\" on {NAME} (d, ts desc)");
        rig.sql(&create("twin.a")).await;
        gone(rig, &rules::INDEX_DUPLICATE, &of("twin.a")).await;
        rig.sql(&create("twin b")).await;
        // From 2.22 on, the duplicates share one index on new chunks.
        rig.sql(&format!(
            "insert into {NAME} values (now() + interval '3 days', 1, 1)"
        ))
        .await;
        let words = ["the same as twin.a, which should stay"];
        let finding = found(rig, &rules::INDEX_DUPLICATE, &of("twin b"), &words).await;
        let shares = finding
            .finding
            .reason
            .contains("on 1 chunk both indexes share one chunk index");
        assert_eq!(
            shares,
            version >= Version::new(2, 22),
            "{}",
            finding.finding.reason
        );
        gone(rig, &rules::INDEX_DUPLICATE, &of("twin.a")).await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_DUPLICATE, &of("twin b")).await;
        gone(rig, &rules::INDEX_MISSING, &of("twin.a")).await;
        assert_eq!(
            rig.text(
                "select count(*) from pg_index where indrelid::regclass::text like '%hyper%chunk'"
            )
            .await,
            "11",
            "{}",
            rig.name
        );
    });
}

#[test]
fn an_index_that_a_wider_one_covers_is_dropped() {
    on_each("covered", async |rig, _| {
        rig.sql(&format!("create index narrow on {NAME} (d)")).await;
        gone(rig, &rules::INDEX_COVERED, &of("narrow")).await;
        rig.sql(&format!("create index \"wi.de\" on {NAME} (d, ts)"))
            .await;
        let words = ["wi.de begins with the same columns and can replace this index"];
        let finding = found(rig, &rules::INDEX_COVERED, &of("narrow"), &words).await;
        assert_eq!(finding.finding.level, Level::Notice);
        gone(rig, &rules::INDEX_COVERED, &of("wi.de")).await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_COVERED, &of("narrow")).await;
    });
}

#[test]
fn a_chunk_that_lacks_the_index_is_told_and_given_one() {
    on_each("lacks", async |rig, _| {
        rig.sql(&format!("create index \"by.d\" on {NAME} (d)"))
            .await;
        gone(rig, &rules::INDEX_MISSING, &of("by.d")).await;
        let (_, copy) = copy(rig, "by.d").await;
        rig.sql(&format!("drop index {copy}")).await;
        let words = ["1 of 10 chunks does not have it", "read the whole chunk"];
        let finding = found(rig, &rules::INDEX_MISSING, &of("by.d"), &words).await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_MISSING, &of("by.d")).await;
        assert_eq!(
            all_said(rig, "by.d")
                .await
                .iter()
                .filter(|finding| finding.level > Level::Notice)
                .count(),
            0
        );
    });
}

#[test]
fn an_index_that_was_built_in_part_is_built_anew() {
    on_each("part", async |rig, _| {
        let create = format!(
            "create index half on {NAME} ((1 / (d - 100))) with (timescaledb.transaction_per_chunk)"
        );
        rig.client.batch_execute(&create).await.unwrap_err();
        let words = [
            "some chunks may not have it, and queries cannot use it there",
            "build was interrupted",
        ];
        let finding = found(rig, &rules::INDEX_INVALID, &of("half"), &words).await;
        assert_eq!(finding.finding.level, Level::Critical);
        rig.sql(&format!("delete from {NAME} where d = 100")).await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_INVALID, &of("half")).await;
        gone(rig, &rules::INDEX_MISSING, &of("half")).await;
    });
}

#[test]
fn an_index_that_is_invalid_on_one_chunk_is_built_anew_there_only() {
    on_each("invalid", async |rig, _| {
        rig.sql(&format!("create index \"by.d\" on {NAME} (d)"))
            .await;
        gone(rig, &rules::INDEX_INVALID, &of("by.d")).await;
        let (chunk, copy) = copy(rig, "by.d").await;
        interrupted(rig, &chunk, &format!("drop index concurrently {copy}")).await;
        let words = [
            "invalid on 1 chunk",
            "there with REINDEX INDEX CONCURRENTLY",
        ];
        let finding = found(rig, &rules::INDEX_INVALID, &of("by.d"), &words).await;
        let files = async || {
            rig.texts("select relfilenode from pg_class where relname like '%by.d'")
                .await
        };
        let before = files().await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_INVALID, &of("by.d")).await;
        let after = files().await;
        let same = after.iter().filter(|file| before.contains(file)).count();
        assert_eq!((before.len(), same), (11, 10), "{}", rig.name);
    });
}

#[test]
fn what_an_interrupted_reindex_leaves_on_a_chunk_is_told_and_dropped() {
    on_each("left", async |rig, _| {
        rig.sql(&format!("create index \"by.d\" on {NAME} (d)"))
            .await;
        let (chunk, copy) = copy(rig, "by.d").await;
        interrupted(rig, &chunk, &format!("reindex index concurrently {copy}")).await;
        let words = [
            "1 invalid leftover of an interrupted REINDEX",
            "_ccnew. Drop every leftover",
        ];
        let finding = found(rig, &rules::INDEX_LEFTOVERS, &of("by.d"), &words).await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_LEFTOVERS, &of("by.d")).await;
    });
}

#[test]
fn invalid_indexes_of_plain_tables_are_told_and_fixed() {
    on_each("plain", async |rig, _| {
        rig.sql("create table \"Me.s\".\"pl.ain\" (id int, v int); insert into \"Me.s\".\"pl.ain\" values (1, 1), (1, 2)").await;
        let twice = "create unique index concurrently \"once.only\" on \"Me.s\".\"pl.ain\" (id)";
        rig.client.batch_execute(twice).await.unwrap_err();
        let of = |index: &str| format!("\"Me.s\".\"pl.ain\": {index}");
        let words = ["Remove duplicate rows, then REINDEX it"];
        let finding = found(rig, &rules::INDEX_INVALID, &of("once.only"), &words).await;
        rig.sql("delete from \"Me.s\".\"pl.ain\" where v = 2").await;
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_INVALID, &of("once.only")).await;

        let reindex = "reindex index concurrently \"Me.s\".\"once.only\"";
        interrupted(rig, "\"Me.s\".\"pl.ain\"", reindex).await;
        let words = ["It is a leftover of an interrupted REINDEX CONCURRENTLY. Drop it"];
        let left = of("once.only_ccnew");
        let finding = found(rig, &rules::INDEX_INVALID, &left, &words).await;
        assert_eq!(finding.finding.level, Level::Warning);
        fix(rig, &finding, &[]).await;
        gone(rig, &rules::INDEX_INVALID, &left).await;
    });
}

#[test]
fn an_index_that_a_partition_lacks_is_attached_as_the_words_say() {
    on_each("parted", async |rig, _| {
        rig.sql("create table parted (k int) partition by range (k); create table parted_1 partition of parted for values from (0) to (9);
                 create index whole on only parted (k)").await;
        let words =
            ["Create it on every partition, and attach it (ALTER INDEX ... ATTACH PARTITION)"];
        let of = "public.parted: whole";
        let finding = found(rig, &rules::INDEX_INVALID, of, &words).await;
        assert_eq!(finding.finding.fix, None);
        rig.sql("create index piece on parted_1 (k); alter index whole attach partition piece")
            .await;
        gone(rig, &rules::INDEX_INVALID, of).await;
    });
}

#[test]
fn the_size_of_an_index_that_is_locked_is_said_to_be_unknown_until_the_lock_is_gone() {
    on_each("size", async |rig, _| {
        rig.sql(&format!("create index \"by.d\" on {NAME} (d)"))
            .await;
        let (_, copy) = copy(rig, "by.d").await;
        let holder = client(&rig.conninfo).await;
        let lock = format!("begin; reindex index {copy}");
        holder.batch_execute(&lock).await.unwrap();
        let said = all_said(rig, "by.d").await;
        let unknown = said
            .iter()
            .find(|one| one.rule == &rules::INDEX_SIZE_UNKNOWN);
        let unknown = unknown.unwrap_or_else(|| panic!("{}: {said:#?}", rig.name));
        assert_eq!(unknown.level, Level::Ok);
        assert!(
            unknown.reason.contains("its present size is unknown: ")
                && unknown.reason.contains("lock"),
            "{}",
            unknown.reason
        );
        holder.batch_execute("rollback").await.unwrap();
        let said = all_said(rig, "by.d").await;
        assert!(
            said.iter()
                .all(|one| one.rule != &rules::INDEX_SIZE_UNKNOWN),
            "{}: {said:#?}",
            rig.name
        );
    });
}

#[test]
fn chunk_indexes_that_could_be_either_are_told_and_named_as_the_words_say() {
    on_each("unsure", async |rig, version| {
        rig.sql(&format!(
            "create index plus on {NAME} ((d + 1)); create index more on {NAME} ((d + 2))"
        ))
        .await;
        gone(rig, &rules::INDEX_UNSURE, &of("plus")).await;
        let (chunk, copy) = copy(rig, "plus").await;
        rig.sql(&format!("alter index {copy} rename to stray"))
            .await;
        // Up to 2.21 the catalogue records which index it belongs to.
        if version < Version::new(2, 22) {
            gone(rig, &rules::INDEX_UNSURE, &of("plus")).await;
            return;
        }
        let words = [
            "1 chunk index may belong to this index or to another",
            "Rename each to <chunk>_plus",
        ];
        found(rig, &rules::INDEX_UNSURE, &of("plus"), &words).await;
        let (schema, chunk) = chunk.split_once('.').unwrap();
        rig.sql(&format!(
            "alter index {schema}.stray rename to {chunk}_plus"
        ))
        .await;
        gone(rig, &rules::INDEX_UNSURE, &of("plus")).await;
        gone(rig, &rules::INDEX_MISSING, &of("plus")).await;
    });
}
