//! Indexes that another session is building: invalid until the build ends, and no problem.

use std::time::Duration;

use hypertop::model::rules;
use hypertop::model::verdict::Level;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::support::act::Rig;
use super::support::client;
use super::support::triage::{found, gone};
use super::{NAME, all_said, copy, interrupted, of, on_each};

/// A statement that waits for a transaction of another session.
struct Build {
    holder: Client,
    pid: String,
    run: JoinHandle<()>,
}

impl Build {
    /// Starts the statement while a transaction holds a lock on this table; returns when there is one invalid index more.
    async fn start(rig: &Rig, table: &str, statement: &str) -> Self {
        let invalid = "select count(*) from pg_index where not indisvalid";
        let before = rig.text(invalid).await;
        let holder = client(&rig.conninfo).await;
        let lock = format!("begin; lock table {table} in row exclusive mode");
        holder.batch_execute(&lock).await.unwrap();
        let builder = client(&rig.conninfo).await;
        let row = builder.query_one("select pg_backend_pid()::text", &[]);
        let pid = row.await.unwrap().get(0);
        let statement = statement.to_owned();
        let run =
            tokio::spawn(
                async move { builder.batch_execute(&statement).await.unwrap_or_default() },
            );
        while rig.text(invalid).await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let build = Self { holder, pid, run };
        build.waits(rig).await;
        build
    }

    /// Returns when the statement waits for the holder.
    async fn waits(&self, rig: &Rig) {
        let waiting = format!("select cardinality(pg_blocking_pids({}))", self.pid);
        while rig.text(&waiting).await == "0" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn finish(self) {
        self.holder.batch_execute("rollback").await.unwrap();
        self.run.await.unwrap();
    }

    /// The index's row says that it is being built, and nothing is wrong with it; also for a role without rights.
    async fn is_said(&self, rig: &Rig, index: &str) {
        rig.sql("do $$ begin create role nobody_much login; exception when duplicate_object then null; end $$").await;
        let weak = rig.conninfo.replace("user=postgres", "user=nobody_much");
        let weak = Box::pin(Rig::on(&rig.name, &weak)).await;
        for rig in [rig, &weak] {
            let said = Box::pin(all_said(rig, index)).await;
            let wrong = said.iter().filter(|one| one.level > Level::Ok);
            assert_eq!(wrong.count(), 0, "{}: {said:#?}", rig.name);
            let words = format!("being built by pid {}", self.pid);
            let note = said.iter().find(|one| one.reason.contains(&words));
            let note = note.unwrap_or_else(|| panic!("{}: {words}: {said:#?}", rig.name));
            assert_eq!(note.rule, &rules::INDEX_BUILDING, "{}", rig.name);
            assert_eq!(note.fix, None, "{}", rig.name);
        }
    }

    /// These actions on the index refuse, and name the session.
    async fn stops(&self, rig: &Rig, index: &str, actions: &[&str]) {
        for action in actions {
            let why = rig.plan(action, index, &[]).await.unwrap_err();
            let words = format!("session {}", self.pid);
            assert!(why.contains(&words), "{}: {action}: {why}", rig.name);
        }
    }
}

#[test]
fn a_hypertables_index_whose_chunks_are_built_one_by_one_is_not_interrupted() {
    on_each("per_chunk", async |rig, _| {
        let late = rig
            .text(&format!(
                "select c::text from show_chunks('{NAME}') c order by c::text offset 5 limit 1"
            ))
            .await;
        let create =
            format!("create index slow on {NAME} (d) with (timescaledb.transaction_per_chunk)");
        let build = Build::start(rig, &late, &create).await;
        build.is_said(rig, "slow").await;
        gone(rig, &rules::INDEX_MISSING, &of("slow")).await;
        let actions = ["rebuild-missing", "drop-index", "reindex-index"];
        build.stops(rig, "\"Me.s\".slow", &actions).await;
        build.finish().await;
        let said = all_said(rig, "slow").await;
        assert!(
            !said.iter().any(|one| one.reason.contains("being built")),
            "{said:#?}"
        );
    });
}

#[test]
fn a_chunks_index_that_is_reindexed_is_no_leftover() {
    on_each("reindexed", async |rig, _| {
        rig.sql(&format!("create index \"by.d\" on {NAME} (d)"))
            .await;
        let (chunk, copy) = copy(rig, "by.d").await;
        let reindex = format!("reindex index concurrently {copy}");
        let build = Build::start(rig, &chunk, &reindex).await;
        build.is_said(rig, "by.d").await;
        let actions = [
            "drop-leftovers",
            "rebuild-missing",
            "drop-index",
            "reindex-index",
        ];
        build.stops(rig, "\"Me.s\".\"by.d\"", &actions).await;
        let why = rig.plan("reindex-table", NAME, &[]).await.unwrap_err();
        assert!(why.contains(&build.pid), "{}: {why}", rig.name);
        build.finish().await;
        gone(rig, &rules::INDEX_LEFTOVERS, &of("by.d")).await;
    });
}

#[test]
fn an_index_that_is_built_on_one_chunk_is_neither_invalid_nor_missing_there() {
    on_each("one_chunk", async |rig, version| {
        rig.sql(&format!("create index \"by.d\" on {NAME} (d)"))
            .await;
        let (chunk, copy) = copy(rig, "by.d").await;
        // Up to 2.21 an index that is built on a chunk does not belong to the hypertable's index.
        if version < hypertop::model::version::Version::new(2, 22) {
            return;
        }
        rig.sql(&format!("drop index {copy}")).await;
        let create = format!("create index concurrently on {chunk} (d)");
        let build = Build::start(rig, &chunk, &create).await;
        build.is_said(rig, "by.d").await;
        build
            .stops(rig, "\"Me.s\".\"by.d\"", &["rebuild-missing"])
            .await;
        build.finish().await;
        gone(rig, &rules::INDEX_INVALID, &of("by.d")).await;
    });
}

#[test]
fn an_index_of_a_plain_table_that_is_built_or_reindexed_is_no_problem_and_an_interrupted_one_beside_it_is()
 {
    on_each("beside", async |rig, _| {
        rig.sql("create table pl (id int, v int); insert into pl values (1, 1), (1, 2); create index whole on pl (v)").await;
        let twice = "create unique index concurrently broken on pl (id)";
        rig.client.batch_execute(twice).await.unwrap_err();
        interrupted(rig, "pl", "reindex index concurrently whole").await;
        let of = |index: &str| format!("public.pl: {index}");
        for (statement, index, target) in [
            (
                "create index concurrently fresh on pl (id, v)",
                "fresh",
                "public.fresh",
            ),
            (
                "reindex index concurrently whole",
                "whole_ccnew1",
                "public.whole",
            ),
        ] {
            let build = Build::start(rig, "pl", statement).await;
            build.is_said(rig, index).await;
            for wrong in ["broken", "whole_ccnew"] {
                let said = found(rig, &rules::INDEX_INVALID, &of(wrong), &["invalid"]).await;
                let reason = &said.finding.reason;
                assert!(!reason.contains("built by"), "{}: {reason}", rig.name);
            }
            build
                .stops(rig, target, &["reindex-index", "drop-index"])
                .await;
            build.finish().await;
        }
        gone(rig, &rules::INDEX_INVALID, &of("fresh")).await;
    });
}
